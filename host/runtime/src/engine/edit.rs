//! Replaces a waiting action by the version that an approver proposed.
//!
//! The changed version is an action of the same agent. It takes the place of the waiting one when it would wait for
//! people itself: policy has permitted it then, and the state has been read. If it ends before that, the other action
//! waits on. The driver of the changed version makes the replacement, so a crash in between is repaired by
//! the next start. An append to the other action succeeds only while it waits, so of an answer and a replacement, and of
//! two replacements, one wins.
//!
//! An action that repeats an edited action on an operator's instruction has the same editors. It replaces an action that
//! has ended, so there is nothing to deny.

use std::sync::Arc;

use deed_record::action::id::ActionId;
use deed_record::action::private::OpeningError;
use deed_record::action::{Edit, Proposal};
use deed_record::lifecycle::event::Event;
use deed_record::lifecycle::outcome::{Judgement, Outcome};
use deed_record::lifecycle::story::Story;
use deed_record::statement::resolution::ResolutionVerdict;
use deed_spec::json::ShapeError;

use super::Engine;
use super::drafts::Earlier;
use super::drive::{Drive, Step};
use super::error::EngineError;
use super::intake::{Accepted, IntakeError};
use crate::config::{Granted, Tenant};
use crate::stage::approval::edit::{self, Draft, EditError};
use crate::stage::contract::{self, Access, BindFault, Caller, NoAccess, Party};

impl Engine {
    /// Proposes a changed version of a waiting action, which this person may answer. The same draft of the same person is
    /// the same action, unless that action ended without an effect. The draft can then be proposed again, as long as the
    /// waiting action can be replaced.
    ///
    /// # Errors
    ///
    /// Fails when the host accepts no new work, the person may not answer or has proposed too many drafts, a limit of the
    /// agent is reached, or the draft does not match the contract.
    pub async fn edit(
        self: &Arc<Self>,
        tenant: &str,
        id: &ActionId,
        person: &str,
        draft: Draft,
    ) -> Result<Accepted, IntakeError> {
        self.takes_answers()?;
        let configured = self.tenant(tenant).ok_or(EngineError::Unknown)?;
        loop {
            match self.take_draft(&configured, id, person, draft.clone()).await {
                // Another draft of this person was accepted first and has the number of this one, so the loop compares
                // the draft with that one too. Each repetition finds one more number taken.
                Err(IntakeError::KeyReused) => {}
                taken => return taken,
            }
        }
    }

    async fn take_draft(
        self: &Arc<Self>,
        tenant: &Tenant,
        id: &ActionId,
        person: &str,
        draft: Draft,
    ) -> Result<Accepted, IntakeError> {
        let story = self.load_of(&tenant.name, id)?.story;
        let proposal = edit::proposal(&story, draft);
        let claimed = match self.earlier_draft(&story, person, &proposal)? {
            Earlier::Same(id) => return Ok(Accepted { id, waiting: None }),
            Earlier::Others(claimed) => claimed,
        };
        let (made, granted) = self.may_edit(tenant, &story, person)?;
        if proposal.params == self.params_of(&story)? {
            return Err(EditError::Same.into());
        }
        keeps_private(&story, granted, &proposal)?;
        has_sources(granted, &proposal)?;
        let claimed = claimed.ok_or_else(|| EditError::TooOften(person.to_owned()))?;
        let caller = self.agent_of(tenant, &story)?;
        let trace = story.trace.clone();
        self.propose_edit(caller, proposal, claimed, trace, made).await
    }

    /// Checks that this person may propose a changed version of the waiting action now. Returns who has changed it
    /// then, and the grant of its contract.
    ///
    /// # Errors
    ///
    /// Fails with the reason why the person may not.
    pub fn may_edit<'a>(
        &'a self,
        tenant: &'a Tenant,
        story: &'a Story,
        person: &str,
    ) -> Result<(Edit, &'a Granted), IntakeError> {
        let made = edit::edit(tenant, story, person, self.clock.latest_ms())?;
        let caller = self.agent_of(tenant, story)?;
        Ok((made, contract::granted(caller, &story.bound.action.contract.name)?))
    }

    /// The agent of the action as the caller of the changed version, so that its grants and limits apply.
    fn agent_of<'a>(
        &'a self,
        tenant: &'a Tenant,
        story: &'a Story,
    ) -> Result<Caller<'a>, EditError> {
        let action = &story.bound.action;
        let agent = tenant.agents.get(&action.principal);
        if agent.is_none_or(|agent| agent.person != action.person) {
            return Err(EditError::NoAgent(action.principal.clone()));
        }
        Ok(Caller {
            tenant,
            environment: self.environment(),
            agent: &action.principal,
            person: &action.person,
            // The proposal has the party for whom the agent acted.
            party: Party::Proposal,
            access: Access::Missing(NoAccess::Editor),
        })
    }

    /// The parameters of an action with the private values.
    fn params_of(&self, story: &Story) -> Result<serde_json::Value, EngineError> {
        let bound = &story.bound;
        let params = bound.private.params(&self.contract_of(story)?, &bound.action.params);
        Ok(params.map_err(OpeningError::from)?.reveal().clone())
    }

    /// Denies the action that `new` replaces, if it waits. Returns whether `new` has its place.
    async fn replace(self: &Arc<Self>, edit: &Edit, new: &ActionId) -> Result<bool, EngineError> {
        let reason = edit::replaced_reason(new);
        loop {
            let told = self.load(&edit.replaces)?;
            let story = &told.story;
            let is_replaced = story.judgement.as_ref().is_some_and(|one| one.reason == reason);
            if is_replaced || is_repeated(story, edit) {
                return Ok(true);
            }
            if !edit::may_be_replaced(story, self.clock.latest_ms()) {
                return Ok(false);
            }
            let judgement = Arc::new(Judgement::plain(Outcome::Denied, reason.clone()));
            match self.append_fact(told, Event::Judged { judgement }, vec![]).await {
                // An answer or another event was appended first, so the loop checks again whether the action waits.
                Err(EngineError::Conflict) => {}
                Err(error) => return Err(error),
                Ok(told) => {
                    drop(self.carry_on(told));
                    return Ok(true);
                }
            }
        }
    }
}

/// Checks that the draft has no private value of the waiting action in a place that others read. The editor may know
/// such values; the check of the draft itself knows only its own.
fn keeps_private(story: &Story, granted: &Granted, proposal: &Proposal) -> Result<(), EditError> {
    let private = &story.bound.private;
    if let Some(name) = private.published_by(&granted.contract) {
        return Err(EditError::Published(name.to_owned()));
    }
    private.repeated(proposal).map_or(Ok(()), |at| Err(EditError::Tells(at)))
}

/// Checks early what policy would refuse. The host added the last source.
fn has_sources(granted: &Granted, proposal: &Proposal) -> Result<(), BindFault> {
    let (wanted, added) = (granted.contract.evidence.sources, 1);
    let named = proposal.sources.len().saturating_sub(added);
    if named >= wanted {
        return Ok(());
    }
    let reason = format!("the contract requires {wanted} source(s), and the draft names {named}");
    Err(ShapeError { pointer: "/sources".to_owned(), reason }.into())
}

/// Whether an operator had this action proposed again, and `edit` is that of the repetition. A repetition has the same
/// editors, and a changed version has one more.
fn is_repeated(story: &Story, edit: &Edit) -> bool {
    let resolution = story.resolution.as_ref();
    let is_retry = resolution.is_some_and(|(said, _)| said.verdict == ResolutionVerdict::Retry);
    is_retry && story.bound.action.requesters().editors == Some(&edit.edited_by)
}

impl Drive<'_> {
    /// Takes the place of the action that this one replaces, if it is a changed version. Returns the step that ends this
    /// action if the other one was answered or ended meanwhile.
    pub(super) async fn take_the_place(&mut self) -> Result<Option<Step>, EngineError> {
        let action = &self.work.story.bound.action;
        let Some(edit) = action.edit.clone() else { return Ok(None) };
        let id = action.id.clone();
        // What permits this action is in the journal before the other action ends.
        self.flush(true).await?;
        if self.engine.replace(&edit, &id).await? {
            return Ok(None);
        }
        let reason = format!("{} was not replaced, because it waits no longer", edit.replaces);
        self.judge(Judgement::plain(Outcome::Denied, reason)).await.map(Some)
    }

    /// The judgement of a changed version that nobody has approved.
    pub(super) fn unapproved(&self) -> Option<Judgement> {
        let reason = edit::unapproved(&self.work.story)?;
        Some(Judgement::plain(Outcome::Denied, reason))
    }
}
