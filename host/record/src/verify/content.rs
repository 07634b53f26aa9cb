//! Takes a proven action and receipt, gives whether contract, policy, gate and evidence bear it out.
//!
//! Never starts before the signatures and digests over these bytes hold.

use super::opened::Opened;
use super::proof::Proven;
use super::{
    Book, CONTENTS, DECISION, EVIDENCE, Found, GATE, OUTCOME, REQUESTS, decision, evidence, pass,
};
use crate::action::{Proposal, render};
use crate::approval::{Answer, Terms};
use crate::bundle;
use crate::contract::Contract;
use crate::digest::Digest;
use crate::exchange::{ExchangeSummary, Rendered};
use crate::json;
use crate::observation;
use crate::outcome::Outcome;
use crate::policy::Verdict;
use crate::receipt::Receipt;

/// Makes the checks that read contract, policies and evidence.
pub(super) fn check(opened: &Opened, proven: &Proven, book: &mut Book) {
    let contract = opened.json(bundle::CONTRACT);
    let contract = contract.and_then(|v| Contract::from_json(v).map_err(|e| e.to_string()));
    let contract = match contract {
        Ok(contract) => contract,
        Err(fault) => {
            book.note(REQUESTS, Err(fault));
            return book.pass_over(&CONTENTS, "not looked at: the contract cannot be read");
        }
    };
    book.note(REQUESTS, requests(proven, &contract));
    book.note(DECISION, decision::check(opened, proven, &contract));
    book.note(GATE, gate(proven, &contract));
    let seen = match evidence::read(opened, &proven.receipt) {
        Ok(seen) => seen,
        Err(fault) => {
            book.note(EVIDENCE, Err(fault));
            return book.pass_over(&[OUTCOME], "not looked at: the evidence does not hold");
        }
    };
    book.note(EVIDENCE, evidence::found(seen.as_ref()));
    book.note(OUTCOME, evidence::outcome(proven, &contract, seen.as_ref()));
}

/// The action is what the contract makes of the parameters, and nothing else was ever sent.
fn requests(proven: &Proven, contract: &Contract) -> Found {
    let Proven { action, receipt, .. } = proven;
    let head = &contract.action;
    if head.name != action.contract.name || head.version != action.contract.version {
        return Err(format!("the contract is `{} {}`, not the action's", head.name, head.version));
    }
    let rendering = render(contract, &proposal(proven)).map_err(|e| e.to_string())?;
    if rendering.resource != action.resource {
        return Err(format!("the contract names the resource `{}`", rendering.resource));
    }
    let looks = receipt.pre.iter().chain(&receipt.post).flat_map(|look| &look.exchanges);
    let looks: Vec<&ExchangeSummary> = looks.collect();
    let runs = receipt.attempts.iter().flat_map(|attempt| &attempt.exchanges);
    let runs: Vec<&ExchangeSummary> = runs.collect();
    for (sent, rendered) in [(&looks, &rendering.observe), (&runs, &rendering.perform)] {
        let stranger = sent.iter().find(|one| !rendered.iter().any(|rule| is_of(one, rule)));
        if let Some(one) = stranger {
            return Err(format!("`{} {}` is no request of the contract", one.method, one.path));
        }
    }
    let (looked, sent) = (looks.len(), runs.len());
    pass(format!("all {looked} of the looks and {sent} of the attempts are the contract's"))
}

fn proposal(proven: &Proven) -> Proposal {
    let Proven { action, receipt, .. } = proven;
    Proposal {
        contract: action.contract.name.clone(),
        params: action.params.clone(),
        intent: receipt.intent.clone(),
        reasoning: receipt.reasoning.clone(),
        on_behalf_of: action.on_behalf_of.clone(),
        sources: receipt.sources.clone(),
        environment: receipt.believed_environment.clone(),
        expect: receipt.expect.clone(),
    }
}

fn is_of(sent: &ExchangeSummary, rule: &Rendered) -> bool {
    let body = rule.body.as_ref().and_then(|body| json::canonical(body).ok());
    sent.upstream == rule.upstream
        && sent.method == rule.method
        && sent.path == rule.path
        && sent.writes == rule.writes
        && sent.request_sha256 == body.map(|bytes| Digest::of(&bytes))
}

/// What ran was allowed, granted and approved in the world in which it ran.
fn gate(proven: &Proven, contract: &Contract) -> Found {
    use Outcome as O;
    let Proven { receipt, .. } = proven;
    let verdict = receipt.decision.as_ref().map(|decision| decision.verdict);
    if receipt.attempts.is_empty() {
        return match receipt.outcome {
            O::Denied | O::Failed | O::Expired | O::Cancelled => pass("nothing ran"),
            O::Verified if contract.is_read() && verdict == Some(Verdict::Allow) => {
                pass("the read was allowed")
            }
            O::Verified if contract.is_read() => Err("it was read and not allowed".to_owned()),
            other => Err(format!("`{}` needs an attempt, and there is none", other.as_str())),
        };
    }
    if contract.is_read() || matches!(receipt.outcome, O::Denied | O::Expired | O::Cancelled) {
        return Err(format!("`{}`, and yet something ran", receipt.outcome.as_str()));
    }
    if verdict != Some(Verdict::Allow) {
        return Err("it ran and was not allowed".to_owned());
    }
    if receipt.grant.is_none() {
        return Err("it ran without a grant".to_owned());
    }
    approvals(proven, contract)
}

/// Every answer that counts approves, in one asking, the pre-state and policies that the run had.
fn approvals(proven: &Proven, contract: &Contract) -> Found {
    let pre = look_before(&proven.receipt)?;
    let pre_state = observation::state_digest(contract, pre).map_err(|e| e.to_string())?;
    let policy_set = proven.receipt.decision.as_ref().map(|decision| decision.policy_set);
    let counted: Vec<&Terms> =
        proven.given.iter().filter(|one| one.counted).map(|one| &one.terms).collect();
    let asking = counted.first().map(|terms| (&terms.nonce, terms.expires_ms));
    for terms in &counted {
        let differs = [
            (terms.decision != Answer::Approve, "is a denial"),
            (terms.pre_state != pre_state, "is for another pre-state"),
            (Some(terms.policy_set) != policy_set, "is for another policy set"),
            (Some((&terms.nonce, terms.expires_ms)) != asking, "is to another asking"),
        ];
        if let Some((_, what)) = differs.iter().find(|(differs, _)| *differs) {
            return Err(format!("the answer of `{}` counts and {what}", terms.person));
        }
    }
    pass(format!("allowed and granted; {} approval(s) of exactly this world", counted.len()))
}

fn look_before(receipt: &Receipt) -> Result<&serde_json::Value, String> {
    let look = receipt.pre.as_ref().ok_or("it ran, and nobody had looked before")?;
    Ok(&look.state)
}
