//! Rehearsals: runs of `perform` in which no write is sent. The writes that the adapter asks for are the plan.
//!
//! If the adapter got values that only the real answers will have, the host runs it a second time with other values and
//! the recorded reads. If the plan then differs, the adapter computes on these values, and an attempt could not follow
//! the plan.

use deed_record::exchange::claim::Claim;
use deed_record::exchange::{Exchange, ExchangeSummary, beyond_grant};
use deed_record::plan::draft::Draft;
use deed_record::plan::matching::first_difference;
use deed_record::plan::{Plan, Rehearsal};
use deed_spec::digest::Digest;

use super::redact::Redactor;
use super::transport::Transport;
use super::{Adapter, Run, RunSlot, Sandbox, limits, reason};
use crate::grant::{RehearsalGrant, ReplayGrant, Scope};

/// A rehearsal. If there is no plan only because the upstream could not be read for a temporary reason, `hindrance` is
/// the last read that failed.
#[derive(Clone, Debug)]
pub struct Rehearsed {
    pub rehearsal: Rehearsal,
    pub hindrance: Option<ExchangeSummary>,
}

impl Sandbox {
    /// Runs one rehearsal with the read credentials. No write is sent.
    ///
    /// The run may take the wall-clock limit of the grant twice, because it may be repeated without upstreams.
    pub async fn rehearse(
        &self,
        adapter: &Adapter,
        grant: RehearsalGrant,
        _turn: &RunSlot,
    ) -> Rehearsed {
        let (mut scope, draft) = grant.into_parts();
        let again = scope.for_second_run();
        let road = Transport::network(&mut scope, None);
        let rehearsal = self.rehearsal(adapter, scope, again, road, draft).await;
        let hindrance = rehearsal.hindrance().map(Exchange::summary);
        Rehearsed { rehearsal, hindrance }
    }

    /// Repeats a rehearsal with its recorded reads.
    pub async fn replay_rehearsal(&self, adapter: &Adapter, grant: ReplayGrant) -> Rehearsal {
        let (scope, record, draft) = grant.into_parts();
        let Some(draft) = draft else { return self.not_started() };
        let _turn = self.replay_slot(&scope).await;
        let again = scope.for_second_run();
        let road = Transport::record(&scope.private, record);
        self.rehearsal(adapter, scope, again, road, draft).await
    }

    async fn rehearsal(
        &self,
        adapter: &Adapter,
        scope: Scope,
        again: Scope,
        road: Transport,
        draft: Draft,
    ) -> Rehearsal {
        let (seed, id, redactor) = (draft.seed(), scope.action.clone(), road.redactor());
        let timeout = scope.timeout;
        let started_ms = self.clock.now_ms();
        let (run, draft) = self.run_once(adapter, scope, road, false, Some(draft)).await;
        run.tell(&id);
        if let Some(said) = reason::of_attempt(&run.claim, timeout) {
            tracing::warn!(action = %id, "the rehearsal failed: {said}");
        }
        let plan = match draft {
            Some(draft) => self.plan(adapter, again, &run, draft).await,
            None => Err(run.problem.unwrap_or_default()),
        };
        let plan = plan.and_then(|plan| without_private(&redactor, plan));
        let (plan, problem) = match plan {
            Ok(plan) => (Some(plan), None),
            Err(why) => (None, Some(redactor.text(&why, limits::TEXT))),
        };
        Rehearsal {
            seed,
            claim: run.claim,
            exchanges: run.exchanges,
            refused: run.refused,
            plan,
            problem,
            started_ms,
            ended_ms: self.clock.now_ms(),
        }
    }

    /// The plan of a run that has ended. Fails with the first reason why there is no plan.
    async fn plan(
        &self,
        adapter: &Adapter,
        again: Scope,
        run: &Run,
        draft: Draft,
    ) -> Result<Plan, String> {
        ended_well(run, draft.reason())?;
        // The second seed depends on the first one only, so that a replay repeats both runs.
        let other_seed = Digest::of(draft.seed().as_bytes());
        let other = draft.gave_tokens().then(|| draft.again(other_seed));
        let plan = draft.finish()?;
        match other {
            Some(other) => self.repeat(adapter, again, run, other, plan).await,
            None => Ok(plan),
        }
    }

    /// Repeats the run with other answers to the writes. Fails when the plan then differs.
    async fn repeat(
        &self,
        adapter: &Adapter,
        again: Scope,
        run: &Run,
        draft: Draft,
        plan: Plan,
    ) -> Result<Plan, String> {
        let road = Transport::record(&again.private, run.exchanges.clone());
        let id = again.action.clone();
        let (second, draft) = self.run_once(adapter, again, road, false, Some(draft)).await;
        for refused in &second.refused {
            tracing::warn!(action = %id, "the host refused a request of the repeated rehearsal: {refused}");
        }
        let ended = ended_well(&second, draft.as_ref().and_then(Draft::reason));
        let other = ended.and_then(|()| match draft {
            Some(draft) => draft.finish(),
            None => Err("the second run was not started".into()),
        });
        let difference = match other {
            Ok(other) => first_difference(&plan, &other),
            Err(why) => Some(format!("there is no plan ({why})")),
        };
        match difference {
            None => Ok(plan),
            Some(how) => Err(format!(
                "the adapter computes on a value that only the answer to a write will have: when the host repeated the \
                 rehearsal with other values in its answers, {how}; such a value may stand only where a rule says \
                 `{{answer.NAME.MEMBER}}`"
            )),
        }
    }

    /// The result of a rehearsal whose grant is for another run.
    fn not_started(&self) -> Rehearsal {
        let problem = "the grant is for the replay of another run than a rehearsal".to_owned();
        let now_ms = self.clock.now_ms();
        Rehearsal {
            seed: Digest::of(b""),
            claim: Claim::Invalid(problem.clone()),
            exchanges: Vec::new(),
            refused: Vec::new(),
            plan: None,
            problem: Some(problem),
            started_ms: now_ms,
            ended_ms: now_ms,
        }
    }
}

/// Returns the plan, unless the adapter put a private value into a part that it computed. The redactor also finds encoded
/// values; the draft has found the plain ones.
fn without_private(redactor: &Redactor, plan: Plan) -> Result<Plan, String> {
    for (n, write) in plan.writes.iter().enumerate() {
        for (place, mut value) in write.request.parts() {
            if let Some(inside) = redactor.value(&mut value).first() {
                return Err(format!(
                    "write {} has an encoded private value at `{place}{inside}`, and no plan may contain one",
                    n + 1
                ));
            }
        }
    }
    Ok(plan)
}

/// Fails with the reason if a request was refused, or if the adapter did not report that it is done. `refused` is the
/// reason for the first refusal. The reason has no value that the adapter read or computed, because the agent sees it.
fn ended_well(run: &Run, refused: Option<&str>) -> Result<(), String> {
    if beyond_grant(&run.refused, &run.exchanges).next().is_some() {
        let why = refused.unwrap_or("`evidence/rehearsal.json` has the request in `refused`");
        return Err(format!("the host refused a request of the rehearsal: {why}"));
    }
    if let Some(why) = run.exchanges.iter().find_map(Exchange::forbidden) {
        return Err(format!("the configuration does not allow the connection: {why}"));
    }
    // The adapter would put the marker of a redacted value back, in the place of the value.
    let hidden = run.exchanges.iter().find(|one| !one.redacted.is_empty());
    if let Some(Exchange { request, .. }) = hidden {
        return Err(format!(
            "the answer to `{} {}` held a secret and was redacted, so an adapter cannot compute with it; `expose` in \
             the rule leaves a part of the answer out",
            request.method, request.path
        ));
    }
    run.problem.clone().map_or(Ok(()), Err)
}
