//! Checks that contract, policies, approvals and evidence support an action and receipt whose signatures are valid.
//!
//! The checks of this module run only after the signatures and digests of the same bytes were checked.

use deed_record::action::{Action, Proposal, Rendering, render};
use deed_record::bundle;
use deed_record::contract::Contract;
use deed_record::exchange::{ExchangeSummary, Rendered};
use deed_record::statement::receipt::{Guard, Receipt};
use deed_spec::digest::Digest;
use deed_spec::json;

use super::evidence::Evidence;
use super::opened::Opened;
use super::proven::Proven;
use super::{
    Book, CONTENTS, DECISION, Found, GATE, OUTCOME, REQUESTS, SETTLED, SUMMARY, decision, evidence,
    gate, pass, plans, reconciliation, secrets,
};

/// Runs the checks that read contract, policies and evidence.
pub(super) fn check(opened: &Opened, proven: &Proven, book: &mut Book) {
    let contract = opened.json(bundle::CONTRACT);
    let contract = contract.and_then(|v| Contract::from_json(v).map_err(|e| e.to_string()));
    let contract = match contract {
        Ok(contract) => contract,
        Err(fault) => {
            book.note(REQUESTS, Err(fault));
            return book.pass_over(&CONTENTS, "not checked: the contract cannot be read");
        }
    };
    let seen = match evidence::read(opened, proven) {
        Ok(seen) => seen,
        Err(fault) => {
            book.note(SUMMARY, Err(fault));
            return book.pass_over(&CONTENTS, "not checked: the receipt summarizes other evidence");
        }
    };
    let seen = seen.as_ref();
    book.note(SUMMARY, evidence::found(seen));
    book.note(REQUESTS, requests(proven, &contract, seen));
    book.note(DECISION, decision::check(opened, proven, &contract, seen));
    book.note(GATE, gate::check(proven, &contract, seen));
    book.note(OUTCOME, evidence::outcome(proven, &contract, seen));
    book.note(SETTLED, reconciliation::judged(proven, &contract, seen));
}

/// Checks that the contract derives the action from its parameters, and that only requests of this action were ever
/// sent.
fn requests(proven: &Proven, contract: &Contract, seen: Option<&Evidence>) -> Found {
    let Proven { action, receipt, .. } = proven;
    let head = &contract.action;
    if head.name != action.contract.name || head.version != action.contract.version {
        return Err(format!(
            "the contract is `{} {}`, not the one that the action names",
            head.name, head.version
        ));
    }
    if action.v != contract.format {
        return Err(format!(
            "the action has version {}, and its contract has format {}",
            action.v, contract.format
        ));
    }
    let rendering = rendering(action, receipt, contract)?;
    if rendering.resource != action.resource {
        return Err(format!("the contract names the resource `{}`", rendering.resource));
    }
    if receipt.guard != Guard::of(&rendering.perform) {
        return Err("the guard in the receipt is not that of the contract".to_owned());
    }
    let later = proven.settled.iter().filter_map(|settled| settled.look.as_ref());
    let before: Vec<Rendered> =
        rendering.observe.iter().filter(|rule| !rule.awaits_answer()).cloned().collect();
    let (rehearsed, attempted) =
        (plans::rehearsed(&rendering.perform), plans::attempted(&rendering.perform));
    let pre = receipt.pre.iter().map(|look| (&look.exchanges, &before));
    let rehearsal = receipt.rehearsal.iter().map(|one| (&one.exchanges, &rehearsed));
    let after = receipt.post.iter().chain(later);
    let looks = pre.chain(after.map(|look| (&look.exchanges, &rendering.observe)));
    let runs = receipt.attempts.iter().map(|attempt| &attempt.exchanges);
    let looked: Result<usize, String> = looks.map(|(run, rules)| of_rules(run, rules)).sum();
    let sent: Result<usize, String> = runs.map(|run| of_rules(run, &attempted)).sum();
    let read: Result<usize, String> = rehearsal.map(|(run, rules)| of_rules(run, rules)).sum();
    let (looked, read, sent) = (looked?, read?, sent?);
    bound(receipt, &rendering)?;
    plans::told(proven, &rendering.perform)?;
    if let Some(seen) = seen {
        evidence::requests(seen, contract, &rendering)?;
        evidence::states(seen, contract, &rendering)?;
        plans::check(seen, proven, contract, &rendering)?;
        evidence::secrets(seen, proven)?;
    }
    let read = receipt.rehearsal.as_ref().map(|_| format!("{read} of the rehearsal, "));
    let read = read.unwrap_or_default();
    pass(format!(
        "all requests are in the contract: {looked} of observations, {read}{sent} of attempts"
    ))
}

/// Checks that the rules in a granted binding are the requests to its upstream that the contract renders, in the
/// contract's order.
fn bound(receipt: &Receipt, rendering: &Rendering) -> Result<(), String> {
    let upstreams = receipt.grant.iter().flat_map(|grant| grant.upstreams.iter());
    for (name, binding) in upstreams {
        let rules = rendering.observe.iter().chain(&rendering.perform);
        if !rules.filter(|rule| rule.upstream == *name).eq(&binding.rules) {
            return Err(format!("the rules of upstream `{name}` are not those of the contract"));
        }
        secrets::bound(name, &binding.vault, &rendering.perform)?;
    }
    Ok(())
}

/// The rules whose requests equal those of `rule` or differ only in their bodies.
fn alike<'r>(rule: &'r Rendered, rules: &'r [Rendered]) -> impl Iterator<Item = &'r Rendered> {
    rules.iter().filter(move |other| {
        other.upstream == rule.upstream
            && other.method == rule.method
            && other.path == rule.path
            && other.writes == rule.writes
            && other.guard == rule.guard
    })
}

/// Returns the number of exchanges in one run. Fails if an exchange matches no rule, or was sent more often than its
/// rule allows.
fn of_rules(run: &[ExchangeSummary], rules: &[Rendered]) -> Result<usize, String> {
    if let Some(one) = run.iter().find(|one| !rules.iter().any(|rule| is_of(one, rule))) {
        return Err(format!("`{} {}` is not a request of the contract", one.method, one.path));
    }
    let often = |rule: &&Rendered| {
        let sent = run.iter().filter(|one| is_of(one, rule)).count();
        // If a rule sends values of the state or computed parts, the contract alone does not determine the body of its
        // request. A request may then belong to any rule that differs only in the body, so the limits `calls` of these
        // rules are added.
        let sum = |sum: u32, other: &Rendered| other.calls.saturating_add(sum);
        let calls = if rule.awaits_answer() {
            // Without the answer, a request may be of any rule whose form it has.
            rules.iter().filter(|other| may_be(other, rule)).fold(0, sum)
        } else if plans::has_open_body(rule) {
            let same = alike(rule, rules).fold(0, sum);
            rules.iter().filter(|other| is_met_by(other, rule)).fold(same, sum)
        } else {
            rule.calls
        };
        u32::try_from(sent).map_or(true, |sent| sent > calls)
    };
    match rules.iter().find(often) {
        Some(rule) => {
            Err(format!("`{} {}` was sent more often than its rule allows", rule.method, rule.path))
        }
        None => Ok(run.len()),
    }
}

/// Whether a request of a rule may have the form of another rule, which has values of answers.
fn may_be(other: &Rendered, rule: &Rendered) -> bool {
    other.upstream == rule.upstream
        && other.method == rule.method
        && if other.awaits_answer() { rule.may_meet(other) } else { rule.is_filled_as(&other.path) }
}

/// Whether a value of an answer can give this rule the path of another rule, which has no such value.
fn is_met_by(rule: &Rendered, other: &Rendered) -> bool {
    rule.awaits_answer()
        && rule.upstream == other.upstream
        && rule.method == other.method
        && rule.is_filled_as(&other.path)
}

/// What the contract renders from the action's parameters.
///
/// # Errors
///
/// Fails when the parameters do not match the contract.
pub fn rendering(
    action: &Action,
    receipt: &Receipt,
    contract: &Contract,
) -> Result<Rendering, String> {
    render(contract, &proposal(action, receipt), &action.id).map_err(|e| e.to_string())
}

fn proposal(action: &Action, receipt: &Receipt) -> Proposal {
    Proposal {
        dry_run: action.dry_run,
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
        // The values of an answer can be compared only with the evidence, which contains the answer.
        && if rule.awaits_answer() { rule.is_filled_as(&sent.path) } else { sent.path == rule.path }
        && sent.writes == rule.writes
        && sent.guard == rule.guard
        // A body with values of the state, computed parts or values of answers can be compared only with the evidence.
        && (plans::has_open_body(rule) || sent.request_sha256 == body.map(|bytes| Digest::of(&bytes)))
}
