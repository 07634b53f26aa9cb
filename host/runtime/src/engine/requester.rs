//! Actions with a credential that is exchanged for the access token of the request that proposed them.
//!
//! Without that token, nothing more can be sent or read. If no write may have been carried out, the action then ends as
//! expired. Otherwise what was done is judged by the usual rules. See
//! `docs/decisions/0077-the-access-token-of-the-request-is-exchanged.md`.

use std::sync::Arc;

use deed_record::action::Requester;
use deed_record::action::id::ActionId;
use deed_record::lifecycle::event::Phase;
use deed_record::lifecycle::outcome::{Judgement, Outcome};
use deed_record::lifecycle::story::Story;
use deed_sandbox::credentials::RequestToken;

use super::Engine;
use super::drive::{Drive, Step};
use super::error::EngineError;
use super::intake::IntakeError;
use crate::stage::contract::{self, Caller, NoAccess};

impl Engine {
    /// An access token that was just verified, as an action would hold it. Fails if it could not be exchanged.
    pub(crate) fn access(
        &self,
        text: &str,
        of: Option<Requester>,
        expires_ms: i64,
    ) -> Result<Arc<RequestToken>, NoAccess> {
        let of = of.ok_or(NoAccess::NoSubject)?;
        let token = RequestToken::new(text, of, expires_ms, self.clock.clone());
        token.map(Arc::new).map_err(|_short| NoAccess::Short)
    }

    /// Holds the access token of a request for an action, if the action exchanges it. Fails when the tenant holds too
    /// many.
    pub(super) fn hold(
        &self,
        caller: Caller<'_>,
        id: &ActionId,
        access: Option<Arc<RequestToken>>,
    ) -> Result<(), IntakeError> {
        let Some(access) = access else { return Ok(()) };
        if self.held.hold(&caller.tenant.name, id, access) {
            return Ok(());
        }
        Err(self.admission.refuse_to_hold().into())
    }

    /// Drops the access token of an action that has ended. While its outcome is open, the state may be observed again.
    pub(super) fn release(&self, story: &Story) {
        if story.status.is_final() {
            let action = &story.bound.action;
            self.held.release(&action.tenant, &action.id);
        }
    }
}

impl Drive<'_> {
    /// The access token that the runs of the action exchange, if it is held and valid.
    pub(super) fn access(&self) -> Option<Arc<RequestToken>> {
        let action = &self.work.story.bound.action;
        let found = self.engine.held.of(&action.tenant, &action.id)?;
        let recorded = contract::recorded_requester(&self.work.story.bindings);
        let is_its = recorded.is_some_and(|of| of == *found.of());
        is_its.then_some(found)
    }

    /// Why nothing more can be sent or read: the action needs an access token that has expired or is not held any more.
    pub(super) fn lacks_access(&self) -> Option<&'static str> {
        let story = &self.work.story;
        let exchanges = contract::recorded_requester(&story.bindings).is_some();
        if !exchanges || self.access().is_some() {
            return None;
        }
        Some(if self.engine.is_older_than_this_process(story) {
            "the host was restarted, and no longer has the access token with which the action was proposed"
        } else {
            "the access token with which the action was proposed has expired"
        })
    }

    /// The judgement of an action that lacks its access token, if no write may have been carried out.
    pub(super) fn without_access(&self) -> Option<Judgement> {
        let story = &self.work.story;
        let why = self.lacks_access().filter(|_| !story.may_have_changed_something())?;
        let done = if story.was_turned_away() { "carried out" } else { "sent" };
        let reason = format!("{why}; nothing was {done}; propose it again with a new access token");
        Some(Judgement::plain(Outcome::Expired, reason))
    }

    /// Why no further attempt may start at this time: the access token or the approval has expired.
    pub(super) fn why_expired(&self, latest_ms: i64) -> Option<&'static str> {
        let ask = self.work.story.ask.as_ref().filter(|ask| latest_ms >= ask.expires_ms);
        self.lacks_access().or_else(|| ask.map(|_expired| "the approval has expired"))
    }

    /// When the access token of the action expires, in Unix milliseconds; `i64::MAX` if it exchanges none.
    pub(super) fn access_until_ms(&self) -> i64 {
        self.access().map_or(i64::MAX, |access| access.expires_ms())
    }

    /// Observes the state after an attempt, unless the attempt sent nothing because the access token has expired: the
    /// state cannot be read then, and has not changed.
    pub(super) async fn after_attempt(&mut self) -> Result<Step, EngineError> {
        match self.without_access() {
            Some(judgement) => self.judge(judgement).await,
            None => self.observe(Phase::Post).await,
        }
    }
}
