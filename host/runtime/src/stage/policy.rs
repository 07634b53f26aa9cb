//! Stage 2: evaluates policy for an action, with the facts that are known about the action.
//!
//! Only this module collects facts for Cedar. This module does no I/O. It never allows an action that the policies do
//! not allow: the host's own checks can only turn a decision into a denial.

use deed_record::action::Bound;
use deed_record::action::commitment::Live;
use deed_record::lifecycle::story::Story;
use deed_record::policy::{Asker, Decision, Facts, Kind, Obligation, Permit, Reach, Verdict};
use serde_json::Value;

use crate::config::{Granted, Tenant};

/// Decides about an action. `pre` is the observed state, or `None` before the first observation. With a state, policies
/// also see the plan that was made under it, if there is one.
pub fn decide(
    tenant: &Tenant,
    story: &Story,
    now_ms: i64,
    pre: Option<Value>,
) -> (Decision, Facts) {
    let (decision, facts, _unused) = permit(tenant, story, now_ms, pre);
    (decision, facts)
}

/// Decides like [`decide`], and also returns a permit to attempt the action if the decision is `allow` and the action is
/// no dry run.
pub fn permit(
    tenant: &Tenant,
    story: &Story,
    now_ms: i64,
    pre: Option<Value>,
) -> (Decision, Facts, Option<Permit>) {
    let facts = facts(tenant, story, now_ms, pre);
    let (mut decision, permit) = asked(tenant, story, &facts);
    // A dry run never gets a permit, so nothing can start an attempt of it.
    let mut permit = permit.filter(|_| !story.is_dry_run());
    let refused = refusal(tenant, story)
        .or_else(|| nobody_confirms(tenant, story, &decision))
        .or_else(|| asks_for_nothing(&decision));
    if let Some(reason) = refused {
        // Policy is evaluated here with the commitments and not the private values, so that an evaluation of the
        // recorded input gives the same result.
        permit = None;
        decision = tenant.policies.evaluate(&facts);
        decision.verdict = Verdict::Deny;
        decision.reason = Some(reason);
        // The decision names no policies as its reason, because the host itself refused the action.
        decision.obligations.clear();
        decision.determining.clear();
    }
    (decision, facts, permit)
}

/// Evaluates the policies for the recorded facts, with the values of private parameters in place of their commitments.
pub fn evaluate(tenant: &Tenant, story: &Story, facts: &Facts) -> Decision {
    asked(tenant, story, facts).0
}

fn asked(tenant: &Tenant, story: &Story, facts: &Facts) -> (Decision, Option<Permit>) {
    let Bound { action, private, .. } = &*story.bound;
    let granted = tenant.grants.get(&action.contract.name).filter(|_| !private.is_empty());
    // If the contract has changed since the proposal, the action ends before anything runs, so the result of this
    // evaluation is not used.
    let live = granted.and_then(|granted| private.params(&granted.contract, &action.params).ok());
    let live = live
        .zip(granted)
        .map(|(live, granted)| Live::new(granted.contract.policy_params(live.reveal())));
    tenant.policies.permit(&action.id, story.next_attempt(), facts, live.as_ref())
}

/// What the policies say about the actions of an agent before it proposes any: one answer for each contract that is
/// granted to the tenant, in the order of the grants. `None` if the agent is not configured.
pub fn reach(tenant: &Tenant, agent: &str, environment: &str) -> Option<Vec<Reach>> {
    let known = tenant.agents.get(agent)?;
    let asker = Asker {
        agent,
        person: &known.person,
        roles: &known.roles,
        tenant: &tenant.name,
        environment,
    };
    Some(tenant.policies.reach(asker, tenant.grants.values().map(kind)))
}

fn kind(granted: &Granted) -> Kind<'_> {
    let head = &granted.contract.action;
    Kind { contract: &head.name, verb: head.verb.as_str(), mode: head.mode.as_str() }
}

/// The complete observed state, in the form in which policies read it.
pub fn state(tenant: &Tenant, story: &Story, state: Value) -> Value {
    match tenant.grants.get(&story.bound.action.contract.name) {
        Some(granted) => granted.contract.policy_state(state),
        None => state,
    }
}

/// The reason why the host refuses the action regardless of policy, if there is one.
fn refusal(tenant: &Tenant, story: &Story) -> Option<String> {
    let (action, proposal) = (&story.bound.action, &story.bound.proposal);
    if let Some(believed) = proposal.environment.as_ref().filter(|e| **e != action.environment) {
        return Some(format!(
            "the agent expects the environment `{believed}`; this is `{}`",
            action.environment
        ));
    }
    if tenant.agents.get(&action.principal).is_none_or(|agent| agent.person != action.person) {
        let (agent, person) = (&action.principal, &action.person);
        return Some(format!("`{person}` is no longer responsible for `{agent}`"));
    }
    let Some(granted) = tenant.grants.get(&action.contract.name) else {
        return Some(format!("the grant for `{}` was removed", action.contract.name));
    };
    let wanted = granted.contract.evidence.sources;
    // The host added the last source of a changed version.
    let added = usize::from(action.edit.is_some());
    let named = proposal.sources.len().saturating_sub(added);
    if named < wanted {
        return Some(format!(
            "the contract requires {wanted} source(s), but the proposal names {named}; add `sources`"
        ));
    }
    None
}

/// The reason why nobody can meet the decision's obligation to confirm the action, if it has this obligation.
fn nobody_confirms(tenant: &Tenant, story: &Story, decision: &Decision) -> Option<String> {
    let person = &story.bound.action.person;
    let asks = decision.obligations.iter().any(Obligation::is_confirmation);
    if asks && story.bound.action.requesters().has_edited(person) {
        return Some(format!(
            "policy requires that `{person}` confirms the action, and `{person}` edited it; let the agent propose it"
        ));
    }
    let has_key = tenant.persons.get(person).is_some_and(|known| !known.keys.is_empty());
    (asks && !has_key).then(|| {
        format!(
            "policy requires that `{person}` confirms the action, and `{person}` has no key to sign with; enrol a key \
             file or a passkey of this person"
        )
    })
}

/// Why nobody can be asked. Without this check, the action would not wait, and policy would be evaluated again at once,
/// without end.
fn asks_for_nothing(decision: &Decision) -> Option<String> {
    let is_nothing = decision.verdict == Verdict::Ask && decision.obligations.is_empty();
    is_nothing.then(|| "policy requires an approval, but does not say of whom".to_owned())
}

fn facts(tenant: &Tenant, story: &Story, now_ms: i64, pre: Option<Value>) -> Facts {
    let action = &story.bound.action;
    let agent = tenant.agents.get(&action.principal).filter(|a| a.person == action.person);
    let contract = tenant.grants.get(&action.contract.name).map(|granted| &granted.contract);
    let head = contract.map(|contract| &contract.action);
    let params = contract.map(|contract| contract.policy_params(&action.params));
    // A plan belongs to the state under which it was made, so policies never see it without that state.
    let plan = story.plan().filter(|_| pre.is_some()).zip(contract);
    let plan = plan.map(|(plan, contract)| contract.policy_plan(plan));
    let pre = pre.map(|pre| state(tenant, story, pre));
    Facts {
        agent: action.principal.clone(),
        person: action.person.clone(),
        roles: agent.map(|a| a.roles.clone()).unwrap_or_default(),
        tenant: action.tenant.clone(),
        contract: action.contract.name.clone(),
        verb: head.map_or_else(String::new, |h| h.verb.as_str().to_owned()),
        mode: head.map_or_else(String::new, |h| h.mode.as_str().to_owned()),
        resource: action.resource.clone(),
        attributes: tenant.resources.get(&action.resource).cloned().unwrap_or_default(),
        params: params.unwrap_or_else(|| action.params.clone()),
        environment: action.environment.clone(),
        on_behalf_of: action.on_behalf_of.clone(),
        sources: story.bound.proposal.sources.iter().map(|s| s.uri.clone()).collect(),
        time_s: now_ms.div_euclid(1000),
        approvals: story.approvals(),
        pre,
        plan,
    }
}
