//! Repeats an observation or a rehearsal that failed before the first write, if the reason is temporary. See
//! `docs/decisions/0045-looks-before-a-write-are-repeated.md`.
//!
//! The action keeps its status during the pause, so the host repeats the run if it is restarted during the pause. Only
//! the last observation or rehearsal is recorded; the ledger shows when each earlier observation began.

use deed_record::exchange::{Exchange, ExchangeSummary, Fate};
use deed_record::lifecycle::event::{Event, Phase};
use deed_record::lifecycle::observation::{Observation, Sight};

use super::drive::{Drive, Step};
use super::error::EngineError;
use super::pause::{self, Failed};
use super::wait::Waited;
use crate::config::Granted;
use crate::stage::observe::Looked;

/// Maximum number of times that an observation or a rehearsal is repeated.
const REPETITIONS: u32 = 3;

/// A run that failed before the first write for a temporary reason.
pub(super) struct Hindered<'a> {
    pub(super) kind: Kind,
    /// Unix milliseconds.
    pub(super) began_ms: i64,
    pub(super) exchanges: &'a [Exchange],
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Look,
    Rehearsal,
}

impl Drive<'_> {
    /// Records the observation, or waits until it can be repeated.
    pub(super) async fn observed(
        &mut self,
        granted: &Granted,
        phase: Phase,
        looked: Looked,
    ) -> Result<Step, EngineError> {
        let Looked { mut observation, hindrance } = looked;
        // The access token may have expired while the adapter ran.
        let is_useless = phase != Phase::Post && observation.unusable(&granted.contract).is_some();
        if let Some(judgement) = self.without_access().filter(|_| is_useless) {
            return self.judge(judgement).await;
        }
        if let Some(failed) = hindrance.filter(|_| self.is_before_a_write(phase)) {
            let hindered = Hindered {
                kind: Kind::Look,
                began_ms: observation.began_ms(),
                exchanges: &observation.exchanges,
            };
            match self.again_at_ms(granted, &hindered)? {
                Ok(at_ms) => {
                    // The failed observation is dropped before the wait to save memory: many actions may wait at once,
                    // and the recorded answers can be large.
                    drop(observation);
                    return self.wait_to_repeat(Kind::Look, phase, &failed, at_ms).await;
                }
                Err(why) => add(granted, &mut observation, &why),
            }
        }
        self.failed = Failed::default();
        let observation = Sight::shared(observation);
        self.append(vec![Event::Observed { phase, observation }], false).await
    }

    pub(super) fn is_before_a_write(&self, phase: Phase) -> bool {
        phase != Phase::Post && self.work.story.attempts.is_empty()
    }

    /// The failures of runs of this kind since the last recorded one.
    fn failures(&mut self, kind: Kind) -> &mut Failed {
        match kind {
            Kind::Look => &mut self.failed,
            Kind::Rehearsal => &mut self.unrehearsed,
        }
    }

    /// The time at which to repeat the run, or the reason why the run is not repeated.
    pub(super) fn again_at_ms(
        &mut self,
        granted: &Granted,
        run: &Hindered<'_>,
    ) -> Result<Result<i64, String>, EngineError> {
        let now_ms = self.engine.clock.now_ms();
        let failed = self.failures(run.kind);
        let times = failed.times.saturating_add(1);
        let first_ms = if times == 1 { run.began_ms } else { failed.first_ms };
        *failed = Failed { times, first_ms };
        if times > REPETITIONS {
            return Ok(Err(format!("the host {} {times} times", run.kind.done())));
        }
        let limits = &granted.contract.limits;
        let pause = pause::after(limits, times, run.exchanges)?;
        let pause_ms = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        let at_ms = now_ms.saturating_add(pause_ms);
        if at_ms > first_ms.saturating_add(limits.queue.as_signed()) {
            let limit_ms = limits.queue.as_millis();
            let run = run.kind.name();
            return Ok(Err(format!(
                "the pause before another {run} would be {pause_ms} ms, but {run}s may be repeated for {limit_ms} ms \
                 (`limits.queue`)"
            )));
        }
        Ok(Ok(at_ms))
    }

    /// Waits without a run slot. A cancellation, an expiry of the approvals or a stop ends the wait.
    pub(super) async fn wait_to_repeat(
        &mut self,
        kind: Kind,
        phase: Phase,
        failed: &ExchangeSummary,
        at_ms: i64,
    ) -> Result<Step, EngineError> {
        let action = &self.work.story.bound.action.id;
        let pause_ms = at_ms.saturating_sub(self.engine.clock.now_ms());
        let times = match kind {
            Kind::Look => self.failed.times,
            Kind::Rehearsal => self.unrehearsed.times,
        };
        tracing::warn!(
            %action, upstream = failed.upstream, failed = cause(failed), times, pause_ms,
            "{}", kind.failed()
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

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Rehearsal => "rehearsal",
        }
    }

    /// What the host did in such a run.
    fn done(self) -> &'static str {
        match self {
            Self::Look => "looked",
            Self::Rehearsal => "rehearsed the action",
        }
    }

    /// The line for the operator's log.
    fn failed(self) -> &'static str {
        match self {
            Self::Look => "the state could not be observed before a write; it is observed again",
            Self::Rehearsal => "the action could not be rehearsed; it is rehearsed again",
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
