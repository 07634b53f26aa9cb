//! Settles open outcomes: observes the state again, at growing intervals, until an observation settles the outcome.
//!
//! This module sends no writes and never changes the receipt: the statement that settles the outcome is signed
//! separately. The action keeps its resource until the outcome is settled. If observations do not settle the outcome,
//! an operator is notified, and the observations continue.

use std::sync::Arc;
use std::time::Duration;

use deed_record::action::id::ActionId;
use deed_record::contract::Contract;
use deed_record::lifecycle::event::{Event, Phase};
use deed_record::lifecycle::observation::answers::Asked;
use deed_record::lifecycle::observation::{Observation, Sight};
use deed_record::lifecycle::outcome::{Judgement, Outcome};
use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Story;
use deed_record::statement::resolution_request::LastLook;
use deed_store::store::Filter;

use super::Engine;
use super::drive::{Drive, Step};
use super::error::EngineError;
use super::revoked;
use super::run_slot::Taken;
use crate::stage::{receipt, reconcile};

/// The first pause between two observations. Each later pause is twice as long as the previous one, up to `LAST_PAUSE`.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_hours(1);

/// The result of one more observation.
pub(super) enum Later {
    Seen(Arc<Sight>, Arc<Judgement>),
    /// A write that was sent may still take effect, so no observation can be conclusive yet.
    TooEarly,
    /// No observation could be made now, but a later observation may be possible.
    NotNow(&'static str),
    /// Observations cannot settle the outcome under the present conditions.
    InVain(String),
}

impl Drive<'_> {
    /// Observes the state once more. Only an observation that settles the outcome is recorded.
    pub(super) async fn settle(&mut self) -> Result<Step, EngineError> {
        self.settling = false;
        let (look, judgement) = match self.look_again().await? {
            Later::Seen(look, judgement) => (look, judgement),
            Later::TooEarly => return Ok(Step::Rest),
            Later::NotNow(why) => return self.escalate_if_long(why).await,
            Later::InVain(why) => return self.escalate(&why).await,
        };
        if judgement.outcome == Outcome::Indeterminate {
            return self.still_open(&look, &judgement).await;
        }
        let observation = Some(look);
        self.append(vec![Event::Settled { observation, judgement }], false).await?;
        self.flush(false).await?;
        self.engine.last_seen.forget(&self.work.story.bound.action.id);
        self.release_resource();
        Ok(Step::Go)
    }

    /// Makes one observation while the action holds its resource, but only after the last time at which a write can
    /// take effect.
    pub(super) async fn look_again(&mut self) -> Result<Later, EngineError> {
        // An observation proves nothing while a write may still take effect, so none is made before that time is over.
        let settle_ms = self.engine.contract_of(&self.work.story)?.verify.settle.as_signed();
        let clock = &self.engine.clock;
        let began_ms = clock.began_ms();
        if clock.now_ms() < self.work.story.lands_until_ms(settle_ms, began_ms).unwrap_or(0) {
            return Ok(Later::TooEarly);
        }
        let name = &self.work.story.bound.action.contract.name;
        let Some(granted) = self.granted() else {
            return Ok(Later::InVain(format!("the grant for `{name}` was removed")));
        };
        let Some(adapter) = self.adapter(&granted) else {
            return Ok(Later::InVain(format!("the adapter of `{name}` was removed")));
        };
        if let Some(what) = self.other_world(&granted)? {
            return Ok(Later::InVain(format!(
                "the {what} changed, so the host cannot observe the same state"
            )));
        }
        if let Some(why) = self.lacks_access() {
            return Ok(Later::InVain(format!("the state cannot be observed: {why}")));
        }
        // No other action may change the resource during the observation.
        if !self.hold_resource() {
            return Ok(Later::NotNow("another action holds the resource"));
        }
        if let Some(other) = self.written_since()? {
            let why = format!("{other} has changed the state that an observation would read");
            return Ok(Later::InVain(why));
        }
        if let Some(why) = self.unknown_answer(&granted.contract) {
            return Ok(Later::InVain(why));
        }
        let slot = match self.take_run_slot(&granted).await? {
            Taken::RunSlot(slot) => slot,
            Taken::Ended(_) => return Ok(Later::NotNow("the sandbox was full")),
        };
        let look = self.look(&granted, &adapter, &slot, Phase::Post).await?.observation;
        drop(slot);
        Ok(match reconcile::settle(&granted.contract, &self.work.story, &look, began_ms) {
            Some(judgement) => {
                let judgement = revoked::with_withheld(judgement, &self.work.story);
                Later::Seen(Sight::shared(look), Arc::new(judgement))
            }
            None => Later::NotNow("the observation began while a write could still take effect"),
        })
    }

    /// Why a state cannot be read, if its request contains a value of an answer that no later observation can provide.
    fn unknown_answer(&self, contract: &Contract) -> Option<String> {
        let story = &self.work.story;
        let asked = story.answers(contract).asked(&story.bound.observe);
        asked.into_iter().find_map(|one| match one {
            Asked::Unknown(why) => Some(why),
            Asked::Request(_) | Asked::Filled(_) | Asked::Nothing => None,
        })
    }

    /// Handles an observation that is not conclusive. If the observation is usable and shows no effect, later
    /// observations will not be conclusive either, unless the upstream may still be carrying out the action.
    async fn still_open(
        &mut self,
        look: &Observation,
        judgement: &Judgement,
    ) -> Result<Step, EngineError> {
        let (action, reason) = (&self.work.story.bound.action, &judgement.reason);
        tracing::warn!(action = %action.id, reason, "the state was observed again; the outcome is still open");
        let last = LastLook {
            at_ms: look.at_ms,
            state: look.value(),
            changes: judgement.changes.clone(),
            reason: reason.clone(),
        };
        self.engine.last_seen.remember(&action.id, last);
        let usable = |granted: &crate::config::Granted| look.unusable(&granted.contract).is_none();
        // The upstream may still be carrying out the action, so a later observation may show its effect.
        let pending = self.engine.contract_of(&self.work.story)?.verify.pending.is_some();
        if pending || self.work.story.exchanges().iter().any(|one| one.is_accepted()) {
            return self.escalate_if_long(reason).await;
        }
        if self.granted().as_ref().is_some_and(usable) {
            let why = "an observation shows no effect, but with this contract that does not prove that there was none";
            return self.escalate(why).await;
        }
        self.escalate_if_long("no observation could be used").await
    }

    /// Notifies an operator once the outcome has been open for the time that the contract allows for observations.
    async fn escalate_if_long(&mut self, why: &str) -> Result<Step, EngineError> {
        if self.engine.looks_for(&self.work.story)? > Duration::ZERO {
            return Ok(Step::Rest);
        }
        self.escalate(&format!(
            "observations for `limits.observe` did not settle the outcome: {why}"
        ))
        .await
    }

    /// Notifies an operator, but only once for each action.
    async fn escalate(&mut self, why: &str) -> Result<Step, EngineError> {
        if self.work.story.escalated.is_some() {
            return Ok(Step::Rest);
        }
        let id = &self.work.story.bound.action.id;
        tracing::warn!(action = %id, why, "observations do not settle the outcome; an operator must resolve it");
        self.append(vec![Event::Escalated { reason: why.to_owned() }], true).await?;
        self.engine.tell_escalated(&self.work.story);
        Ok(Step::Go)
    }

    /// Another action, if any, that may have changed the same resource since the first attempt of this action. An
    /// observation may then show the effect of either action, so it settles neither outcome. Such another action can
    /// exist only in a directory of an older version, in which actions with an open outcome did not keep their
    /// resources.
    fn written_since(&self) -> Result<Option<ActionId>, EngineError> {
        let action = &self.work.story.bound.action;
        let Some(began_ms) = self.work.story.attempts.first().map(|first| first.started_ms) else {
            return Ok(None);
        };
        let near = Filter {
            resource: Some(action.resource.clone()),
            since_ms: Some(began_ms),
            ..Filter::default()
        };
        for (id, _) in self.engine.store.list(&action.tenant, &near, usize::MAX)? {
            let id = id.parse::<ActionId>()?;
            if id == action.id {
                continue;
            }
            let other = self.engine.story(&id)?;
            let since = other.attempts.iter().any(|one| one.started_ms >= began_ms);
            if other.running.is_some() || (since && other.may_have_changed_something()) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    pub(super) async fn seal_settled(&mut self) -> Result<Step, EngineError> {
        let signed = receipt::reconcile(&self.work.story, &self.engine.keys.receipt);
        let envelope = signed?;
        self.append(vec![Event::Reconciled { envelope: Arc::new(envelope) }], true).await
    }
}

impl Engine {
    /// Wakes the driver of an action with an open outcome repeatedly, until the outcome is settled or the host stops.
    pub(super) fn settle_later(self: &Arc<Self>, story: &Story) {
        // An action with the status `Resolved` has no recorded outcome yet, because it waits for a temporary condition
        // to end, such as a full disk.
        if !matches!(story.status, Status::Ended(Outcome::Indeterminate) | Status::Resolved) {
            return;
        }
        self.look_after(&story.bound.action.id, FIRST_PAUSE);
    }

    /// Returns twice the last pause, but not beyond the time at which an operator must be notified.
    pub(super) fn next_pause(&self, story: &Story, last: Duration) -> Duration {
        let twice = (last * 2).min(LAST_PAUSE);
        match self.looks_for(story) {
            Ok(left) if story.escalated.is_none() && left > Duration::ZERO => {
                twice.min(left.max(FIRST_PAUSE))
            }
            _ => twice,
        }
    }

    /// How much longer observations are tried before an operator is notified. An operator is notified earlier if
    /// observations cannot settle the outcome.
    fn looks_for(&self, story: &Story) -> Result<Duration, EngineError> {
        let limit_ms = self.contract_of(story)?.limits.observe.as_signed();
        let left_ms = story.judged_ms.saturating_add(limit_ms).saturating_sub(self.clock.now_ms());
        Ok(Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)))
    }
}
