//! The steps from the first observation to the gate, which is the last set of checks before an attempt: approval
//! requests, staleness, the resource lease, and the last policy decision.

use std::collections::BTreeMap;
use std::sync::Arc;

use deed_record::lifecycle::event::{Answer, Event, GrantRecord, Phase};
use deed_record::lifecycle::outcome::{self, Judgement, Outcome};
use deed_record::policy::{CONFIRM, Decision, Verdict};
use deed_sandbox::credentials::Behalf;

use super::bounds::ANSWERS_MAX;
use super::drive::{Drive, Step};
use super::error::EngineError;
use crate::config::{Granted, Tenant, keys};
use crate::stage::{approval, contract, policy};

impl Drive<'_> {
    /// Requests approval of exactly the rendered action, in the state that was observed last.
    pub(super) async fn ask(&mut self) -> Result<Step, EngineError> {
        let Some(granted) = self.granted() else { return self.gone().await };
        // People are asked about a plan, and only an observation leads to a rehearsal.
        if self.work.story.needs_rehearsal() {
            return self.observe(Phase::Pre).await;
        }
        if let Some(judgement) = self.without_access() {
            return self.judge(judgement).await;
        }
        let Some(pre) = &self.work.story.pre else { return self.observe(Phase::Pre).await };
        let now_ms = self.engine.clock.now_ms();
        // Policy is evaluated again, because the policies may have changed since the proposal, and the pre-state is
        // known now.
        let (decision, facts) =
            policy::decide(&self.tenant, &self.work.story, now_ms, Some(pre.value()));
        // If the verdict is not `ask`, either no approval is needed or no approval would help. The next policy decision
        // allows or denies the action accordingly.
        if decision.verdict != Verdict::Ask {
            return self.decide(true).await;
        }
        if self.work.story.all_answers.len().saturating_add(wanted(&decision)) > ANSWERS_MAX {
            let reason = format!(
                "another request for approval would exceed the {ANSWERS_MAX} answers that an action can have"
            );
            return self.judge(Judgement::plain(Outcome::Denied, reason)).await;
        }
        let nonce = keys::random_hex::<16>()?;
        // The expiry time is computed from the clock against which it is checked later.
        let latest_ms = self.engine.clock.latest_ms();
        let configured_ms = self.current.config.approval_expires.as_signed();
        let expires_ms = latest_ms + approval::patience_ms(&decision.obligations, configured_ms);
        // Without the access token of the request, an approval would be of no use.
        let expires_ms = expires_ms.min(self.access_until_ms());
        let plan = self.work.story.plan();
        let ask = approval::ask(&granted.contract, pre, plan, &decision, nonce, expires_ms)?;
        if let Some(step) = self.take_the_place().await? {
            return Ok(step);
        }
        (self.lease, self.slot) = (None, None);
        // The record has the decision for which people are asked, also if it is not the one before the observation.
        let differs = self.work.story.decision.as_ref().is_none_or(|(said, _)| **said != decision);
        let decided = if differs { Some(self.decided(false, decision, facts)?) } else { None };
        let asked = Event::Asked { ask: Arc::new(ask) };
        self.append(decided.into_iter().chain([asked]).collect(), true).await?;
        self.engine.tell_waiting(&self.work.story);
        Ok(Step::Go)
    }

    pub(super) async fn waiting(&mut self) -> Result<Step, EngineError> {
        if let Some(answer) = self.work.story.answers.iter().find(|a| !a.approves) {
            let reason = denied(answer);
            return self.judge(Judgement::plain(Outcome::Denied, reason)).await;
        }
        if let Some(judgement) = self.expired(self.engine.clock.latest_ms()) {
            return self.judge(judgement).await;
        }
        // After a restart or a reload with another contract, adapter or binding, no approval can count, so the action
        // does not wait any longer.
        let Some(granted) = self.granted() else { return self.gone().await };
        if let Some(what) = self.other_world(&granted)? {
            let action = &self.work.story.bound.action.id;
            tracing::warn!(%action, "the action waited for approval, but its {what} has changed; it ends as denied");
            return self.judge_other_world(what).await;
        }
        if !self.work.story.open_obligations().is_empty() {
            // If an earlier process requested the approval, this process does not have a timer for its expiry yet.
            self.engine.expire_later(&self.work.story);
            return Ok(Step::Rest);
        }
        self.engine.tell_approved(&self.work.story);
        self.enter_gate().await
    }

    /// The judgement of an action whose approval has expired, or the access token of its request, at any stage of the
    /// action.
    pub(super) fn expired(&self, latest_ms: i64) -> Option<Judgement> {
        if let Some(judgement) = self.without_access() {
            return Some(judgement);
        }
        let ask = self.work.story.ask.as_ref()?;
        let over = latest_ms >= ask.expires_ms;
        let reason = match self.work.story.open_obligations().as_slice() {
            [] => "the approval expired before it could run",
            open if open.iter().all(|one| one == CONFIRM) => "it was not confirmed in time",
            _ => "it was not approved in time",
        };
        over.then(|| Judgement::plain(Outcome::Expired, reason))
    }

    /// Takes the resource, unless the action is a read, and observes the state again under the lease.
    async fn enter_gate(&mut self) -> Result<Step, EngineError> {
        if self.lease.is_none()
            && !self.is_read()
            && let Some(judgement) = self.take_resource().await?
        {
            return self.judge(judgement).await;
        }
        self.observe(Phase::Gate).await
    }

    pub(super) async fn at_gate(&mut self) -> Result<Step, EngineError> {
        if std::mem::take(&mut self.is_outdated) {
            return self.observe(Phase::Gate).await;
        }
        let Some(granted) = self.granted() else { return self.gone().await };
        if let Some(what) = self.other_world(&granted)? {
            return self.judge_other_world(what).await;
        }
        if let Some(judgement) =
            self.expired(self.engine.clock.latest_ms()).or_else(|| self.unfit(&granted))
        {
            return self.judge(judgement).await;
        }
        if let Some(step) = self.planned(&granted, Phase::Gate).await? {
            return Ok(step);
        }
        if let Some(judgement) = self.nothing_planned() {
            return self.judge(judgement).await;
        }
        if let Some(reason) = self.staleness(&granted)? {
            return self.stale(&reason).await;
        }
        self.world_then_decide().await
    }

    /// The reason why the approval is stale: the state, the policies or the plan changed, or an answer no longer
    /// counts. `None` if the approval is not stale.
    fn staleness(&self, granted: &Granted) -> Result<Option<String>, EngineError> {
        let (Some(ask), Some(pre)) = (&self.work.story.ask, &self.work.story.pre) else {
            return Ok(None);
        };
        if pre.digest(&granted.contract)? != ask.pre_state {
            return Ok(Some("the state changed after it was shown to the approver".to_owned()));
        }
        if self.tenant.policies.digest() != ask.policy_set {
            return Ok(Some("the policies changed after approval was requested".to_owned()));
        }
        if let Some(reason) = self.other_plan(ask)? {
            return Ok(Some(reason));
        }
        let now_ms = self.engine.clock.latest_ms();
        Ok(approval::still_counts(&self.tenant, &self.work.story, now_ms)
            .err()
            .map(|e| format!("an approval is no longer valid: {e}")))
    }

    pub(super) async fn stale(&mut self, reason: &str) -> Result<Step, EngineError> {
        self.lease = None;
        self.append(vec![Event::Stale { reason: reason.to_owned() }], false).await
    }

    /// Compares the contract, adapter, bindings and environment of the action with the driver's configuration. Returns
    /// the name of the first of these four parts that differs.
    pub(super) fn other_world(
        &self,
        granted: &Granted,
    ) -> Result<Option<&'static str>, EngineError> {
        // The result is cached until the driver follows another configuration, because the action does not change.
        if let Some(known) = self.world.get() {
            return Ok(*known);
        }
        let what = self.difference(&self.tenant, granted)?;
        Ok(*self.world.get_or_init(|| what))
    }

    /// The first of contract, adapter, binding and environment in which the action differs from this configuration of
    /// its tenant.
    pub(super) fn difference(
        &self,
        tenant: &Tenant,
        granted: &Granted,
    ) -> Result<Option<&'static str>, EngineError> {
        let action = &self.work.story.bound.action;
        let requests = (&self.work.story.bound.observe[..], &self.work.story.bound.perform[..]);
        let requester = contract::recorded_requester(&self.work.story.bindings);
        let behalf = Behalf { person: &action.person, requester: requester.as_ref() };
        let bindings = contract::bindings((tenant, behalf), granted, requests);
        let bindings = contract::in_form_of(&self.work.story.bindings, bindings);
        let bindings = contract::digests(&bindings)?;
        let differs = [
            (action.contract.digest != granted.digest, "contract"),
            (action.adapter != granted.adapter, "adapter"),
            (action.binding != bindings, "upstream binding"),
            (action.environment != self.engine.fixed.environment, "environment"),
        ];
        Ok(differs.into_iter().find_map(|(differs, what)| differs.then_some(what)))
    }

    /// Judges an action that can no longer run because its contract, adapter, binding or environment changed. The
    /// outcome is indeterminate if a write may have been sent, otherwise denied.
    pub(super) async fn judge_other_world(&mut self, what: &str) -> Result<Step, EngineError> {
        let judgement = if self.work.story.may_have_changed_something() {
            let reason = format!(
                "the {what} changed after a write may have been sent, so the host cannot observe the same state"
            );
            Judgement::plain(Outcome::Indeterminate, reason)
        } else {
            let reason =
                format!("stale: the {what} changed after it was proposed; propose it again");
            Judgement::plain(Outcome::Denied, reason)
        };
        self.judge(judgement).await
    }

    pub(super) async fn world_then_decide(&mut self) -> Result<Step, EngineError> {
        let Some(granted) = self.granted() else { return self.gone().await };
        match self.other_world(&granted)? {
            Some(what) => self.judge_other_world(what).await,
            None => self.decide(true).await,
        }
    }

    /// Completes the last checks before an attempt and records the grant of the run. A read action ends here, because
    /// the observation is its result.
    pub(super) async fn clear(&mut self) -> Result<Step, EngineError> {
        let Some(granted) = self.granted() else { return self.gone().await };
        // The configuration may have changed since the decision.
        if let Some(what) = self.other_world(&granted)? {
            return self.judge_other_world(what).await;
        }
        if let Some(judgement) = self.unapproved() {
            return self.judge(judgement).await;
        }
        if let Some(pre) = self.work.story.pre.as_ref().filter(|_| granted.contract.is_read()) {
            let judgement = outcome::judge_read(&granted.contract, pre);
            return self.judge(judgement).await;
        }
        let waits = granted.upstreams.iter().filter_map(|name| self.tenant.upstreams.get(name));
        let longest = waits.map(|u| u.timeout.as_millis()).max().unwrap_or(0);
        let grant = GrantRecord {
            contract: granted.digest,
            adapter: granted.adapter,
            upstreams: Arc::clone(&self.work.story.bindings),
            timeout_ms: granted.contract.limits.timeout.as_millis(),
            exchange_timeout_ms: u64::try_from(longest).unwrap_or(u64::MAX),
        };
        self.append(vec![Event::Cleared { grant: Arc::new(grant) }], false).await
    }
}

fn denied(answer: &Answer) -> String {
    let Answer { person, role, .. } = answer;
    if role == CONFIRM {
        return format!("{person}, who is responsible for the agent, declined to confirm it");
    }
    format!("{person} ({role}) denied it")
}

/// The number of answers that are needed to meet every obligation. An answer in a role counts for all obligations of
/// that role.
fn wanted(decision: &Decision) -> usize {
    let mut most: BTreeMap<&str, u32> = BTreeMap::new();
    for one in &decision.obligations {
        let count = most.entry(&one.role).or_default();
        *count = one.count.max(*count);
    }
    most.values().map(|count| usize::try_from(*count).unwrap_or(usize::MAX)).sum()
}
