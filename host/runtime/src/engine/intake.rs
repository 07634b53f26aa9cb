//! Accepts proposals, signed answers and cancellations from callers. Each request is appended to the journal as an
//! event, and the driver of the action is then started.

use std::sync::Arc;

use deed_record::action::id::ActionId;
use deed_record::action::{Action, BindError, Edit, Proposal};
use deed_record::lifecycle::event::Event;
use deed_spec::digest::Digest;
use deed_spec::dsse::Envelope;
use deed_spec::json::{self, NotCanonical};
use deed_store::store::KeyClaim;

use super::activate::leaves;
use super::bounds::ANSWERS_MAX;
use super::error::EngineError;
use super::readiness::Unready;
use super::room::Room;
use super::stored_action::StoredAction;
use super::{DriverHandle, Engine};
use crate::capacity::admission::Overload;
use crate::config::keys;
use crate::stage::approval::deferral::DeferralError;
use crate::stage::approval::edit::EditError;
use crate::stage::approval::{self, AnswerError, Displayed};
use crate::stage::contract::{self, BindFault, Caller, Fresh};
use crate::stage::resolution::ResolveError;

/// An accepted proposal and its driver. No driver is started when the idempotency key already belongs to an action.
#[derive(Debug)]
pub struct Accepted {
    pub id: ActionId,
    pub waiting: Option<DriverHandle>,
}

/// Takes a place for a caller, or fails if there is none.
type RoomFor = fn(&Engine, Caller<'_>) -> Result<Room, Overload>;

/// The idempotency key of a proposal.
#[derive(Debug, Clone)]
pub struct Claimed {
    pub key: String,
}

/// Why a proposal, an answer or a cancellation was refused.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    #[error(transparent)]
    Bind(#[from] BindFault),
    #[error("the idempotency key was used with another body; use a new key for a new action")]
    KeyReused,
    #[error(transparent)]
    Answer(#[from] AnswerError),
    #[error(transparent)]
    Deferral(#[from] DeferralError),
    #[error(transparent)]
    Edit(#[from] EditError),
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    #[error("it is too late to cancel: a write may be under way or the action has ended")]
    TooLate,
    #[error(transparent)]
    Unready(#[from] Unready),
    #[error(transparent)]
    Overload(#[from] Overload),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Key(#[from] keys::KeyError),
}

impl Engine {
    /// Accepts a proposal; the same idempotency key and body return the same action.
    ///
    /// # Errors
    ///
    /// Fails when the host accepts no new work, a limit is reached, the proposal does not match its contract, or the
    /// key was used with another body.
    pub async fn propose(
        self: &Arc<Self>,
        caller: Caller<'_>,
        proposal: Proposal,
        claimed: Option<Claimed>,
        trace: Option<String>,
    ) -> Result<Accepted, IntakeError> {
        self.take(caller, proposal, claimed, trace, (Self::room, None)).await
    }

    /// Accepts a proposal in the agent's name on an operator's instruction, with the editors of the action that it
    /// repeats. The agent's limits do not apply.
    pub(super) async fn propose_for_operator(
        self: &Arc<Self>,
        caller: Caller<'_>,
        proposal: Proposal,
        claimed: Claimed,
        trace: Option<String>,
        edit: Option<Edit>,
    ) -> Result<Accepted, IntakeError> {
        let room: RoomFor = |host, caller| Ok(host.room_for_operator(caller));
        self.take(caller, proposal, Some(claimed), trace, (room, edit)).await
    }

    /// Accepts the version of a waiting action that an approver proposed, in the agent's name. The agent's limits apply.
    pub(super) async fn propose_edit(
        self: &Arc<Self>,
        caller: Caller<'_>,
        proposal: Proposal,
        claimed: Claimed,
        trace: Option<String>,
        edit: Edit,
    ) -> Result<Accepted, IntakeError> {
        self.take(caller, proposal, Some(claimed), trace, (Self::room, Some(edit))).await
    }

    /// Accepts a proposal, unless its idempotency key already belongs to an action. An action with that key is returned
    /// regardless of the number of actions under way, and does not count as a new action.
    async fn take(
        self: &Arc<Self>,
        caller: Caller<'_>,
        proposal: Proposal,
        claimed: Option<Claimed>,
        trace: Option<String>,
        (room, edit): (RoomFor, Option<Edit>),
    ) -> Result<Accepted, IntakeError> {
        self.takes_proposals()?;
        // The party is a part of the body, so one key cannot stand for actions on behalf of two parties.
        let proposal = contract::acting_for(caller, proposal)?;
        let body = body(caller, &proposal).map_err(BindFault::from)?.hex();
        if let Some(id) = self.claimed(caller, claimed.as_ref(), &body).await? {
            return Ok(Accepted { id, waiting: None });
        }
        let room = room(self, caller)?;
        self.take_in(caller, proposal, (claimed, body), trace, (room, edit)).await
    }

    /// Begins an action for an admitted proposal, unless it would exceed the limit on actions that wait for people.
    async fn take_in(
        self: &Arc<Self>,
        caller: Caller<'_>,
        proposal: Proposal,
        (claimed, body): (Option<Claimed>, String),
        trace: Option<String>,
        ((course, full), edit): (Room, Option<Edit>),
    ) -> Result<Accepted, IntakeError> {
        let Fresh { mut bound, bindings, access } = self.bind(caller, proposal)?;
        let is_edit = edit.is_some();
        if is_edit {
            bound.action = Action { edit, ..Action::clone(&bound.action) }.into();
        }
        // The index stores idempotency keys in plain text, so a key must not contain a private value. The host makes the
        // key of an edit.
        let given = claimed.as_ref().filter(|_| !is_edit);
        if given.is_some_and(|claimed| bound.private.tells(&claimed.key).is_some()) {
            let header = BindError::Repeated("the header Idempotency-Key".to_owned());
            return Err(BindFault::from(header).into());
        }
        let claim = claimed.map(|claimed| KeyClaim {
            tenant: caller.tenant.name.clone(),
            agent: caller.agent.to_owned(),
            key: claimed.key,
            body_sha256: body.clone(),
            at_ms: self.clock.now_ms(),
        });
        let id = bound.action.id.clone();
        let event = Event::Proposed { bound: Arc::new(bound), bindings, trace };
        if let Some(limit) = full {
            self.must_not_wait(caller, &event, limit)?;
        }
        // The driver of the action needs the token from its first step on.
        self.hold(caller, &id, access)?;
        let begun = self.begin(event, claim).await;
        if begun.is_err() {
            self.held.release(&caller.tenant.name, &id);
        }
        match begun {
            Ok(told) => Ok(Accepted { waiting: Some(self.advance(told, course)), id }),
            Err(EngineError::KeyTaken { action, body_sha256 }) if body_sha256 == body => {
                let id: ActionId = action.parse().map_err(|_| EngineError::Unknown)?;
                Ok(Accepted { id, waiting: None })
            }
            Err(EngineError::KeyTaken { action, .. }) => Err(self.reused(&action).await),
            Err(error) => Err(error.into()),
        }
    }

    /// The action to which this idempotency key already belongs. The key is looked up before the proposal is checked
    /// against its contract, because the contract may have changed since the key was used.
    async fn claimed(
        &self,
        caller: Caller<'_>,
        claimed: Option<&Claimed>,
        body: &str,
    ) -> Result<Option<ActionId>, IntakeError> {
        let Some(claimed) = claimed else { return Ok(None) };
        let now_ms = self.clock.now_ms();
        let found = self.store.key(&caller.tenant.name, caller.agent, &claimed.key, now_ms);
        match found.map_err(EngineError::from)? {
            None => Ok(None),
            Some((action, other)) if other != body => Err(self.reused(&action).await),
            Some((action, _)) => Ok(Some(action.parse().map_err(|_| EngineError::Unknown)?)),
        }
    }

    /// The error for an idempotency key that belongs to an action with another request body. That action is on disk
    /// before the caller gets this error.
    async fn reused(&self, action: &str) -> IntakeError {
        match self.store.sync_action(action).await {
            Ok(()) => IntakeError::KeyReused,
            Err(error) => EngineError::from(error).into(),
        }
    }

    pub(super) fn bind(
        &self,
        caller: Caller<'_>,
        proposal: Proposal,
    ) -> Result<Fresh, IntakeError> {
        let at_ms = u64::try_from(self.clock.now_ms()).unwrap_or(0);
        let id = ActionId::new(at_ms, keys::random()?);
        let salt = || keys::random().ok();
        Ok(contract::bind(caller, proposal, id, keys::random_hex::<16>()?, salt)?)
    }

    /// Accepts a signed approval or denial.
    ///
    /// # Errors
    ///
    /// Fails when the host accepts no answers, too many actions are under way, the action is not waiting for this
    /// answer, or the answer is not valid.
    pub async fn answer(
        self: &Arc<Self>,
        tenant: &str,
        id: &ActionId,
        envelope: Envelope,
        displayed: Displayed,
    ) -> Result<DriverHandle, IntakeError> {
        self.takes_answers()?;
        loop {
            match self.take_answer(tenant, id, envelope.clone(), displayed).await {
                // Another event was appended first, so the loop checks again whether the answer counts.
                Err(IntakeError::Engine(EngineError::Conflict)) => {}
                taken => return taken,
            }
        }
    }

    async fn take_answer(
        self: &Arc<Self>,
        tenant: &str,
        id: &ActionId,
        envelope: Envelope,
        displayed: Displayed,
    ) -> Result<DriverHandle, IntakeError> {
        let configured = self.tenant(tenant).ok_or(EngineError::Unknown)?;
        let told = self.load_of(tenant, id)?;
        let story = &told.story;
        let course = self.admission.admit_answer(tenant, &story.bound.action.principal)?;
        if !matches!(story.status, deed_record::lifecycle::status::Status::Waiting) {
            return Err(AnswerError::NotAsked.into());
        }
        let latest_ms = self.clock.latest_ms();
        let answer = approval::receive(&configured, story, envelope, latest_ms, displayed)?;
        let counter = self.counter_claim(tenant, &answer.envelope)?;
        // A denial is accepted even if the limit on answers is reached, because a denial ends the action.
        if answer.approves && story.all_answers.len() >= ANSWERS_MAX {
            return Err(AnswerError::NotAsked.into());
        }
        let nonce =
            format!("{}/{}/{}", id, story.ask.as_ref().map_or("", |a| &a.nonce), answer.person);
        let nonce = format!("{nonce}/{}", if answer.approves { "approve" } else { "deny" });
        let event = Event::Answered { answer: Arc::new(answer) };
        let told = match self.append_with(told, event, vec![nonce], counter).await {
            Err(EngineError::KeyTaken { .. }) => return Err(AnswerError::Counter.into()),
            told => told?,
        };
        // The answer is offered to the log at once. Its log index shows when it was given, so that the answer still
        // counts if the approver's key is retired before the action ends.
        if let Some(publisher) = self.publisher(tenant) {
            publisher.offer(leaves(&told.story)?);
        }
        Ok(self.advance(told, course))
    }

    /// Cancels an action.
    ///
    /// # Errors
    ///
    /// Fails when the action is unknown or has ended, or when a write may be under way.
    pub async fn cancel(
        self: &Arc<Self>,
        tenant: &str,
        id: &ActionId,
        by: &str,
    ) -> Result<DriverHandle, IntakeError> {
        loop {
            let told = self.load_of(tenant, id)?;
            if !told.story.status.may_cancel() {
                return Err(IntakeError::TooLate);
            }
            let event = Event::CancelRequested { by: by.to_owned() };
            match self.append_fact(told, event, vec![]).await {
                Err(EngineError::Conflict) => {}
                Err(error) => return Err(error.into()),
                Ok(told) => return Ok(self.carry_on(told)),
            }
        }
    }

    /// Loads an action of this tenant. Fails when the action does not exist or belongs to another tenant.
    pub(super) fn load_of(&self, tenant: &str, id: &ActionId) -> Result<StoredAction, EngineError> {
        let told = self.load(id)?;
        if told.story.bound.action.tenant == tenant { Ok(told) } else { Err(EngineError::Unknown) }
    }
}

/// What an idempotency key stands for: the proposal, and the party whose access token the action exchanges.
fn body(caller: Caller<'_>, proposal: &Proposal) -> Result<Digest, NotCanonical> {
    let bytes = match contract::requester(caller, &proposal.contract) {
        Some(requester) => json::to_canonical(&(proposal, requester))?,
        None => json::to_canonical(proposal)?,
    };
    Ok(Digest::of(&bytes))
}
