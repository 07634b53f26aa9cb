//! Evaluates the policies again, and checks that they result in the decision of the receipt.
//!
//! The request to the policies is rebuilt from the action, the contract and the receipt, and the files of the bundle
//! must match it. A fact that is in the action, contract or receipt is never taken from `entities.json` or
//! `request.json`.

use std::collections::{BTreeMap, BTreeSet};

use deed_record::bundle;
use deed_record::contract::Contract;
use deed_record::lifecycle::observation::Observation;
use deed_record::lifecycle::outcome::Outcome;
use deed_record::policy::{Decision, Facts, Obligation, Policies, Snapshot, Verdict};
use deed_spec::json;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::evidence::Evidence;
use super::opened::Opened;
use super::proven::Proven;
use super::{Finding, Found, approvals, pass};

/// Decides again from the files of the bundle, unless the bundle is a copy without `request.json`. In such a copy, only
/// the obligations of the decision are compared with the policies.
pub(super) fn check(
    opened: &Opened,
    proven: &Proven,
    contract: &Contract,
    seen: Option<&Evidence>,
) -> Found {
    let Some(decision) = &proven.receipt.decision else { return pass("no policy was evaluated") };
    if !opened.has(bundle::REQUEST) {
        // Most decisions do not ask, and reading the policies is most of the cost of this check.
        if decision.verdict == Verdict::Ask || !decision.obligations.is_empty() {
            annotated(&policy_set(opened)?, decision)?;
        }
        let why = "this copy has no request.json, so policy cannot be evaluated again";
        return Ok(Finding::Skip(why.to_owned()));
    }
    let asked = Snapshot {
        entities: opened.json(bundle::ENTITIES)?,
        request: opened.json(bundle::REQUEST)?,
    };
    let is_asked = |pointer: &&str| asked.request.pointer(pointer).is_some();
    let about_state = ["/context/pre", "/context/plan"].iter().any(is_asked);
    if proven.receipt.question.as_ref().is_some_and(|one| one.about_state != about_state) {
        return Err("the receipt and request.json differ in whether policy was asked about state"
            .to_owned());
    }
    let policies = policy_set(opened)?;
    let facts = facts(proven, contract, &asked, seen)?;
    if policies.snapshot(&facts) != asked {
        return Err("the request to the policies was not about this action".to_owned());
    }
    if decision.rests_on_private {
        return on_private(proven, contract, &policies, decision);
    }
    // The files of the bundle match the rebuilt facts in every field, so it is enough to evaluate these facts.
    let again = policies.evaluate(&facts);
    if is_same(&again, decision) {
        let by = decision.determining.join("`, `");
        let word = word(decision.verdict);
        return pass(format!(
            "`{word}` again, by `{by}`, with the agent's roles and the resource's attributes as activated"
        ));
    }
    refused_by_host(decision, again)
}

fn policy_set(opened: &Opened) -> Result<Policies, String> {
    Policies::read(opened.text(bundle::POLICIES)?, opened.text(bundle::SCHEMA)?)
}

/// Checks that the obligations of a decision that asks are those in the annotations of its determining policies, and
/// that no other decision has obligations. Unlike the verdict, this does not depend on the request to the policies.
fn annotated(policies: &Policies, decision: &Decision) -> Result<(), String> {
    let asks = decision.verdict == Verdict::Ask;
    let named = decision.determining.iter().filter(|_| asks);
    let own: BTreeSet<&Obligation> = named.filter_map(|id| policies.obligation(id)).collect();
    if decision.obligations.iter().eq(own) {
        return Ok(());
    }
    Err("the obligations of the decision are not those of its policies in policies.cedar"
        .to_owned())
}

/// Whether two decisions have the same verdict on the same grounds. Of errors, only the presence is compared, not the
/// text: the text depends on the release of Cedar, and readers may use another release than the host.
pub(super) fn is_same(again: &Decision, said: &Decision) -> bool {
    let worded = Decision { errors: said.errors.clone(), ..again.clone() };
    worded == *said && again.errors.is_empty() == said.errors.is_empty()
}

/// Makes the checks that are possible when a decision cannot be evaluated again, because the bundle lacks the values of
/// private parameters.
fn on_private(
    proven: &Proven,
    contract: &Contract,
    policies: &Policies,
    decision: &Decision,
) -> Found {
    if !contract.private().any(|name| proven.action.params.get(name).is_some()) {
        return Err(
            "the decision depends on private parameters, but the action has none".to_owned()
        );
    }
    if !contract.private().any(|name| policies.reads(&proven.action.contract.name, name)) {
        return Err(
            "the decision depends on private parameters, but no policy reads one".to_owned()
        );
    }
    annotated(policies, decision)?;
    Ok(Finding::Skip(format!(
        "the host states `{}`; that depends on private parameters, whose values a bundle does not contain",
        word(decision.verdict)
    )))
}

/// Checks a decision of the host that differs from the result of the policies. The host may turn any verdict into a
/// denial if it states a reason, but never a denial into another verdict.
fn refused_by_host(decision: &Decision, again: Decision) -> Found {
    let policy_says = word(again.verdict);
    let refused = Decision {
        verdict: Verdict::Deny,
        obligations: vec![],
        determining: vec![],
        reason: decision.reason.clone(),
        ..again
    };
    match &decision.reason {
        Some(reason) if is_same(&refused, decision) => {
            pass(format!("policy gives `{policy_says}`, but the host itself refused: {reason}"))
        }
        _ => Err(format!(
            "policy gives `{policy_says}`, but the receipt has `{}` or other grounds",
            word(decision.verdict)
        )),
    }
}

/// Rebuilds the facts that the policies must have been given. Only facts that the host alone knew are taken from the
/// files of the bundle. The facts that only the host knew are the roles of the agent and the attributes of the resource
/// (both were compared with the activation), the time of the evaluation and, if nothing ran and the action did not end
/// as `rehearsed`, the state and the plan that the host had before the evaluation.
fn facts(
    proven: &Proven,
    contract: &Contract,
    asked: &Snapshot,
    seen: Option<&Evidence>,
) -> Result<Facts, String> {
    let Proven { action, receipt, .. } = proven;
    let context = |pointer: &str| asked.request.pointer(&format!("/context{pointer}"));
    let ran = !receipt.attempts.is_empty() && !receipt.is_given_up();
    let counted = ran || receipt.outcome == Outcome::Verified;
    let head = &contract.action;
    // Without a grant, the host could not read the verb and the mode from a contract, and denied the action.
    let denied = receipt.decision.as_ref().is_some_and(|one| one.verdict == Verdict::Deny);
    let class = |pointer: &str, word: &str| {
        let said = context(pointer).and_then(Value::as_str);
        said.filter(|said| denied && said.is_empty()).unwrap_or(word).to_owned()
    };
    // If the host could not read the contract, it could not convert decimals either.
    let known = !class("/verb", head.verb.as_str()).is_empty();
    let params = if known { contract.policy_params(&action.params) } else { action.params.clone() };
    let pre = seen.and_then(|seen| seen.pre.as_ref()).map(Observation::value);
    let pre = pre.map(|pre| if known { contract.policy_state(pre) } else { pre });
    let plan = seen.and_then(Evidence::plan).map(|plan| contract.policy_plan(plan));
    // The last decision about a dry run is about the state and the plan, which a host must not leave out.
    let is_seen = ran || receipt.outcome == Outcome::Rehearsed;
    Ok(Facts {
        agent: action.principal.clone(),
        person: action.person.clone(),
        roles: read::<BTreeSet<String>>(asked.entities.pointer("/0/attrs/roles"))?,
        tenant: action.tenant.clone(),
        contract: action.contract.name.clone(),
        verb: class("/verb", head.verb.as_str()),
        mode: class("/mode", head.mode.as_str()),
        resource: action.resource.clone(),
        attributes: read::<BTreeMap<String, Value>>(asked.entities.pointer("/1/attrs"))?,
        params,
        environment: action.environment.clone(),
        on_behalf_of: action.on_behalf_of.clone(),
        sources: receipt.sources.iter().map(|source| source.uri.clone()).collect(),
        time_s: time(proven, context("/time"))?,
        approvals: if counted { approvals::counts(receipt) } else { read(context("/approvals"))? },
        pre: pre.filter(|_| is_seen).or_else(|| context("/pre").cloned()),
        plan: if seen.is_some() && is_seen { plan } else { context("/plan").cloned() },
    })
}

/// The time at which the policies were evaluated, in Unix seconds. For an action that ran, this time must be between
/// the observation before the last attempt and the start of that attempt. For any other action, this time must be
/// between proposal and judgement. If any time were accepted, a host could evaluate the policies for another time of
/// day.
fn time(proven: &Proven, found: Option<&Value>) -> Result<i64, String> {
    let second = |ms: i64| ms.div_euclid(1000);
    let receipt = &proven.receipt;
    let run = receipt.attempts.last().filter(|_| !receipt.is_given_up());
    let from_ms = run.and(receipt.pre.as_ref()).map_or(receipt.proposed_ms, |pre| pre.at_ms);
    let until_ms = run.map_or(receipt.judged_ms, |run| run.started_ms);
    let between = second(from_ms)..=second(until_ms);
    let time: i64 = read(found)?;
    if between.contains(&time) {
        return Ok(time);
    }
    Err("the policies were evaluated at a time outside that of the action".to_owned())
}

fn read<T: DeserializeOwned>(value: Option<&Value>) -> Result<T, String> {
    let value = value.ok_or("entities.json or request.json lacks a fact")?;
    json::from_value(value.clone()).map_err(|e| e.to_string())
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allow",
        Verdict::Ask => "ask",
        Verdict::Deny => "deny",
    }
}
