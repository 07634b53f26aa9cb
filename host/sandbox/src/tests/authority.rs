//! Creates the two values that authorise a grant for tests: a permit from real policies, and a proof from a real
//! journal.

use std::collections::{BTreeMap, BTreeSet};

use deed_record::action::id::ActionId;
use deed_record::contract::Contract;
use deed_record::contract::schema::Schema;
use deed_record::plan::{Computed, Plan};
use deed_record::policy::{ActionShape, Facts, Permit, PermitBasis, Policies, Vocabulary, compile};
use deed_store::journal;
use deed_store::store::{Append, Durable, Store as _, Summary};
use serde_json::{Value, json};

use super::support::Dir;
use crate::grant::{LiveGrant, Scope, clear, spend};

pub(crate) const CONTRACT: &str = "idp.restore_access";

/// The permit for an attempt of an action of the tenant `acme` under [`CONTRACT`].
pub(crate) fn permit(action: &ActionId, attempt: u32) -> Permit {
    let (decision, permit) = policies(None).permit(action, attempt, &facts(), None);
    permit.unwrap_or_else(|| panic!("{decision:?}"))
}

/// The policies and the pre-state on which [`permit`] is based.
pub(crate) fn basis() -> PermitBasis {
    PermitBasis { plan: None, policy_set: policies(None).digest(), pre: None }
}

/// The permit for an attempt along a plan, and what it is based on.
pub(crate) fn planned(
    action: &ActionId,
    attempt: u32,
    contract: &Contract,
    plan: &Plan,
) -> (Permit, PermitBasis) {
    let (policies, plan) = (policies(contract.computed()), Some(contract.policy_plan(plan)));
    let basis = PermitBasis { plan: plan.clone(), policy_set: policies.digest(), pre: None };
    let facts = Facts { plan, ..facts() };
    let (decision, permit) = policies.permit(action, attempt, &facts, None);
    (permit.unwrap_or_else(|| panic!("{decision:?}")), basis)
}

fn policies(plan: Option<BTreeMap<String, Computed>>) -> Policies {
    let params: Schema = serde_json::from_value(json!({"properties": {}})).unwrap();
    let shape = ActionShape { plan, params, state: BTreeMap::new() };
    let actions = BTreeMap::from([(CONTRACT.to_owned(), shape)]);
    let vocabulary = Vocabulary { actions, ..Vocabulary::default() };
    let text = "@id(\"all\") permit (principal, action, resource);".to_owned();
    compile(&[("all.cedar".to_owned(), text)], &vocabulary).unwrap()
}

fn facts() -> Facts {
    Facts {
        plan: None,
        agent: "helpdesk".into(),
        person: "owner".into(),
        roles: BTreeSet::new(),
        tenant: "acme".into(),
        contract: CONTRACT.into(),
        verb: "update".into(),
        mode: "write".into(),
        resource: "idp/users/42".into(),
        attributes: BTreeMap::new(),
        params: json!({}),
        environment: "production".into(),
        on_behalf_of: None,
        sources: vec![],
        time_s: 1,
        approvals: BTreeMap::new(),
        pre: None,
    }
}

/// The event that starts attempt `n`.
pub(crate) fn started(n: u32) -> Value {
    let decision = json!({"payload": "", "payloadType": "", "signatures": []});
    let start = json!({"n": n, "epoch": n, "deadline_ms": 1, "decision": decision});
    json!({"at_ms": 1, "event": {"attempt_started": start}})
}

/// Appends these events of an action, and returns the proof that they are on disk.
pub(crate) async fn durable(action: &str, events: &[Value]) -> Durable {
    let dir = Dir::new();
    std::fs::create_dir_all(&dir.0).unwrap();
    let summary = Summary {
        tenant: "acme".into(),
        agent: "helpdesk".into(),
        contract: CONTRACT.into(),
        resource: "idp/users/42".into(),
        status: "running".into(),
        ended: false,
        at_ms: 1,
        trace: None,
    };
    let append = Append {
        action: action.into(),
        expect: 0,
        events: events.iter().map(|event| event.to_string().into_bytes()).collect(),
        summary,
        claim: None,
        nonces: vec![],
        durable: false,
    };
    journal::open(&dir.0).unwrap().append_durable(append).await.unwrap()
}

/// The grant for one attempt.
pub(crate) async fn live(scope: Scope) -> LiveGrant {
    let proof = durable(scope.action.as_str(), &[started(scope.attempt)]).await;
    let leave = permit(&scope.action, scope.attempt);
    spend(clear(leave, scope, &basis()).unwrap(), proof).unwrap()
}

/// The grant for one attempt along a plan.
pub(crate) async fn live_along(scope: Scope, contract: &Contract, plan: &Plan) -> LiveGrant {
    let proof = durable(scope.action.as_str(), &[started(scope.attempt)]).await;
    let (leave, basis) = planned(&scope.action, scope.attempt, contract, plan);
    spend(clear(leave, scope, &basis).unwrap(), proof).unwrap()
}
