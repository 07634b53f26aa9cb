//! Checks that an action that ran was allowed, granted and approved for the state in which it ran.
//!
//! The host's own claim about an approval is never sufficient: the statements that people signed must match.

use std::collections::BTreeMap;

use deed_record::action::Binding;
use deed_record::contract::Contract;
use deed_record::exchange::ExchangeSummary;
use deed_record::lifecycle::outcome::Outcome;
use deed_record::lifecycle::{observation, recovery};
use deed_record::policy::Verdict;
use deed_record::statement::approval::{Answer, Terms};
use deed_record::statement::receipt::Receipt;
use deed_spec::digest::Digest;

use super::evidence::Evidence;
use super::proven::Proven;
use super::{Finding, Found, pass};

/// Checks that nothing ran, or that the action was allowed, granted and approved. An action that only reads counts as
/// run if its outcome is `verified`.
pub(super) fn check(proven: &Proven, contract: &Contract, seen: Option<&Evidence>) -> Found {
    use Outcome as O;
    let Proven { receipt, .. } = proven;
    let verdict = receipt.decision.as_ref().map(|decision| decision.verdict);
    dry_run(proven)?;
    if receipt.attempts.is_empty() {
        return match receipt.outcome {
            O::Denied | O::Failed | O::Expired | O::Cancelled => pass("nothing ran"),
            O::Rehearsed if matches!(verdict, None | Some(Verdict::Deny)) => {
                Err("policy did not allow the dry run".to_owned())
            }
            O::Rehearsed => pass("a dry run; nothing ran"),
            O::Verified if contract.is_read() && verdict == Some(Verdict::Allow) => {
                approvals(proven, contract, seen)
            }
            O::Verified if contract.is_read() => Err("the read was not allowed".to_owned()),
            other => Err(format!("`{}` requires an attempt, but none was made", other.as_str())),
        };
    }
    let ended_early = receipt.is_given_up();
    if ended_early && !receipt.may_have_changed_something() {
        return pass("the upstream rejected the guarded writes, and nothing else ran");
    }
    if contract.is_read() || ended_early {
        return Err(format!("the outcome is `{}`, but the action ran", receipt.outcome.as_str()));
    }
    if verdict != Some(Verdict::Allow) {
        return Err("the action ran but was not allowed".to_owned());
    }
    let Some(grant) = &receipt.grant else {
        return Err("the action ran without a grant".to_owned());
    };
    repetitions(receipt, contract, &grant.upstreams)?;
    approvals(proven, contract, seen)
}

/// Checks that a dry run has no effect and needs nobody: it has no attempt, no grant and no approval, and an outcome
/// that an action without an attempt can have. Only a dry run can have the outcome `rehearsed`.
fn dry_run(proven: &Proven) -> Result<(), String> {
    use Outcome as O;
    let Proven { action, receipt, .. } = proven;
    if !action.dry_run && receipt.outcome == O::Rehearsed {
        return Err("the outcome is `rehearsed`, but the action is not a dry run".to_owned());
    }
    let is_idle = receipt.attempts.is_empty() && receipt.grant.is_none();
    let wrong = matches!(receipt.outcome, O::Verified | O::Mismatch | O::Indeterminate);
    if action.dry_run && (!is_idle || !receipt.approvals.is_empty() || wrong) {
        return Err(
            "the action is a dry run, but the receipt has an attempt, a grant, an approval, or the \
             outcome of an action that ran"
                .to_owned(),
        );
    }
    Ok(())
}

/// Checks that no attempt followed an attempt that may have changed something, unless the contract allows a further
/// attempt. Also checks that no request was sent again after it was carried out.
fn repetitions(
    receipt: &Receipt,
    contract: &Contract,
    bindings: &BTreeMap<String, Binding>,
) -> Result<(), String> {
    let runs: Vec<_> = receipt.attempts.iter().map(|one| one.exchanges.clone()).collect();
    for (n, next) in receipt.attempts.iter().enumerate().skip(1) {
        let before = runs.get(..n).unwrap_or_default();
        if before.iter().flatten().all(ExchangeSummary::is_without_effect) {
            continue;
        }
        let allowed = usize::try_from(contract.limits.attempts).unwrap_or(usize::MAX);
        if n >= allowed {
            return Err(format!(
                "attempt {} exceeds the attempts that the contract allows",
                next.n
            ));
        }
        let may = recovery::may_follow(contract.action.effect, before, bindings, next.started_ms);
        may.map_err(|why| format!("attempt {} was not allowed to follow: {why}", next.n))?;
    }
    match recovery::sent_twice(&runs) {
        Some(again) => Err(format!(
            "`{} {}` was carried out, and was then sent again or reused without its source",
            again.method, again.path
        )),
        None => Ok(()),
    }
}

/// Checks that every answer that counts approves the state, policies and plan of the run, belongs to the same request for
/// approval, and had not expired.
fn approvals(proven: &Proven, contract: &Contract, seen: Option<&Evidence>) -> Found {
    let Proven { receipt, given, .. } = proven;
    let counted: Vec<&Terms> =
        given.iter().filter(|one| one.counted).map(|one| &one.terms).collect();
    let ran_ms = ran_ms(receipt)?;
    let pre_state = pre_state(contract, seen)?;
    let policy_set = receipt.decision.as_ref().map(|decision| decision.policy_set);
    let plan = receipt.rehearsal.as_ref().and_then(|one| one.plan_sha256);
    let asking = counted.first().map(|terms| (&terms.nonce, terms.expires_ms));
    // A copy without evidence shows at least whether all approvals are for the same state.
    let world = pre_state.or(counted.first().map(|terms| terms.pre_state));
    for terms in &counted {
        let differs = [
            (terms.decision != Answer::Approve, "is a denial"),
            (Some(terms.pre_state) != world, "is for another state"),
            (Some(terms.policy_set) != policy_set, "is for another policy set"),
            (terms.plan != plan, "is for another plan"),
            (
                Some((&terms.nonce, terms.expires_ms)) != asking,
                "is for another request for approval",
            ),
            (terms.expires_ms < ran_ms, "had expired when the action ran"),
        ];
        if let Some((_, what)) = differs.iter().find(|(differs, _)| *differs) {
            return Err(format!("the answer of `{}` counts but {what}", terms.person));
        }
    }
    let count = counted.len();
    if count > 0 && pre_state.is_none() {
        return Ok(Finding::Skip(format!(
            "{count} approval(s) in time, for the same state; this copy does not have the state"
        )));
    }
    let covered =
        if plan.is_some() { "state, plan and policy set" } else { "state and policy set" };
    pass(format!("allowed; {count} approval(s) for exactly this {covered}, in time"))
}

/// The time when the last attempt started. For a read, the time of the observation, because a read has no attempt.
fn ran_ms(receipt: &Receipt) -> Result<i64, String> {
    let look = receipt.pre.as_ref().ok_or("the action ran, but no state was read before it")?;
    let starts = receipt.attempts.iter().map(|attempt| attempt.started_ms);
    Ok(starts.max().unwrap_or(look.at_ms))
}

fn pre_state(contract: &Contract, seen: Option<&Evidence>) -> Result<Option<Digest>, String> {
    let look = seen.and_then(|seen| seen.pre.as_ref());
    let digest = look.map(|look| observation::state_digest(contract, &look.value()));
    digest.transpose().map_err(|e| e.to_string())
}
