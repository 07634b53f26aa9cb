//! Resolution of open outcomes by people: shows an open outcome to an operator, accepts the signed resolution, and
//! records the outcome that follows from it.
//!
//! The host observes the state once more, if it can, before a resolution becomes an outcome.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use deed_record::action::id::ActionId;
use deed_record::action::private::OpeningError;
use deed_record::action::{Bound, Edit, Proposal, Source};
use deed_record::contract::Contract;
use deed_record::lifecycle::event::Event;
use deed_record::lifecycle::outcome::Outcome;
use deed_record::lifecycle::story::Story;
use deed_record::statement::envelope::Signed;
use deed_record::statement::resolution::ResolutionVerdict;
use deed_record::statement::resolution_request::{LastLook, ResolutionRequest};
use deed_record::timeline::utc;
use deed_spec::dsse::Envelope;
use deed_spec::json;

use super::activate::leaves;
use super::drive::{Drive, Step};
use super::error::{EngineError, Stopping};
use super::intake::{Claimed, IntakeError};
use super::settle::Later;
use super::{DriverHandle, Engine};
use crate::stage::contract::{Access, Caller, NoAccess, Party};
use crate::stage::resolution::{self, ResolveError};

/// The last observation of each action with an open outcome, which people are shown. After a restart, the host has none
/// of these observations until it reads the state again.
#[derive(Debug, Default)]
pub(super) struct LastSeen(Mutex<HashMap<ActionId, LastLook>>);

impl LastSeen {
    pub(super) fn remember(&self, id: &ActionId, look: LastLook) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), look);
    }

    pub(super) fn forget(&self, id: &ActionId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    fn recall(&self, id: &ActionId) -> Option<LastLook> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }
}

impl Engine {
    /// The request that is shown to a person who resolves the action; `None` if the action has no open outcome.
    pub fn resolution_request(&self, person: &str, story: &Story) -> Option<ResolutionRequest> {
        resolution::request(person, story, self.last_seen.recall(&story.bound.action.id))
    }

    /// Accepts a person's signed resolution of an open outcome.
    ///
    /// # Errors
    ///
    /// Fails when the host accepts no answers, the resolution is not valid, or a write may still take effect.
    pub async fn resolve(
        self: &Arc<Self>,
        tenant: &str,
        id: &ActionId,
        envelope: Envelope,
    ) -> Result<DriverHandle, IntakeError> {
        self.takes_answers()?;
        let configured = self.tenant(tenant).ok_or(EngineError::Unknown)?;
        loop {
            let told = self.load_of(tenant, id)?;
            let now_ms = self.clock.now_ms();
            let said = resolution::receive(&configured, &told.story, &envelope, now_ms)?;
            self.must_have_landed(&told.story, now_ms)?;
            let nonce = format!("{id}/{}/resolve", said.nonce);
            let (resolution, envelope) = (Arc::new(said), Signed::shared(envelope.clone()));
            let event = Event::Resolved { resolution, envelope };
            match self.append_fact(told, event, vec![nonce]).await {
                // Another event (a resolution, an observation or an escalation) was appended first, so the loop checks
                // again whether the outcome is still open.
                Err(EngineError::Conflict) => {}
                Err(error) => return Err(error.into()),
                Ok(told) => {
                    // The resolution is offered to the log at once. Its log index shows when it was given, so that the
                    // resolution still counts if the operator's key is retired later.
                    if let Some(publisher) = self.publisher(tenant) {
                        publisher.offer(leaves(&told.story)?);
                    }
                    return Ok(self.carry_on(told));
                }
            }
        }
    }

    /// Fails while a write may still take effect, because its effect cannot be known yet.
    fn must_have_landed(&self, story: &Story, now_ms: i64) -> Result<(), IntakeError> {
        match self.lands_until_ms(story)?.filter(|until| now_ms < *until) {
            Some(until) => Err(ResolveError::TooEarly(utc(until)).into()),
            None => Ok(()),
        }
    }

    /// The time after which no write without a definite answer can take effect, in Unix milliseconds; `None` if there is
    /// no such write.
    ///
    /// # Errors
    ///
    /// Fails when the contract of the action is not stored or cannot be read.
    pub fn lands_until_ms(&self, story: &Story) -> Result<Option<i64>, EngineError> {
        let settle_ms = self.contract_of(story)?.verify.settle.as_signed();
        Ok(story.lands_until_ms(settle_ms, self.clock.began_ms()))
    }

    /// The contract under which the action was proposed, regardless of the present configuration.
    ///
    /// # Errors
    ///
    /// Fails when the contract is not stored or cannot be read.
    pub fn contract_of(&self, story: &Story) -> Result<Contract, EngineError> {
        let digest = story.bound.action.contract.digest;
        let lost = || EngineError::NotKept { what: "the contract", digest };
        let kept = self.kept(digest)?.ok_or_else(lost)?;
        Ok(Contract::from_json(json::parse(&kept)?)?)
    }
}

impl Drive<'_> {
    /// Observes the state once more, if possible, and records the outcome that follows from the observation and the
    /// resolution.
    pub(super) async fn conclude_resolved(&mut self) -> Result<Step, EngineError> {
        let Some((said, _)) = self.work.story.resolution.clone() else { return Ok(Step::Rest) };
        let id = self.work.story.bound.action.id.clone();
        // Usually, no write can take effect any more, so the driver need not wait here. After a restart it may have to
        // wait, because the new process repeats the wait that an earlier process began.
        let settle_ms = self.engine.contract_of(&self.work.story)?.verify.settle.as_signed();
        let began_ms = self.engine.clock.began_ms();
        self.flush(false).await?;
        self.engine.until(self.work.story.lands_until_ms(settle_ms, began_ms).unwrap_or(0)).await?;
        let (look, seen) = match self.look_again().await? {
            Later::Seen(look, judgement) => (Some(look), Some(Arc::unwrap_or_clone(judgement))),
            Later::TooEarly => unseen(&id, "a write that was sent may still take effect"),
            Later::NotNow(why) => unseen(&id, why),
            Later::InVain(why) => unseen(&id, &why),
        };
        let mut judgement = said.conclude(seen);
        if said.verdict == ResolutionVerdict::Retry && judgement.outcome == Outcome::Failed {
            judgement.reason += &self.propose_again().await?;
        }
        let (observation, judgement) = (look, Arc::new(judgement));
        self.append(vec![Event::Settled { observation, judgement }], false).await?;
        self.flush(false).await?;
        self.engine.last_seen.forget(&id);
        self.release_resource();
        Ok(Step::Go)
    }
}

/// Separates the parts of an idempotency key for a retry. No HTTP header can contain this character, so no agent can
/// send an idempotency key that contains it.
const NO_HEADER: char = '\n';

impl Drive<'_> {
    /// Proposes the same action again in the agent's name, as a new action that names this action as a source. The
    /// idempotency key ensures that only one new action is created, even if this call is repeated after a crash.
    /// Returns the text that is added to the reason of the outcome.
    async fn propose_again(&self) -> Result<String, EngineError> {
        let action = &self.work.story.bound.action;
        let claimed = Claimed { key: format!("retry{NO_HEADER}{}", action.id) };
        // The idempotency key of a retry must not expire, unlike an agent's keys, so actions of any age are searched
        // for it.
        let store = &self.engine.store;
        if let Some(earlier) = store.last_claim(&action.tenant, &action.principal, &claimed.key)? {
            return Ok(format!("; proposed again as {earlier}"));
        }
        let Some(agent) = self.tenant.agents.get(&action.principal) else {
            return Ok("; the agent was removed, so nothing was proposed again".to_owned());
        };
        let caller = Caller {
            tenant: &self.tenant,
            environment: &self.engine.fixed.environment,
            agent: &action.principal,
            person: &agent.person,
            // The proposal has the party for whom the agent acted.
            party: Party::Proposal,
            access: Access::Missing(NoAccess::Operator),
        };
        let Bound { proposal, private, .. } = &*self.work.story.bound;
        let granted = self.tenant.grants.get(&action.contract.name);
        if let Some(name) = granted.and_then(|granted| private.published_by(&granted.contract)) {
            return Ok(format!(
                "; it could not be proposed again: the contract no longer declares `{name}` as private"
            ));
        }
        let params = private.params(&self.engine.contract_of(&self.work.story)?, &action.params);
        let params = params.map_err(OpeningError::from)?.reveal().clone();
        let mut proposal = Proposal { params, ..proposal.clone() };
        proposal.sources.push(Source { uri: format!("deed:{}", action.id), sha256: None });
        let trace = self.work.story.trace.clone();
        // Whoever edited the action has asked for the repetition too, and cannot approve it.
        let edit = action
            .edit
            .as_ref()
            .map(|edit| Edit { edited_by: edit.edited_by.clone(), replaces: action.id.clone() });
        match self.engine.propose_for_operator(caller, proposal, claimed, trace, edit).await {
            Ok(accepted) => Ok(format!("; proposed again as {}", accepted.id)),
            // The host refuses new work at the moment, so the driver ends, and a later driver of this action proposes
            // it again.
            Err(IntakeError::Unready(_)) => Err(Stopping.into()),
            Err(IntakeError::Engine(error)) => Err(error),
            Err(IntakeError::Key(error)) => Err(error.into()),
            Err(refused) => Ok(format!("; it could not be proposed again: {refused}")),
        }
    }
}

/// Logs that the host could not observe the state after the resolution.
fn unseen<A, B>(id: &ActionId, why: &str) -> (Option<A>, Option<B>) {
    tracing::warn!(action = %id, why, "the action was resolved, but the host could not observe the state again");
    (None, None)
}
