//! Repeats an observation that failed before the first write, if the reason is temporary. See
//! `docs/decisions/0045-looks-before-a-write-are-repeated.md`.
//!
//! The action keeps its status during the pause, so the host observes the state again if it is restarted during the
//! pause. Only the last observation is recorded; the ledger shows when each earlier observation began.

use deed_record::exchange::{ExchangeSummary, Fate};
use deed_record::lifecycle::event::{Event, Phase};
use deed_record::lifecycle::observation::{Observation, Sight};

use super::drive::{Drive, Step};
use super::error::EngineError;
use super::pause::{self, Failed};
use super::wait::Waited;
use crate::config::Granted;
use crate::stage::observe::Looked;

/// Maximum number of times that an observation is repeated.
const REPETITIONS: u32 = 3;

impl Drive<'_> {
    /// Records the observation, or waits until it can be repeated.
    pub(super) async fn observed(
        &mut self,
        granted: &Granted,
        phase: Phase,
        looked: Looked,
    ) -> Result<Step, EngineError> {
        let Looked { mut observation, hindrance } = looked;
        if let Some(failed) = hindrance.filter(|_| self.is_before_a_write(phase)) {
            match self.again_at_ms(granted, &observation)? {
                Ok(at_ms) => {
                    // The failed observation is dropped before the wait to save memory: many actions may wait at once,
                    // and the recorded answers can be large.
                    drop(observation);
                    return self.wait_to_look(phase, &failed, at_ms).await;
                }
                Err(why) => add(granted, &mut observation, &why),
            }
        }
        self.failed = Failed::default();
        let observation = Sight::shared(observation);
        self.append(vec![Event::Observed { phase, observation }], false).await
    }

    fn is_before_a_write(&self, phase: Phase) -> bool {
        phase != Phase::Post && self.work.story.attempts.is_empty()
    }

    /// The time at which to observe the state again, or the reason why the observation is not repeated.
    fn again_at_ms(
        &mut self,
        granted: &Granted,
        observation: &Observation,
    ) -> Result<Result<i64, String>, EngineError> {
        let now_ms = self.engine.clock.now_ms();
        let times = self.failed.times.saturating_add(1);
        let first_ms = if times == 1 { observation.began_ms() } else { self.failed.first_ms };
        self.failed = Failed { times, first_ms };
        if times > REPETITIONS {
            return Ok(Err(format!("the host looked {times} times")));
        }
        let limits = &granted.contract.limits;
        let pause = pause::after(limits, times, &observation.exchanges)?;
        let pause_ms = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        let at_ms = now_ms.saturating_add(pause_ms);
        if at_ms > first_ms.saturating_add(limits.queue.as_signed()) {
            let limit_ms = limits.queue.as_millis();
            return Ok(Err(format!(
                "the pause before another look would be {pause_ms} ms, but looks may be repeated for {limit_ms} ms \
                 (`limits.queue`)"
            )));
        }
        Ok(Ok(at_ms))
    }

    /// Waits without a run slot. A cancellation, an expiry of the approvals or a stop ends the wait.
    async fn wait_to_look(
        &mut self,
        phase: Phase,
        failed: &ExchangeSummary,
        at_ms: i64,
    ) -> Result<Step, EngineError> {
        let action = &self.work.story.bound.action.id;
        let pause_ms = at_ms.saturating_sub(self.engine.clock.now_ms());
        tracing::warn!(
            %action, upstream = failed.upstream, failed = cause(failed), times = self.failed.times, pause_ms,
            "the state could not be observed before a write; it is observed again"
        );
        self.slot = None;
        self.flush(false).await?;
        let ask = self.work.story.ask.as_ref().filter(|_| phase == Phase::Gate);
        let over_ms = ask.map_or(i64::MAX, |ask| ask.expires_ms);
        let waited = self.wait(self.engine.clock.until(at_ms), None, over_ms).await?;
        match self.expired(self.engine.clock.latest_ms()) {
            Some(judgement) if matches!(waited, Waited::Over) => self.judge(judgement).await,
            _ => Ok(Step::Go),
        }
    }
}

/// Appends to the problem of an observation the reason why the observation was not repeated.
fn add(granted: &Granted, observation: &mut Observation, why: &str) {
    let problem = observation.unusable(&granted.contract).unwrap_or_default();
    observation.problem = Some(format!("{problem}; {why}"));
}

fn cause(failed: &ExchangeSummary) -> String {
    match failed.fate {
        Fate::Answered { status } => {
            format!("{} {} was answered {status}", failed.method, failed.path)
        }
        Fate::NotSent | Fate::NoAnswer => failed.problem.clone().unwrap_or_default(),
    }
}
