//! Actions without an attempt, of which at most an observation can be judged.

use deed_record::contract::Contract;
use deed_record::exchange::Exchange;
use deed_record::lifecycle::observation::Observation;
use deed_record::lifecycle::outcome::{self, Outcome};
use deed_record::plan::Rehearsal;

use super::Evidence;
use crate::proven::Proven;
use crate::{Finding, Found, pass};

/// Judges an action without an attempt. Without an attempt, only an observation can be judged: the observation of a
/// read, an unusable observation, or the observation of a dry run.
pub(super) fn judged(contract: &Contract, evidence: &Evidence, proven: &Proven) -> Found {
    let receipt = &proven.receipt;
    match (receipt.outcome, &evidence.pre) {
        (Outcome::Failed, Some(_)) if evidence.rehearsal.as_ref().is_some_and(is_fruitless) => {
            pass("`failed` again: the rehearsal could not read what it needs, or the plan is empty")
        }
        (Outcome::Rehearsed, Some(pre)) => dry_run(contract, pre, proven),
        (Outcome::Verified | Outcome::Failed, Some(pre)) => {
            let judged = outcome::judge_read(contract, pre).outcome;
            if judged == receipt.outcome {
                return pass(format!("`{}` again, from the observation", judged.as_str()));
            }
            Err(format!("the observation gives `{}`", judged.as_str()))
        }
        (Outcome::Verified | Outcome::Failed | Outcome::Rehearsed, None) => {
            Err("the state was not read".to_owned())
        }
        _ => Ok(Finding::Skip("nothing was attempted, so there is nothing to judge".to_owned())),
    }
}

/// Whether the plan has no write, or there is no plan and a read of the rehearsal failed for a temporary reason and was
/// not repeated with success.
fn is_fruitless(rehearsal: &Rehearsal) -> bool {
    let Rehearsal { plan, exchanges, refused, .. } = rehearsal;
    if let Some(plan) = plan {
        return plan.writes.is_empty();
    }
    let is_answered = |failed: &Exchange| {
        exchanges.iter().any(|one| one.request == failed.request && one.is_success())
    };
    refused.is_empty() && exchanges.iter().any(|one| one.is_hindered() && !is_answered(one))
}

/// Judges a dry run again: the observation was usable, and the conditions of `before` held.
fn dry_run(contract: &Contract, pre: &Observation, proven: &Proven) -> Found {
    if let Some(problem) = pre.unusable(contract) {
        return Err(format!("the outcome is `rehearsed`, but the state was not read: {problem}"));
    }
    let before = outcome::before(contract, &proven.action.params, pre);
    match before.iter().find(|check| !check.holds) {
        Some(check) => {
            Err(format!("the outcome is `rehearsed`, but `{}` did not hold", check.expression))
        }
        None => pass("`rehearsed` again, from the observation"),
    }
}
