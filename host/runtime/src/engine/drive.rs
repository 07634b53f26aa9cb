//! The driver of one action, which matches exhaustively on the action's status to select the next stage.

use std::sync::{Arc, OnceLock};

use deed_record::action;
use deed_record::action::id::ActionId;
use deed_record::lifecycle::event::{Event, Phase};
use deed_record::lifecycle::outcome::{self, Judgement, Outcome};
use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Decided;
use deed_record::policy::asked::Question;
use deed_record::policy::{Decision, Facts, Permit, Verdict};
use deed_sandbox::RunSlot;

use super::Engine;
use super::current::Current;
use super::error::EngineError;
use super::in_flight::Lease;
use super::pause::Failed;
use super::revoked;
use super::stored_action::StoredAction;
use super::unit_of_work::UnitOfWork;
use crate::config::{Granted, Tenant};
use crate::stage::policy;
use crate::stage::reconcile::{self, Conclusion};

/// Whether the driver can continue now.
pub(super) enum Step {
    Go,
    /// The action waits, or has ended.
    Rest,
}

/// The state of one driver of one action.
pub(super) struct Drive<'a> {
    pub(super) engine: &'a Arc<Engine>,
    /// The configuration that this driver uses: the newest at the start of a step, but from the decision that permits
    /// an attempt to the judgement always the same.
    pub(super) current: Arc<Current>,
    pub(super) tenant: Arc<Tenant>,
    pub(super) work: UnitOfWork,
    /// Which of the contract, adapter, binding and environment has changed since the proposal, if any. The first
    /// comparison with the driver's configuration sets this value.
    pub(super) world: OnceLock<Option<&'static str>>,
    /// The input of the latest policy decision, for the signed statements that refer to it.
    pub(super) asked: Option<(Decided, Question)>,
    /// Permission for the next attempt, from a decision that this driver made itself. The decision of an earlier driver
    /// is only a record, so policy is asked again.
    pub(super) permit: Option<Permit>,
    /// The lease of the action's resource. The driver holds it from the observation on which the action is based until
    /// the outcome of the action.
    pub(super) lease: Option<Lease>,
    /// The run slot in the sandbox, which is kept from one run to the next.
    pub(super) slot: Option<RunSlot>,
    /// The failed observations before the first write.
    pub(super) failed: Failed,
    /// The failed rehearsals before the first write. They are counted apart, because the state is observed again
    /// between two rehearsals at the gate.
    pub(super) unrehearsed: Failed,
    /// Whether the state must be observed again before the next rehearsal at the gate, because time has passed since
    /// the last observation.
    pub(super) is_outdated: bool,
    /// Whether the state was observed a second time after the guard of a write rejected the write.
    pub(super) looked_again: bool,
    /// Whether to observe the state once more if the outcome is open. Only a timer can request this observation; a
    /// caller cannot.
    pub(super) settling: bool,
}

/// Advances an action as far as possible, and returns the action. `told` is the caller's copy of the action, if any.
pub(super) async fn drive(
    engine: &Arc<Engine>,
    id: &ActionId,
    told: Option<StoredAction>,
    settling: bool,
) -> Result<StoredAction, EngineError> {
    let _single = engine.in_flight.actions.acquire(id.as_str()).await;
    let row = engine.store.row(id.as_str())?;
    let is_now = |told: &StoredAction| row.is_some_and(|row| row.version == told.story.version);
    let told = told.filter(is_now).map_or_else(|| engine.load(id), Ok)?;
    let work = UnitOfWork::of(told);
    let name = &work.story.bound.action.tenant;
    let current = engine.current();
    let Some(tenant) = current.tenant(name).cloned() else {
        return Err(EngineError::NoTenant(name.clone()));
    };
    let mut drive = Drive {
        engine,
        current,
        tenant,
        work,
        world: OnceLock::new(),
        asked: None,
        permit: None,
        lease: None,
        slot: None,
        failed: Failed::default(),
        unrehearsed: Failed::default(),
        is_outdated: false,
        looked_again: false,
        settling,
    };
    loop {
        let step = match drive.step().await {
            Ok(Step::Go) => continue,
            // If the host stops while the driver waits, the driver ends without an error. The next start of the host
            // continues the action from the journal.
            Ok(Step::Rest) | Err(EngineError::Stopping(_)) => drive.flush(false).await,
            Err(error) => Err(error),
        };
        match step {
            Ok(()) => return Ok(drive.work.clone().into_stored()),
            // An external event was appended to the action during this step, so the driver reloads the action and
            // repeats the step.
            Err(EngineError::Conflict) => {
                drive.work = UnitOfWork::of(engine.load(id)?);
                // The permit is dropped, because policy gave it for the action as it was before the reload.
                drive.permit = None;
            }
            Err(error) => {
                // The story is loaded again, because events that this driver could not write to the journal must not
                // determine whether the action keeps its resource.
                if let Ok(told) = engine.load(id) {
                    drive.work.story = told.story;
                }
                return Err(error);
            }
        }
    }
}

/// The resource of a write that may be under way stays reserved, even if the driver fails or panics.
impl Drop for Drive<'_> {
    fn drop(&mut self) {
        self.keep_resource();
    }
}

impl Drive<'_> {
    async fn step(&mut self) -> Result<Step, EngineError> {
        self.follow_configuration();
        if self.lease.is_none() && self.needs_resource() {
            if let Some(judgement) = self.take_resource().await? {
                return self.judge(judgement).await;
            }
            // The observation is repeated if an earlier process made it: the lease was lost with that process, so
            // another action may have written since then. Between two attempts the resource stays reserved, so the
            // state observed before the first attempt still counts.
            if !self.is_between_attempts()
                && matches!(
                    self.work.story.status,
                    Status::Observed(Phase::Pre | Phase::Gate)
                        | Status::Gated(Verdict::Allow)
                        | Status::Cleared
                )
            {
                return self.observe(Phase::Gate).await;
            }
        }
        match self.work.story.status {
            Status::Proposed => self.decide(false).await,
            Status::Decided(Verdict::Deny) | Status::Gated(Verdict::Deny) => self.deny().await,
            Status::Decided(Verdict::Allow | Verdict::Ask) => self.observe(Phase::Pre).await,
            Status::Observing(phase) => self.observe(phase).await,
            Status::Observed(Phase::Pre) => self.after_pre().await,
            Status::Observed(Phase::Gate) => self.at_gate().await,
            Status::Observed(Phase::Post) => self.after_post().await,
            Status::Gated(Verdict::Allow | Verdict::Ask) if self.work.story.is_dry_run() => {
                self.end_dry_run().await
            }
            Status::Gated(Verdict::Ask) => {
                let why = self.why_approval();
                self.stale(why).await
            }
            Status::Gated(Verdict::Allow) => self.clear().await,
            Status::Waiting => self.waiting().await,
            Status::Stale if self.work.story.pre_is_spent => self.after_turned_away().await,
            Status::Stale => self.ask().await,
            Status::CancelRequested if self.is_between_attempts() => {
                let by = self.work.story.cancelled_by.clone().unwrap_or_default();
                self.give_up(&format!("cancelled by {by}")).await
            }
            Status::CancelRequested => {
                let by = self.work.story.cancelled_by.clone().unwrap_or_default();
                self.judge(Judgement::plain(Outcome::Cancelled, format!("cancelled by {by}"))).await
            }
            Status::Cleared => self.attempt().await,
            Status::Attempting => self.recover_attempt().await,
            Status::Retrying => self.retry().await,
            Status::Attempted => self.after_attempt().await,
            Status::Judged(_) => self.seal().await,
            Status::Resolved => self.conclude_resolved().await,
            Status::Settled(_) => self.seal_settled().await,
            Status::Sealed(_) | Status::Reconciled(_) => self.publish().await,
            Status::Ended(Outcome::Indeterminate) if self.settling => self.settle().await,
            Status::Ended(_) => Ok(Step::Rest),
        }
    }

    pub(super) async fn append(
        &mut self,
        events: Vec<Event>,
        durable: bool,
    ) -> Result<Step, EngineError> {
        for event in events {
            self.work.append(self.engine, event).await?;
        }
        if durable {
            self.flush(true).await?;
        }
        Ok(Step::Go)
    }

    /// Writes pending events to the journal. A driver calls this function before any external effect and before any
    /// wait.
    pub(super) async fn flush(&mut self, durable: bool) -> Result<(), EngineError> {
        self.work.flush(self.engine, durable).await
    }

    pub(super) async fn judge(&mut self, judgement: Judgement) -> Result<Step, EngineError> {
        self.slot = None;
        let judgement = Arc::new(revoked::with_withheld(judgement, &self.work.story));
        self.append(vec![Event::Judged { judgement }], false).await
    }

    /// The action's grant in the driver's configuration. Without a grant, the host runs no adapter for the action.
    pub(super) fn granted(&self) -> Option<Granted> {
        self.tenant.grants.get(&self.work.story.bound.action.contract.name).cloned()
    }

    pub(super) async fn decide(&mut self, gate: bool) -> Result<Step, EngineError> {
        let pre = self.work.story.pre.as_ref().filter(|_| gate).map(|pre| pre.value());
        let (decision, facts, permit) =
            policy::permit(&self.tenant, &self.work.story, self.engine.clock.now_ms(), pre);
        // Only the policy decision in the last checks before an attempt (the gate) can permit the attempt. A decision
        // before the first observation cannot.
        self.permit = permit.filter(|_| gate);
        let event = self.decided(gate, decision, facts)?;
        self.append(vec![event], false).await
    }

    /// The event of a policy decision under the activation that is in force.
    pub(super) fn decided(
        &self,
        gate: bool,
        decision: Decision,
        facts: Facts,
    ) -> Result<Event, EngineError> {
        let lost = || EngineError::NotActivated(self.tenant.name.clone());
        let activated = *self.current.activated.get(&self.tenant.name).ok_or_else(lost)?;
        let (decision, facts) = (Arc::new(decision), Arc::new(facts));
        Ok(Event::Decided { gate, decision, facts, activated })
    }

    async fn deny(&mut self) -> Result<Step, EngineError> {
        let reason = self.work.story.decision.as_ref().map_or_else(String::new, |(d, _)| denial(d));
        self.judge(Judgement::plain(Outcome::Denied, reason)).await
    }

    /// Why people are asked, if policy requires an approval only under the state and the plan.
    fn why_approval(&self) -> &'static str {
        match self.work.story.plan() {
            Some(_) => "policy requires approval for the planned writes",
            None => "policy requires approval for the state that was read",
        }
    }

    async fn after_pre(&mut self) -> Result<Step, EngineError> {
        if std::mem::take(&mut self.is_outdated) {
            return self.observe(Phase::Pre).await;
        }
        let Some(granted) = self.granted() else { return self.gone().await };
        // The observation is judged only by the contract under which it was made.
        if let Some(what) = self.other_world(&granted)? {
            return self.judge_other_world(what).await;
        }
        if let Some(judgement) = self.unfit(&granted) {
            return self.judge(judgement).await;
        }
        match self.planned(&granted, Phase::Pre).await? {
            Some(step) => Ok(step),
            None => self.after_rehearsal().await,
        }
    }

    /// Continues after the first observation and, if the contract is open, with the plan under the observed state.
    async fn after_rehearsal(&mut self) -> Result<Step, EngineError> {
        if let Some(judgement) = self.nothing_planned() {
            return self.judge(judgement).await;
        }
        // Policy judges the state and the plan of a dry run at once, also if a real action would wait for people first.
        let is_allowed =
            self.work.story.attempts.is_empty() && self.latest_verdict() == Some(Verdict::Allow);
        if is_allowed || self.work.story.is_dry_run() {
            return self.world_then_decide().await;
        }
        self.ask().await
    }

    async fn after_post(&mut self) -> Result<Step, EngineError> {
        let Some(granted) = self.granted() else { return self.gone().await };
        // After a restart, the driver may continue at this point with a configuration that has another contract.
        if let Some(what) = self.other_world(&granted)? {
            return self.judge_other_world(what).await;
        }
        let now = self.engine.clock.now_ms();
        match reconcile::reconcile(
            &granted.contract,
            &self.work.story,
            now,
            self.engine.clock.began_ms(),
        ) {
            Conclusion::Judged(judgement) if self.was_turned_away(&granted) => {
                self.turned_away(&granted, judgement).await
            }
            Conclusion::Judged(judgement) => self.follow(&granted, judgement).await,
            Conclusion::NotYet(at_ms) => {
                self.slot = None;
                self.flush(false).await?;
                self.engine.until(at_ms).await?;
                self.observe(Phase::Post).await
            }
        }
    }

    /// The judgement that ends the action if the observation cannot be used or a precondition does not hold. The host
    /// then does not start the attempt.
    pub(super) fn unfit(&self, granted: &Granted) -> Option<Judgement> {
        let pre = self.work.story.pre.as_ref()?;
        if granted.contract.is_read() {
            let judgement = outcome::judge_read(&granted.contract, pre);
            return Some(judgement).filter(|j| j.outcome != Outcome::Verified);
        }
        if let Some(problem) = pre.unusable(&granted.contract) {
            let sent = if self.work.story.attempts.is_empty() { "nothing" } else { "nothing more" };
            let reason = format!(
                "the state before the action could not be observed; {sent} was sent: {problem}"
            );
            return Some(Judgement::plain(Outcome::Failed, reason));
        }
        // Preconditions are checked before entity tags. A state that does not exist fails both checks, and the failed
        // precondition is the more useful reason to report.
        if let Some(judgement) = reconcile::unmet_before(&granted.contract, &self.work.story) {
            return Some(judgement);
        }
        match self.work.story.perform() {
            Err(missing) => return Some(Judgement::plain(Outcome::Denied, missing.to_string())),
            Ok(writes) if !action::fit_in_a_record(&writes) => {
                let reason = "with the values of the state, the writes have more than 4 MiB";
                return Some(Judgement::plain(Outcome::Denied, reason));
            }
            Ok(_) => {}
        }
        if let Some(write) = self.work.story.untagged() {
            let (method, path) = (&write.method, &write.path);
            let reason =
                format!("`{method} {path}` is guarded, but the observation has no entity tag");
            return Some(Judgement::plain(Outcome::Denied, reason));
        }
        None
    }

    /// Judges an open action whose grant was removed. The outcome is indeterminate if a write may have been sent,
    /// otherwise denied.
    pub(super) async fn gone(&mut self) -> Result<Step, EngineError> {
        let name = &self.work.story.bound.action.contract.name;
        let open = self.work.story.may_have_changed_something();
        let outcome = if open { Outcome::Indeterminate } else { Outcome::Denied };
        let reason = format!("the grant for `{name}` was removed");
        self.judge(Judgement::plain(outcome, reason)).await
    }
}

/// The reason for a denial in one sentence: the host's reason, or the policies that decided.
fn denial(decision: &deed_record::policy::Decision) -> String {
    if let Some(reason) = &decision.reason {
        return reason.clone();
    }
    if let Some(error) = decision.errors.first() {
        return format!("policy could not be evaluated, which denies: {error}");
    }
    match decision.determining.as_slice() {
        [] => "no policy permits it".to_owned(),
        ids => format!("forbidden by policy {}", ids.join(", ")),
    }
}
