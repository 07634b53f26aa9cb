//! Checks plans: that the contract allows the plan, and that the attempts sent nothing but the writes of the plan.
//!
//! The plan is the list of writes that a rehearsal recorded before anybody agreed to the action. Only actions with an
//! open contract have one.

mod attempts;
mod legal;

use deed_record::action::Rendering;
use deed_record::action::private;
use deed_record::bundle;
use deed_record::contract::Contract;
use deed_record::exchange::claim::Claim;
use deed_record::exchange::{Exchange, Rendered};
use deed_record::lifecycle::observation::Observation;
use deed_record::lifecycle::outcome::Outcome;
use deed_record::plan::sent::{self, Unsent};
use deed_record::plan::{self, Plan, Rehearsal, RehearsalSummary};
use deed_record::statement::receipt::Receipt;

use super::evidence::{Evidence, of_contract};
use super::opened::Opened;
use super::proven::Proven;

/// The reads of `perform` that a rehearsal sends, and that no attempt sends.
pub(super) fn rehearsed(perform: &[Rendered]) -> Vec<Rendered> {
    perform.iter().filter(|rule| !rule.writes && !needs_answer(rule)).cloned().collect()
}

/// The requests of `perform` that an attempt may send. If the contract is open, the answers to all other reads come
/// from the rehearsal.
pub(super) fn attempted(perform: &[Rendered]) -> Vec<Rendered> {
    let is_open = plan::is_open(perform);
    let is_sent = |rule: &&Rendered| !is_open || rule.writes || needs_answer(rule);
    perform.iter().filter(is_sent).cloned().collect()
}

/// Whether the contract alone does not determine the body of this request.
pub(super) fn has_open_body(rule: &Rendered) -> bool {
    !(rule.pre.is_empty() && rule.any.is_empty() && rule.awaited.is_empty())
}

fn needs_answer(rule: &Rendered) -> bool {
    rule.awaits_answer() || !rule.awaited.is_empty()
}

/// Reads the rehearsal and compares it with the receipt.
pub(super) fn read(
    opened: &Opened,
    short: Option<&RehearsalSummary>,
) -> Result<Option<Rehearsal>, String> {
    let Some(short) = short else { return Ok(None) };
    let full: Rehearsal = opened.record(bundle::REHEARSAL)?;
    if full.summary().as_ref().ok() != Some(short) {
        return Err(format!("`{}` is not the rehearsal in the receipt", bundle::REHEARSAL));
    }
    let is_clean = full.claim == Claim::Done && full.refused.is_empty();
    if full.plan.is_some() && !is_clean {
        return Err(format!(
            "`{}` has a plan, but its run did not end as `done` or made refused requests",
            bundle::REHEARSAL
        ));
    }
    Ok(Some(full))
}

/// Makes the checks that need no evidence: that there is a rehearsal, a plan and a list of unsent writes if and only if
/// the contract is open, and that the list fits the contract.
pub(super) fn told(proven: &Proven, perform: &[Rendered]) -> Result<(), String> {
    let Proven { receipt, plans, .. } = proven;
    if !plan::is_open(perform) {
        let is_bare = receipt.rehearsal.is_none() && receipt.unsent.is_empty();
        return if is_bare && plans.iter().all(Option::is_none) {
            Ok(())
        } else {
            Err("the contract is closed, but there is a rehearsal or a plan".to_owned())
        };
    }
    if let Some((n, _)) = (1_usize..).zip(plans).find(|(_, plan)| plan.is_none()) {
        return Err(format!(
            "the contract is open, but the decision about attempt {n} has no plan"
        ));
    }
    if let Some(rehearsal) = &receipt.rehearsal
        && rehearsal.plan_sha256.is_some() == rehearsal.problem.is_some()
    {
        return Err("the rehearsal needs either a plan or the reason why there is none".to_owned());
    }
    let has_plan = receipt.rehearsal.as_ref().is_some_and(|one| one.plan_sha256.is_some());
    if receipt.outcome == Outcome::Rehearsed && !has_plan {
        return Err(
            "the contract is open and the outcome is `rehearsed`, but there is no plan".to_owned()
        );
    }
    in_time(receipt)?;
    unsent_as_told(receipt, perform)
}

/// Checks that the rehearsal of an action that ran was made between the observation before the run and the last
/// attempt.
fn in_time(receipt: &Receipt) -> Result<(), String> {
    let (Some(rehearsal), Some(pre), Some(last)) =
        (&receipt.rehearsal, &receipt.pre, receipt.attempts.last())
    else {
        return Ok(());
    };
    let times = [pre.at_ms, rehearsal.started_ms, rehearsal.ended_ms, last.started_ms];
    if receipt.is_given_up() || times.is_sorted() {
        return Ok(());
    }
    Err("the rehearsal was not made between the observation before the run and the last attempt"
        .to_owned())
}

fn unsent_as_told(receipt: &Receipt, perform: &[Rendered]) -> Result<(), String> {
    let is_of = |one: &Unsent, rule: &Rendered| {
        rule.writes
            && rule.method == one.method
            && rule.path == one.path
            && rule.optional == one.optional
    };
    let unsent = &receipt.unsent;
    let is_known = |one: &Unsent| one.write > 0 && perform.iter().any(|rule| is_of(one, rule));
    let is_verified = receipt.outcome == Outcome::Verified;
    let faults = [
        (receipt.attempts.is_empty() && !unsent.is_empty(), "but nothing was attempted"),
        (!unsent.iter().all(is_known), "which has a write that is not of the contract"),
        (
            !unsent.is_sorted_by(|one, next| one.write < next.write),
            "which is not in the order of the plan",
        ),
        (
            is_verified && unsent.iter().any(|one| !one.optional),
            "with a write that is not optional, but the outcome is `verified`",
        ),
    ];
    match faults.iter().find(|(wrong, _)| *wrong) {
        Some((_, fault)) => Err(format!("the receipt lists unsent writes, {fault}")),
        None => Ok(()),
    }
}

/// Checks the rehearsal and the attempts in the evidence against the contract and each other.
pub(super) fn check(
    evidence: &Evidence,
    proven: &Proven,
    contract: &Contract,
    rendering: &Rendering,
) -> Result<(), String> {
    let perform = &rendering.perform;
    if !plan::is_open(perform) {
        return Ok(());
    }
    if let Some(rehearsal) = &evidence.rehearsal {
        legal::reads(perform, &rehearsal.exchanges)?;
        of_contract(&rehearsal.exchanges, |_| true)?;
    }
    let plan = evidence.plan();
    if let Some(plan) = plan {
        let state = evidence.pre.as_ref().map(Observation::value).unwrap_or_default();
        let words = private::words(contract, &proven.action.params);
        let terms = legal::Terms { contract, perform, state: &state, private: words.reveal() };
        terms.check(plan)?;
    }
    let digest = proven.receipt.rehearsal.as_ref().and_then(|one| one.plan_sha256);
    let follows = proven.plans.iter().map(|plan| digest.is_some() && *plan == digest);
    let runs = evidence.attempts.iter().zip(follows);
    attempts::check(contract, perform, plan, runs)
}

/// Checks the unsent writes in the receipt of an action whose outcome was not judged from states. The host may leave
/// these writes out, because the outcome claims nothing about them.
pub(super) fn unsent(
    evidence: &Evidence,
    contract: &Contract,
    receipt: &Receipt,
) -> Result<(), String> {
    if receipt.unsent.is_empty() {
        return Ok(());
    }
    let found = evidence.plan().map(|plan| left(contract, plan, evidence)).unwrap_or_default();
    if receipt.unsent == found {
        return Ok(());
    }
    Err("the unsent writes in the receipt are not those of the evidence".to_owned())
}

fn left(contract: &Contract, plan: &Plan, evidence: &Evidence) -> Vec<Unsent> {
    let all: Vec<&Exchange> =
        evidence.attempts.iter().flat_map(|attempt| &attempt.exchanges).collect();
    sent::unsent(plan, &all, &sent::with_answers_so_far(contract, plan, &all))
}
