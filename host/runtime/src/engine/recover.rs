//! Recovery after an attempt that did not complete all writes: plans another attempt, or ends the action.
//!
//! This module sends nothing, and does not decide what may be sent again; `record::recovery` decides that. Another
//! attempt passes the same checks of policy, approvals and configuration as the first.

use std::sync::Arc;
use std::time::Duration;

use deed_record::exchange::Exchange;
use deed_record::lifecycle::event::{Attempt, Event};
use deed_record::lifecycle::outcome::{Judgement, Outcome};
use deed_record::lifecycle::recovery;
use deed_record::lifecycle::story::Story;
use deed_record::policy::Permit;
use deed_spec::json;

use super::bounds::ATTEMPTS_BYTES;
use super::drive::{Drive, Step};
use super::error::EngineError;
use super::pause;
use crate::config::Granted;
use crate::stage::reconcile::{self, Conclusion};
use crate::stage::{approval, policy};

impl Drive<'_> {
    /// Ends an attempt that was running when the host stopped. The driver then observes the state before it sends any
    /// other write.
    pub(super) async fn recover_attempt(&mut self) -> Result<Step, EngineError> {
        let now = self.engine.clock.now_ms();
        // The contract that was stored with the action says which parts of an answer a planned write contains.
        let contract = self.engine.contract_of(&self.work.story)?;
        let Some(attempt) = self.work.story.lost_attempt(&contract, now) else {
            return Ok(Step::Rest);
        };
        let attempt = Arc::new(self.with_stored_secrets(attempt));
        self.append(vec![Event::AttemptEnded { attempt }], true).await
    }

    /// Plans another attempt after a usable observation if another attempt is allowed, otherwise judges the action.
    pub(super) async fn follow(
        &mut self,
        granted: &Granted,
        judgement: Judgement,
    ) -> Result<Step, EngineError> {
        let now_ms = self.engine.clock.now_ms();
        let story = &self.work.story;
        let next = recovery::another(
            &granted.contract,
            &story.attempts,
            &story.bindings,
            &judgement,
            now_ms,
        );
        let pause_ms = i64::try_from(self.pause(granted)?.as_millis()).unwrap_or(i64::MAX);
        let not_before_ms = now_ms.saturating_add(pause_ms);
        // A pause that is longer than the remaining time budget or the validity of an idempotency key would only delay
        // the end of the action, so no attempt is planned after such a pause.
        let late_ms = self.engine.clock.latest_ms().saturating_add(pause_ms);
        let in_time = self.in_time(granted, late_ms).is_ok();
        match next {
            Ok(reason) if in_time && has_room(&story.attempts)? => {
                let reason = format!("{}; {reason}", judgement.reason);
                self.append(vec![Event::RetryPlanned { reason, not_before_ms }], false).await
            }
            _ => self.judge(judgement).await,
        }
    }

    /// Waits until the planned time, then checks once more whether the attempt may run, because configuration, policy
    /// and approvals may have changed.
    pub(super) async fn retry(&mut self) -> Result<Step, EngineError> {
        self.slot = None;
        self.flush(false).await?;
        let planned = self.engine.clock.until(self.work.story.not_before_ms);
        self.wait(planned, None, i64::MAX).await?;
        if let Some(why) = self.follow_for_retry()? {
            return self.give_up(&why).await;
        }
        let Some(granted) = self.granted() else { return self.gone().await };
        if let Some(what) = self.other_world(&granted)? {
            return self.judge_other_world(what).await;
        }
        if let Err(why) = self.leave(&granted) {
            return self.give_up(&why).await;
        }
        match self.decide(true).await {
            // This evaluation of policy no longer allows the attempt, although the evaluation in `leave` allowed it,
            // because time has passed since then.
            Err(EngineError::Story(_)) => self.give_up("policy no longer allows it").await,
            other => other,
        }
    }

    /// Returns permission to run a planned attempt now. Fails with the reason when the attempt may not run. The time
    /// limits are checked by the later of the host's clock and the system's clock. The host's clock does not adopt the
    /// system's time while an action is under way, so only the system's clock shows how long the machine was suspended.
    fn leave(&self, granted: &Granted) -> Result<Permit, String> {
        let (now_ms, late_ms) = (self.engine.clock.now_ms(), self.engine.clock.latest_ms());
        if let Some(why) = self.why_expired(late_ms) {
            return Err(why.to_owned());
        }
        // The time limits are checked again, because the pause may have been long: the upstream may have asked for it,
        // or the host may have been down.
        if let Err(over) = self.in_time(granted, late_ms) {
            return Err(over.to_string());
        }
        let pre = self.work.story.pre.as_ref().map(|pre| pre.value());
        let (_, _, permit) = policy::permit(&self.tenant, &self.work.story, now_ms, pre);
        let permit = permit.ok_or_else(|| "policy no longer allows it".to_owned())?;
        let asked = self.work.story.ask.as_ref();
        let counts = || approval::still_counts(&self.tenant, &self.work.story, late_ms);
        let void = asked.is_some_and(|ask| ask.policy_set != self.tenant.policies.digest())
            || (asked.is_some() && counts().is_err());
        if void { Err("its approvals are no longer valid".to_owned()) } else { Ok(permit) }
    }

    pub(super) fn in_time(&self, granted: &Granted, at_ms: i64) -> Result<(), recovery::Final> {
        let Story { attempts, bindings, .. } = &self.work.story;
        recovery::in_time(&granted.contract, attempts, bindings, at_ms)
    }

    /// Ends a planned attempt that policy had allowed but that may no longer start. Since policy allowed it, the host
    /// may have been down and restarted with another configuration. If the attempt may start, its permit comes from a
    /// new policy decision and not from the recorded one.
    pub(super) async fn stopped_short(
        &mut self,
        granted: &Granted,
    ) -> Result<Option<Step>, EngineError> {
        if !self.is_between_attempts() {
            return Ok(None);
        }
        if let Some(what) = self.other_world(granted)? {
            return self.judge_other_world(what).await.map(Some);
        }
        let in_force = self.current.activated.get(&self.tenant.name);
        let changed = self.work.story.activated.as_ref() != in_force;
        let changed = changed.then(|| "the configuration changed after it was allowed".to_owned());
        match self.leave(granted).and_then(|permit| changed.map_or(Ok(permit), Err)) {
            Err(why) => self.give_up(&why).await.map(Some),
            Ok(permit) => {
                self.permit = Some(permit);
                Ok(None)
            }
        }
    }

    /// Judges the action by the last observation, and adds the reason why no other attempt is made.
    pub(super) async fn give_up(&mut self, why: &str) -> Result<Step, EngineError> {
        let Some(granted) = self.granted() else { return self.gone().await };
        if let Some(what) = self.other_world(&granted)? {
            return self.judge_other_world(what).await;
        }
        let now_ms = self.engine.clock.now_ms();
        // No further wait is needed before the observation counts: the process that planned the attempt waited until no
        // write could take effect any more, and then made the observation.
        let judged =
            match reconcile::reconcile(&granted.contract, &self.work.story, now_ms, i64::MIN) {
                Conclusion::Judged(judged) => judged,
                Conclusion::NotYet(_) => Judgement::plain(
                    Outcome::Indeterminate,
                    "a write that was sent may still take effect",
                ),
            };
        let reason = format!("{}; it was not tried again: {why}", judged.reason);
        self.judge(Judgement { reason, ..judged }).await
    }

    /// Whether the action is between two attempts. Between two attempts, the state observed before the first attempt
    /// still counts.
    pub(super) fn is_between_attempts(&self) -> bool {
        self.work.story.pre_is_spent && self.work.story.post.is_some()
    }

    /// The pause before the next attempt.
    fn pause(&self, granted: &Granted) -> Result<Duration, EngineError> {
        let attempts = &self.work.story.attempts;
        let failed = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
        let last = attempts.last().map_or(&[][..], |attempt| &attempt.exchanges);
        pause::after(&granted.contract.limits, failed, last)
    }
}

/// Whether the part of a bundle that contains all attempts has room for another attempt, including the results of
/// earlier writes that it carries over.
fn has_room(attempts: &[Attempt]) -> Result<bool, EngineError> {
    let carried: Vec<Exchange> =
        recovery::known(attempts).into_iter().filter_map(|write| write.done).collect();
    let bytes = json::to_canonical(attempts)?.len() + json::to_canonical(&carried)?.len();
    Ok(bytes <= ATTEMPTS_BYTES)
}

#[cfg(test)]
mod tests {
    use deed_record::exchange::claim::Claim;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_carried_takes_its_room_again() {
        let exchange = json!({
            "ordinal": 0, "fate": {"answered": {"status": 200}},
            "request": {"upstream": "idp", "method": "PATCH", "path": "/", "calls": 1, "writes": true},
            "response": "x".repeat(ATTEMPTS_BYTES / 3 * 2), "started_ms": 0, "ended_ms": 0, "deadline_ms": 0,
        });
        let mut exchange: Exchange = serde_json::from_value(exchange).unwrap();
        let attempt = |one: Exchange| Attempt {
            n: 1,
            claim: Claim::Done,
            exchanges: vec![one],
            refused: vec![],
            started_ms: 0,
            ended_ms: 0,
        };
        assert!(!has_room(&[attempt(exchange.clone())]).unwrap());
        exchange.fate = deed_record::exchange::Fate::Answered { status: 503 };
        assert!(has_room(&[attempt(exchange)]).unwrap(), "nothing of it is carried");
    }
}
