//! Slots to run in the sandbox: an action takes one before it looks or writes, and keeps it while it goes on
//! without waiting for anybody. Who has no time left is not started.
//!
//! Never holds one while it waits for a resource, a person or a time: turns are few.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deed_record::exchange::Rendered;
use deed_record::lifecycle::outcome::{Judgement, Outcome};
use deed_record::lifecycle::status::Status;
use deed_sandbox::{RunClaim, RunSlot};

use super::drive::{Drive, Step};
use super::error::EngineError;
use crate::config::Granted;

/// How often an action in the queue looks whether it was cancelled, has expired, or has no time left.
const QUEUE_LOOK: Duration = Duration::from_secs(1);

/// What the queue came to.
pub(super) enum Taken {
    RunSlot(RunSlot),
    /// The action waited as long as it may, and has gone on without a run.
    Ended(Step),
}

impl Drive<'_> {
    /// The turn that the action has, or the next one that is its.
    ///
    /// A cancellation or an expiry in the queue counts at once: it ends the wait as a conflict. Whoever has
    /// waited as long as its contract lets it ends, as long as nothing that it sent is open.
    pub(super) async fn take_turn(&mut self, granted: &Granted) -> Result<Taken, EngineError> {
        let engine = Arc::clone(self.engine);
        let (turns, claim) = (engine.sandbox.turns(), Arc::new(self.claim()));
        if let Some(turn) = self.turn.take().or_else(|| turns.try_take(&claim)) {
            return Ok(Taken::RunSlot(turn));
        }
        self.hand_over(false).await?;
        let limit = Duration::from_millis(granted.contract.limits.queue.as_millis());
        let limit = Instant::now().checked_add(limit).filter(|_| self.may_end_in_queue());
        let mut taking = std::pin::pin!(turns.take(&claim));
        loop {
            let left =
                limit.map_or(QUEUE_LOOK, |end| end.saturating_duration_since(Instant::now()));
            let turn = tokio::time::timeout(left.min(QUEUE_LOOK), &mut taking);
            if let Ok(turn) = engine.flights.pause(turn).await? {
                return Ok(Taken::RunSlot(turn));
            }
            if self.is_overtaken()? {
                return Err(EngineError::Conflict);
            }
            if let Some(over) = self.over(granted) {
                return self.give_up(&over).await.map(Taken::Ended);
            }
            if limit.is_some_and(|end| Instant::now() >= end) {
                let judgement = self.had_no_turn(granted, turns.crowded(&claim));
                return self.judge(judgement).await.map(Taken::Ended);
            }
        }
    }

    /// For whom its runs are, and which upstreams they may reach.
    fn claim(&self) -> RunClaim {
        let bound = &self.story.bound;
        let reached = |one: &Rendered, name: &String| one.upstream == *name;
        let rules = || bound.observe.iter().chain(&bound.perform);
        let upstreams = self.tenant.upstreams.iter();
        let upstreams = upstreams.filter(|(name, _)| rules().any(|rule| reached(rule, name)));
        RunClaim {
            tenant: bound.action.tenant.clone(),
            agent: bound.action.principal.clone(),
            upstreams: upstreams.map(|(name, one)| (name.clone(), one.concurrency)).collect(),
        }
    }

    /// Whether it may end where it stands. What was sent is looked at, however long that takes.
    fn may_end_in_queue(&self) -> bool {
        self.story.status.outcome().is_none()
            && !super::resource::under_way(&self.story)
            && !self.story.may_have_changed_something()
    }

    /// Why an attempt that was planned is not worth waiting for any more.
    fn over(&self, granted: &Granted) -> Option<String> {
        let planned = self.story.status == Status::Cleared && self.is_between_attempts();
        let late_ms = self.engine.clock.latest_ms();
        self.in_time(granted, late_ms).err().filter(|_| planned).map(|over| over.to_string())
    }

    /// The end of who waited as long as its contract lets it, and why it had to.
    fn had_no_turn(&self, granted: &Granted, crowded: Option<String>) -> Judgement {
        let limit_ms = granted.contract.limits.queue.as_millis();
        let why = crowded.map_or_else(
            || "the sandbox was full".to_owned(),
            |name| format!("`{name}` had as many runs as it may"),
        );
        let sent = if self.story.attempts.is_empty() { "sent" } else { "carried out" };
        let reason = format!(
            "it had no turn to run within {limit_ms} ms, because {why}; nothing was {sent}"
        );
        Judgement::plain(Outcome::Expired, reason)
    }
}
