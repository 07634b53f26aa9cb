//! Checks whether the limits allow another action, and whether they allow that action to wait for people.
//!
//! This module writes nothing, and never drops an action that was accepted.

use deed_record::lifecycle::event::{Entry, Event};
use deed_record::lifecycle::story::Story;
use deed_record::policy::Verdict;

use super::Engine;
use super::error::EngineError;
use super::intake::IntakeError;
use crate::capacity::admission::{ActivePlace, Limit, Overload};
use crate::stage::contract::Caller;
use crate::stage::policy;

/// A place for one more action, and the limit on waiting actions if that limit is reached.
pub(super) type Room = (ActivePlace, Option<Limit>);

impl Engine {
    /// Takes a place for an agent's proposal. Fails when too many actions are under way.
    pub(super) fn room(&self, caller: Caller<'_>) -> Result<Room, Overload> {
        let (tenant, agent) = (&caller.tenant.name, caller.agent);
        let course = self.admission.admit(tenant, agent)?;
        Ok((course, self.admission.full_of_waiting(tenant, agent)))
    }

    /// Takes a place for a proposal on an operator's instruction. This never fails.
    pub(super) fn room_for_operator(&self, caller: Caller<'_>) -> Room {
        (self.admission.enter(&caller.tenant.name, caller.agent), None)
    }

    /// Asks policy whether the action would wait for people. This function is called only when the limit on waiting
    /// actions is reached. Fails when the action would wait, or may have to wait after the first observation, because
    /// an accepted action is never dropped to free a place. An action that needs no approval is accepted, and a dry run
    /// is too: it waits for nobody.
    pub(super) fn must_not_wait(
        &self,
        caller: Caller<'_>,
        proposed: &Event,
        limit: Limit,
    ) -> Result<(), IntakeError> {
        let now_ms = self.clock.now_ms();
        let entry = Entry { at_ms: now_ms, event: proposed.clone() };
        let story = Story::fold(&[entry]).map_err(EngineError::from)?;
        if story.is_dry_run() {
            return Ok(());
        }
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
