//! Outside facts: proposals, signed answers, cancellations. Each is appended, then the driver is called.

use std::sync::Arc;

use deed_record::action::{BindError, Proposal};
use deed_record::digest::Digest;
use deed_record::envelope::Envelope;
use deed_record::event::Event;
use deed_record::id::ActionId;
use deed_record::json;
use deed_record::story::Story;

use super::activate::leaves;
use super::gate::ANSWERS_MAX;
use super::ledger::LedgerError;
use super::readiness::Unready;
use super::{Pipeline, Waiting};
use crate::approval::{self, AnswerError};
use crate::contract::{self, BindFault, Caller, Fresh};
use crate::journal::Claim;
use crate::keys;
use crate::resolution::ResolveError;

/// A proposal that was taken, and the driver that carries it.
#[derive(Debug)]
pub struct Accepted {
    pub id: ActionId,
    pub waiting: Waiting,
}

/// An idempotency key with what it was sent with.
#[derive(Debug, Clone)]
pub struct Claimed {
    pub key: String,
}

/// Why an outside fact was not taken.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    #[error(transparent)]
    Bind(#[from] BindFault),
    #[error("idempotency key was used with another body; use a new key for a new action")]
    KeyReused,
    #[error(transparent)]
    Answer(#[from] AnswerError),
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    #[error("it is too late to cancel: a write may be under way or the action has ended")]
    TooLate,
    #[error(transparent)]
    Unready(#[from] Unready),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Key(#[from] keys::KeyError),
}

impl Pipeline {
    /// Takes a proposal: the same idempotency key and body give the same action.
    pub async fn propose(
        self: &Arc<Self>,
        caller: Caller<'_>,
        proposal: Proposal,
        claimed: Option<Claimed>,
        trace: Option<String>,
    ) -> Result<Accepted, IntakeError> {
        self.takes_proposals()?;
        let body = Digest::of(&json::to_canonical(&proposal).map_err(BindFault::from)?).hex();
        if let Some(earlier) = self.claimed(caller, claimed.as_ref(), &body)? {
            return Ok(earlier);
        }
        let Fresh { bound, bindings } = self.bind(caller, proposal)?;
        // The index has keys as they are sent.
        if claimed.as_ref().is_some_and(|claimed| bound.private.tells(&claimed.key).is_some()) {
            let header = BindError::Repeated("the header Idempotency-Key".to_owned());
            return Err(BindFault::from(header).into());
        }
        let claim = claimed.map(|claimed| Claim {
            tenant: caller.tenant.name.clone(),
            agent: caller.agent.to_owned(),
            key: claimed.key,
            body_sha256: body.clone(),
            at_ms: self.clock.now_ms(),
        });
        let id = bound.action.id.clone();
        let event = Event::Proposed { bound: Arc::new(bound), bindings, trace };
        match self.begin(event, claim).await {
            Ok(_) => Ok(Accepted { waiting: self.advance(&id), id }),
            Err(LedgerError::KeyTaken { action, body_sha256 }) if body_sha256 == body => {
                let id: ActionId = action.parse().map_err(|_| LedgerError::Unknown)?;
                Ok(Accepted { waiting: self.advance(&id), id })
            }
            Err(LedgerError::KeyTaken { .. }) => Err(IntakeError::KeyReused),
            Err(error) => Err(error.into()),
        }
    }

    /// The action that this key stands for already: looked up before binding, because contracts change.
    fn claimed(
        self: &Arc<Self>,
        caller: Caller<'_>,
        claimed: Option<&Claimed>,
        body: &str,
    ) -> Result<Option<Accepted>, IntakeError> {
        let Some(claimed) = claimed else { return Ok(None) };
        let now_ms = self.clock.now_ms();
        let found = self.journal.key(&caller.tenant.name, caller.agent, &claimed.key, now_ms);
        match found.map_err(LedgerError::from)? {
            None => Ok(None),
            Some((_, other)) if other != body => Err(IntakeError::KeyReused),
            Some((action, _)) => {
                let id: ActionId = action.parse().map_err(|_| LedgerError::Unknown)?;
                Ok(Some(Accepted { waiting: self.advance(&id), id }))
            }
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

    /// Takes a signed approval or denial.
    pub async fn answer(
        self: &Arc<Self>,
        tenant: &str,
        id: &ActionId,
        envelope: Envelope,
    ) -> Result<Waiting, IntakeError> {
        self.takes_answers()?;
        let configured = self.tenant(tenant).ok_or(LedgerError::Unknown)?;
        let mut story = self.story_of(tenant, id)?;
        if !matches!(story.status, deed_record::status::Status::Waiting) {
            return Err(AnswerError::NotAsked.into());
        }
        let answer = approval::receive(configured, &story, envelope, self.clock.now_ms())?;
        // A denial ends it, so there is always room for one.
        if answer.approves && story.all_answers.len() >= ANSWERS_MAX {
            return Err(AnswerError::NotAsked.into());
        }
        let nonce =
            format!("{}/{}/{}", id, story.ask.as_ref().map_or("", |a| &a.nonce), answer.person);
        let nonce = format!("{nonce}/{}", if answer.approves { "approve" } else { "deny" });
        let event = Event::Answered { answer: Arc::new(answer) };
        self.append_with(&mut story, vec![event], vec![nonce], true).await?;
        // Its place in the log says when it was given: a key that is retired before the end still counted.
        if let Some(publisher) = self.publisher(tenant) {
            publisher.offer(leaves(&story)?);
        }
        Ok(self.advance(id))
    }

    /// Cancels an action that has not started its attempt.
    pub async fn cancel(
        self: &Arc<Self>,
        tenant: &str,
        id: &ActionId,
        by: &str,
    ) -> Result<Waiting, IntakeError> {
        loop {
            let mut story = self.story_of(tenant, id)?;
            if !story.status.may_cancel() {
                return Err(IntakeError::TooLate);
            }
            let event = Event::CancelRequested { by: by.to_owned() };
            match self.append(&mut story, vec![event], true).await {
                Err(LedgerError::Conflict) => {}
                Err(error) => return Err(error.into()),
                Ok(()) => return Ok(self.advance(id)),
            }
        }
    }

    /// The story of this tenant's action; another tenant's action is unknown.
    pub fn story_of(&self, tenant: &str, id: &ActionId) -> Result<Story, LedgerError> {
        let story = self.story(id)?;
        if story.bound.action.tenant == tenant { Ok(story) } else { Err(LedgerError::Unknown) }
    }
}
