//! Whether there is room for a proposal, and for it to wait for people. Takes who proposes, gives a course, or the
//! limit that is reached.
//!
//! Never writes anything down, and never gives up what was taken.

use deed_record::lifecycle::event::{Entry, Event};
use deed_record::lifecycle::story::Story;
use deed_record::policy::Verdict;

use super::Engine;
use super::error::EngineError;
use super::intake::IntakeError;
use crate::capacity::admission::{Course, Limit, Overload};
use crate::stage::contract::Caller;
use crate::stage::policy;

/// Room for one more, and the limit of what waits for people where that is reached.
pub(super) type Room = (Course, Option<Limit>);

impl Engine {
    /// For an agent's proposal: by what is under way.
    pub(super) fn room(&self, caller: Caller<'_>) -> Result<Room, Overload> {
        let (tenant, agent) = (&caller.tenant.name, caller.agent);
        let course = self.admission.admit(tenant, agent)?;
        Ok((course, self.admission.full_of_waiting(tenant, agent)))
    }

    /// For what an operator has proposed: whatever is under way.
    pub(super) fn room_for_operator(&self, caller: Caller<'_>) -> Room {
        (self.admission.enter(&caller.tenant.name, caller.agent), None)
    }

    /// Refuses what would come to wait for people while too many do, and what may come to it after the look: what
    /// was taken is not given up for that. Policy is asked here only then; what needs nobody is taken all the same.
    pub(super) fn must_not_wait(
        &self,
        caller: Caller<'_>,
        proposed: &Event,
        limit: Limit,
    ) -> Result<(), IntakeError> {
        let now_ms = self.clock.now_ms();
        let entry = Entry { at_ms: now_ms, event: proposed.clone() };
        let story = Story::fold(&[entry]).map_err(EngineError::from)?;
        let (decision, _) = policy::decide(caller.tenant, &story, now_ms, None);
        let later = || caller.tenant.policies.may_ask_later(&story.bound.action.contract.name);
        let may_wait = match decision.verdict {
            Verdict::Ask => true,
            Verdict::Allow => later(),
            Verdict::Deny => false,
        };
        if may_wait { Err(self.admission.refuse_to_wait(limit).into()) } else { Ok(()) }
    }
}
