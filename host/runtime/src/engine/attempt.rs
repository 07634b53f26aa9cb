//! Runs the adapter for observations and attempts. Each run has a grant, and its start is recorded by an event.

use std::collections::BTreeMap;
use std::sync::Arc;

use deed_record::lifecycle::event::{Attempt, Event, Phase};
use deed_record::lifecycle::observation::Observation;
use deed_record::lifecycle::observation::answers::Answers;
use deed_record::lifecycle::outcome::{Judgement, Outcome};
use deed_record::policy::PermitBasis;
use deed_sandbox::grant::{self, Cleared, LiveGrant, Scope};
use deed_sandbox::{Adapter, Run, RunSlot};
use tokio::sync::Mutex;

use super::drive::{Drive, Step};
use super::error::EngineError;
use super::run_slot::Taken;
use super::write_ahead;
use crate::config::Granted;
use crate::stage::observe::{self, Looked, Looks};
use crate::stage::policy;

impl Drive<'_> {
    /// Observes the system of record once, in a new adapter instance with a read grant.
    pub(super) async fn observe(&mut self, phase: Phase) -> Result<Step, EngineError> {
        let Some(granted) = self.granted() else { return self.gone().await };
        let Some(adapter) = self.adapter(&granted) else {
            return self.gone().await;
        };
        if let Some(what) = self.other_world(&granted)? {
            return self.judge_other_world(what).await;
        }
        let slot = match self.take_run_slot(&granted).await? {
            Taken::RunSlot(slot) => slot,
            Taken::Ended(step) => return Ok(step),
        };
        if let Some(judgement) = self.without_access().filter(|_| phase != Phase::Post) {
            return self.judge(judgement).await;
        }
        self.append(vec![Event::ObserveStarted { phase }], false).await?;
        // An observation changes nothing, so it does not wait for the journal. The result of the observation is used
        // only after the journal has accepted the append.
        let append = self.work.take_pending(vec![], false);
        let appended = async {
            match append {
                Some(append) => self.engine.store.append(append).await.map(drop),
                None => Ok(()),
            }
        };
        let (appended, seen) = tokio::join!(appended, self.look(&granted, &adapter, &slot, phase));
        appended?;
        self.work.flushed(self.engine);
        let looked = seen?;
        self.slot = Some(slot);
        self.observed(&granted, phase, looked).await
    }

    pub(super) async fn look(
        &self,
        granted: &Granted,
        adapter: &Adapter,
        slot: &RunSlot,
        phase: Phase,
    ) -> Result<Looked, EngineError> {
        let answers = match phase {
            Phase::Post => self.work.story.answers(&granted.contract),
            _ => Answers::default(),
        };
        let scope = self.look_scope(granted, &answers)?;
        let decision = self.work.story.decision.as_ref().map(|(d, _)| d);
        let clock = self.engine.clock.clone();
        Ok(match decision.map(|d| grant::read(d, scope)) {
            Some(Ok(grant)) => {
                let asked = answers.asked(&self.work.story.bound.observe);
                let rules = Looks { contract: &granted.contract, asked: &asked };
                let now_ms = || clock.now_ms();
                observe::look(&self.engine.sandbox, adapter, grant, slot, rules, now_ms).await
            }
            Some(Err(error)) => unseen(error.to_string(), clock.now_ms()),
            None => unseen("policy has not decided".to_owned(), clock.now_ms()),
        })
    }

    /// Makes one attempt. The start event is durable before the grant becomes live, and the intent of each write is
    /// durable before the first byte of the write is sent.
    pub(super) async fn attempt(&mut self) -> Result<Step, EngineError> {
        let Some(granted) = self.granted() else { return self.gone().await };
        let slot = match self.take_run_slot(&granted).await? {
            Taken::RunSlot(slot) => slot,
            Taken::Ended(step) => return Ok(step),
        };
        if self.is_overtaken_by_a_reload() {
            self.slot = Some(slot);
            return Ok(Step::Go);
        }
        let started_ms = self.engine.clock.now_ms();
        let late_ms = self.engine.clock.latest_ms();
        if let Some(why) = self.why_expired(late_ms).filter(|_| self.is_between_attempts()) {
            return self.give_up(why).await;
        }
        if let Some(judgement) = self.expired(late_ms) {
            return self.judge(judgement).await;
        }
        let Some(adapter) = self.adapter(&granted) else {
            return self.gone().await;
        };
        if let Some(step) = self.stopped_short(&granted).await? {
            return Ok(step);
        }
        // If the driver has no permit, it repeats the last checks before an attempt, because a recorded decision does
        // not replace a permit.
        let Some(permit) = self.permit.take() else {
            self.slot = Some(slot);
            return self.observe(Phase::Gate).await;
        };
        let n = self.work.story.next_attempt();
        let (once, scope) = (self.once(&granted)?, self.scope(&granted, n)?);
        let course = self.course(&granted, &scope);
        let scope = Scope { tags: self.tags(), once, course, ..scope };
        let cleared = match grant::clear(permit, scope, &self.basis(&granted)) {
            Ok(cleared) => cleared,
            Err(error) if self.is_between_attempts() => {
                return self.give_up(&error.to_string()).await;
            }
            Err(error) => {
                return self.judge(Judgement::plain(Outcome::Denied, error.to_string())).await;
            }
        };
        let deadline_ms = started_ms + granted.contract.limits.timeout.as_signed();
        let decision = self.signed_decision(started_ms, deadline_ms)?;
        let epoch = self.work.story.epoch.saturating_add(1);
        let started = Event::AttemptStarted { n, epoch, deadline_ms, decision };
        let engine = Arc::clone(self.engine);
        let live = self.start(cleared, started).await?;
        let work = Arc::new(Mutex::new(self.work.clone()));
        let run = engine
            .sandbox
            .perform(
                &adapter,
                live,
                write_ahead::steps(&engine, &self.current, Arc::clone(&work), n, epoch),
                &slot,
            )
            .await;
        self.slot = Some(slot);
        self.work = work.lock().await.clone();
        let ended = attempt_of(n, run, started_ms, engine.clock.now_ms());
        // The results of the attempt's writes are already in the journal.
        self.append(vec![Event::AttemptEnded { attempt: Arc::new(ended) }], false).await
    }

    /// The loaded adapter of a grant, in the driver's configuration.
    pub(super) fn adapter(&self, granted: &Granted) -> Option<Adapter> {
        self.current.adapters.get(&granted.adapter).cloned()
    }

    /// The present policy set, pre-state and plan. A permit is valid only if its policy decision was based on them.
    fn basis(&self, granted: &Granted) -> PermitBasis {
        let story = &self.work.story;
        let pre = story.pre.as_ref().map(|pre| policy::state(&self.tenant, story, pre.value()));
        let plan = story.plan().map(|plan| granted.contract.policy_plan(plan));
        PermitBasis { policy_set: self.tenant.policies.digest(), pre, plan }
    }

    /// Makes the start event durable, in one append with all pending events, and returns the live grant.
    ///
    /// If the journal's proof is not for the start event, the adapter is not run. The host then treats the attempt like
    /// one that a crash interrupted.
    async fn start(&mut self, cleared: Cleared, started: Event) -> Result<LiveGrant, EngineError> {
        self.append(vec![started], false).await?;
        let proof = self.work.flush_durably(self.engine).await?;
        Ok(grant::spend(cleared, proof)?)
    }
}

fn attempt_of(n: u32, run: Run, started_ms: i64, ended_ms: i64) -> Attempt {
    Attempt {
        n,
        claim: run.claim,
        exchanges: run.exchanges,
        refused: run.refused,
        started_ms,
        ended_ms,
    }
}

fn unseen(problem: String, at_ms: i64) -> Looked {
    let observation = Observation {
        state: BTreeMap::new(),
        derived: [].into(),
        exchanges: vec![],
        claim: None,
        refused: vec![],
        at_ms,
        problem: Some(problem),
    };
    Looked { observation, hindrance: None }
}
