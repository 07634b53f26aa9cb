//! Rehearses an action with an open contract, before policy is asked about its plan and before people are asked.
//!
//! A rehearsal needs a run slot and a grant, like an observation. No write leaves during a rehearsal, so its start is
//! not recorded: if the host stops, the next start rehearses the action again. A plan belongs to the state that was
//! read last. The host therefore rehearses again after every observation before an attempt, and not between two
//! attempts. See `docs/decisions/0060-a-plan-belongs-to-the-state-it-was-made-under.md`.

use std::sync::Arc;

use deed_record::lifecycle::event::{Event, Phase};
use deed_record::lifecycle::outcome::{Judgement, Outcome};
use deed_record::plan::draft::Draft;
use deed_record::plan::{Plan, Rehearsal, matching};
use deed_record::statement::approval::Ask;
use deed_sandbox::Rehearsed;
use deed_sandbox::grant::{self, GrantError, RehearsalGrant};
use deed_spec::digest::Digest;
use deed_spec::json;
use serde_json::Value;

use super::bounds::{FACTS_BYTES, REHEARSAL_BYTES};
use super::drive::{Drive, Step};
use super::error::EngineError;
use super::looks::{Hindered, Kind};
use super::pause::Failed;
use super::run_slot::Taken;
use crate::config::{Granted, keys};

impl Drive<'_> {
    /// Makes sure that an action with an open contract has a plan under the latest state. Returns the next step if the
    /// driver must not continue yet: the action was rehearsed just now, or has ended because there is no plan.
    pub(super) async fn planned(
        &mut self,
        granted: &Granted,
        phase: Phase,
    ) -> Result<Option<Step>, EngineError> {
        if self.work.story.needs_rehearsal() {
            return self.rehearse(granted, phase).await.map(Some);
        }
        match self.unplanned() {
            Some(judgement) => self.judge(judgement).await.map(Some),
            None => Ok(None),
        }
    }

    /// Runs `perform` once, in a new adapter instance with a rehearsal grant.
    async fn rehearse(&mut self, granted: &Granted, phase: Phase) -> Result<Step, EngineError> {
        let Some(adapter) = self.adapter(granted) else {
            return self.gone().await;
        };
        if let Some(what) = self.other_world(granted)? {
            return self.judge_other_world(what).await;
        }
        if let Some(why) = self.too_large(granted) {
            let reason = self.without_plan("the action cannot be rehearsed", &why);
            return self.judge(Judgement::plain(Outcome::Denied, reason)).await;
        }
        let slot = match self.take_run_slot(granted).await? {
            Taken::RunSlot(slot) => slot,
            Taken::Ended(step) => return Ok(step),
        };
        let run = match self.rehearsal_grant(granted)? {
            Ok(grant) => self.engine.sandbox.rehearse(&adapter, grant, &slot).await,
            Err(error) => {
                let reason = self.without_plan("the action cannot be rehearsed", &error);
                return self.judge(Judgement::plain(Outcome::Denied, reason)).await;
            }
        };
        self.slot = Some(slot);
        self.rehearsed(granted, phase, run).await
    }

    /// Why the record of a decision about the plan could become larger than the journal accepts; `None` if it cannot.
    fn too_large(&self, granted: &Granted) -> Option<String> {
        let (story, contract) = (&self.work.story, &granted.contract);
        let state = contract.policy_state(story.pre.as_ref()?.value());
        let params = contract.policy_params(&story.bound.action.params);
        unrecordable(&state, &params)
    }

    fn rehearsal_grant(
        &self,
        granted: &Granted,
    ) -> Result<Result<RehearsalGrant, GrantError>, EngineError> {
        let (decision, _) = self.work.story.decision.as_ref().ok_or(EngineError::NotAsked)?;
        // The adapter sees the same number in a rehearsal and in every attempt.
        let scope = self.scope(granted, 1)?;
        let seed = Digest::from_bytes(keys::random()?);
        let (requests, private) = (scope.rendered.clone(), scope.private.reveal().clone());
        let draft = Draft::new(&granted.contract, requests, private, seed);
        Ok(grant::rehearse(decision, scope, draft))
    }

    /// Records the rehearsal, or waits until it can be repeated because a read failed for a temporary reason.
    async fn rehearsed(
        &mut self,
        granted: &Granted,
        phase: Phase,
        run: Rehearsed,
    ) -> Result<Step, EngineError> {
        let Rehearsed { mut rehearsal, hindrance } = run;
        // The access token may have expired while the adapter ran.
        if let Some(judgement) = self.without_access().filter(|_| rehearsal.plan.is_none()) {
            return self.judge(judgement).await;
        }
        if let Some(failed) = hindrance.filter(|_| self.is_before_a_write(phase)) {
            let hindered = Hindered {
                kind: Kind::Rehearsal,
                began_ms: rehearsal.started_ms,
                exchanges: &rehearsal.exchanges,
            };
            match self.again_at_ms(granted, &hindered)? {
                Ok(at_ms) => {
                    drop(rehearsal);
                    // The attempt must rest on the latest state, and the pause may be long.
                    self.is_outdated = true;
                    return self.wait_to_repeat(Kind::Rehearsal, phase, &failed, at_ms).await;
                }
                Err(why) => {
                    let problem = rehearsal.problem.take().unwrap_or_default();
                    rehearsal.problem = Some(format!("{problem}; {why}"));
                }
            }
        }
        self.unrehearsed = Failed::default();
        let rehearsal = Arc::new(bounded(rehearsal)?);
        self.append(vec![Event::Rehearsed { rehearsal }], false).await
    }

    /// The judgement that ends an action whose rehearsal gave no plan.
    fn unplanned(&self) -> Option<Judgement> {
        let rehearsal = self.work.story.rehearsal.as_ref()?;
        if rehearsal.plan.is_some() {
            return None;
        }
        let (outcome, what) = if rehearsal.hindrance().is_some() {
            (Outcome::Failed, "the action could not be rehearsed")
        } else {
            (Outcome::Denied, "the rehearsal gave no plan")
        };
        let problem = rehearsal.problem.as_deref().unwrap_or("no reason is recorded");
        Some(Judgement::plain(outcome, self.without_plan(what, &problem)))
    }

    fn without_plan(&self, what: &str, why: &dyn std::fmt::Display) -> String {
        let sent = if self.work.story.attempts.is_empty() { "nothing" } else { "nothing more" };
        format!("{what}; {sent} was sent: {why}")
    }

    /// The judgement of an action whose plan has no write. Nobody is asked to approve it, because there is nothing to
    /// approve. A dry run shows an empty plan like any other.
    pub(super) fn nothing_planned(&self) -> Option<Judgement> {
        let story = &self.work.story;
        let is_empty =
            !story.bound.action.dry_run && story.plan().is_some_and(|plan| plan.writes.is_empty());
        let why =
            "the adapter asked for no write, because the contract declares all of them as optional";
        is_empty.then(|| {
            Judgement::plain(Outcome::Failed, self.without_plan("the plan is empty", &why))
        })
    }

    /// Why the plan is not the one that people were shown; `None` if it is the same.
    pub(super) fn other_plan(&self, ask: &Ask) -> Result<Option<String>, EngineError> {
        let story = &self.work.story;
        let now = story.plan();
        if now.map(Plan::digest).transpose()? == ask.plan {
            return Ok(None);
        }
        let shown = story.asked_plan.as_ref().and_then(|rehearsal| rehearsal.plan.as_ref());
        let differs =
            shown.zip(now).and_then(|(shown, now)| matching::first_difference(shown, now));
        let differs = differs.map_or_else(String::new, |what| format!(": {what}"));
        Ok(Some(format!("the plan changed after it was shown to the approver{differs}")))
    }
}

fn unrecordable(state: &Value, params: &Value) -> Option<String> {
    let bytes = state.to_string().len().saturating_add(params.to_string().len());
    (bytes > FACTS_BYTES).then(|| {
        format!(
            "the state and the parameters have more than {} MiB in the form for policies; let the contract declare \
             less of the state",
            FACTS_BYTES >> 20
        )
    })
}

/// The rehearsal without its plan, if a record or a part of a bundle could not hold both.
fn bounded(rehearsal: Rehearsal) -> Result<Rehearsal, EngineError> {
    if json::to_canonical(&rehearsal)?.len() <= REHEARSAL_BYTES {
        return Ok(rehearsal);
    }
    let limit = REHEARSAL_BYTES >> 20;
    let problem = Some(format!(
        "the plan and the answers to its reads have more than {limit} MiB; let the contract expose less of the answers"
    ));
    Ok(Rehearsal { plan: None, problem, ..rehearsal })
}

#[cfg(test)]
mod tests {
    use deed_record::plan::Planned;
    use serde_json::json;

    use super::*;

    fn rehearsal() -> Rehearsal {
        let request =
            json!({"upstream": "wiki", "method": "GET", "path": "/a", "calls": 1, "writes": false});
        let read = json!({
            "ordinal": 0, "request": request, "fate": {"answered": {"status": 200}},
            "started_ms": 0, "ended_ms": 0, "deadline_ms": 0,
        });
        serde_json::from_value(json!({
            "seed": Digest::of(b"seed"), "claim": "done", "exchanges": [read], "started_ms": 0, "ended_ms": 1,
        }))
        .unwrap()
    }

    #[test]
    fn a_plan_that_no_record_could_hold_is_refused_and_the_reads_stay() {
        let planned = |bytes: usize| {
            let request = serde_json::from_value(json!({
                "upstream": "wiki", "method": "PUT", "path": "/a", "body": "x".repeat(bytes),
                "calls": 1, "writes": true,
            }));
            let plan = Plan { writes: vec![Planned { rule: 0, request: request.unwrap() }] };
            Rehearsal { plan: Some(plan), ..rehearsal() }
        };
        let fits = planned(1 << 20);
        assert_eq!(bounded(fits.clone()).unwrap(), fits);
        let refused = bounded(planned(REHEARSAL_BYTES)).unwrap();
        assert!(refused.plan.is_none() && refused.exchanges.len() == 1);
        assert!(refused.problem.unwrap().contains("more than 8 MiB"));
    }

    #[test]
    fn a_state_beside_which_no_record_has_room_for_a_plan_is_not_rehearsed() {
        let state = |bytes: usize| json!({ "list": "x".repeat(bytes) });
        assert_eq!(unrecordable(&state(FACTS_BYTES - 100), &json!({})), None);
        let why = unrecordable(&state(FACTS_BYTES), &json!({})).unwrap();
        assert!(why.contains("more than 12 MiB in the form for policies"), "{why}");
    }
}
