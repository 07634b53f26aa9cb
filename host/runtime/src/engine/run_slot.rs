//! Run slots. An action takes a run slot before it observes or writes, and keeps the slot while it continues without
//! waiting. An action that has expired does not start a run.
//!
//! Run slots are few. Therefore an action gives up its slot before it waits for a resource, a person or a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deed_record::exchange::Rendered;
use deed_record::lifecycle::outcome::{Judgement, Outcome};
use deed_record::lifecycle::recovery;
use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Story;
use deed_sandbox::{RunRequest, RunSlot, World};

use super::drive::{Drive, Step};
use super::error::EngineError;
use super::wait::Waited;
use crate::config::Granted;

/// The result of waiting for a slot.
pub(super) enum Taken {
    RunSlot(RunSlot),
    /// The wait ended without a slot; the driver continues with this step instead of a run.
    Ended(Step),
}

impl Drive<'_> {
    /// Returns the slot that the action already has, or waits in the queue for a slot.
    ///
    /// A cancellation, or the expiry of an approval, takes effect during the wait, because it ends the wait with
    /// [`EngineError::Conflict`]. An action ends when it has waited for a slot as long as its contract allows, unless
    /// it may have sent a write.
    pub(super) async fn take_run_slot(&mut self, granted: &Granted) -> Result<Taken, EngineError> {
        let engine = Arc::clone(self.engine);
        let (queue, claim) = (engine.sandbox.run_queue(), Arc::new(self.claim(granted)));
        if let Some(slot) = self.slot.take().or_else(|| queue.try_take(&claim)) {
            return Ok(Taken::RunSlot(slot));
        }
        self.flush(false).await?;
        let limit = Duration::from_millis(granted.contract.limits.queue.as_millis());
        let limit = Instant::now().checked_add(limit).filter(|_| self.may_end_in_queue());
        let over_ms = self.planned_until_ms(granted).min(self.asked_until_ms());
        match self.wait(queue.take(&claim), limit, over_ms).await? {
            Waited::Ready(slot) => Ok(Taken::RunSlot(slot)),
            Waited::Limit => {
                let judgement = self.no_run_slot(granted, queue.crowded(&claim));
                self.judge(judgement).await.map(Taken::Ended)
            }
            Waited::Over => match self.over(granted) {
                Some(over) => self.give_up(&over).await.map(Taken::Ended),
                // The approval has expired, so the driver repeats the step, which handles the expiry.
                None => Err(EngineError::Conflict),
            },
        }
    }

    /// The time after which waiting for a slot for a planned attempt is useless, because the attempt could no longer be
    /// made.
    fn planned_until_ms(&self, granted: &Granted) -> i64 {
        let Story { attempts, bindings, .. } = &self.work.story;
        let until_ms = recovery::in_time_until_ms(&granted.contract, attempts, bindings);
        if self.is_planned() { until_ms } else { i64::MAX }
    }

    fn is_planned(&self) -> bool {
        self.work.story.status == Status::Cleared && self.is_between_attempts()
    }

    /// The tenant and agent of the action's runs, and the upstreams that the runs may reach.
    fn claim(&self, granted: &Granted) -> RunRequest {
        let bound = &self.work.story.bound;
        let reached = |one: &Rendered, name: &String| one.upstream == *name;
        let rules = || bound.observe.iter().chain(&bound.perform);
        let upstreams = self.tenant.upstreams.iter();
        let upstreams = upstreams.filter(|(name, _)| rules().any(|rule| reached(rule, name)));
        let adapter = self.current.adapters.get(&granted.adapter);
        RunRequest {
            tenant: bound.action.tenant.clone(),
            agent: bound.action.principal.clone(),
            upstreams: upstreams.map(|(name, one)| (name.clone(), one.concurrency)).collect(),
            wasi: adapter.is_some_and(|adapter| adapter.world() == World::Wasi),
        }
    }

    /// Whether the action may end while it waits for a slot. An action that may have sent a write must still be
    /// observed, however long it waits.
    fn may_end_in_queue(&self) -> bool {
        self.work.story.status.outcome().is_none()
            && !super::resource::under_way(&self.work.story)
            && !self.work.story.may_have_changed_something()
    }

    /// The reason why waiting for a slot for a planned attempt is useless, if it is.
    fn over(&self, granted: &Granted) -> Option<String> {
        let late_ms = self.engine.clock.latest_ms();
        self.in_time(granted, late_ms)
            .err()
            .filter(|_| self.is_planned())
            .map(|over| over.to_string())
    }

    /// The judgement of an action that waited as long as its contract allows, with the reason for the wait.
    fn no_run_slot(&self, granted: &Granted, crowded: Option<String>) -> Judgement {
        let limit_ms = granted.contract.limits.queue.as_millis();
        let why = crowded.map_or_else(
            || "the sandbox was full".to_owned(),
            |name| format!("`{name}` had its maximum number of runs"),
        );
        let sent = if self.work.story.attempts.is_empty() { "sent" } else { "carried out" };
        let reason = format!(
            "it did not get a run slot within {limit_ms} ms, because {why}; nothing was {sent}"
        );
        Judgement::plain(Outcome::Expired, reason)
    }
}
