use deed_record::contract::Contract;
use deed_record::exchange::codec::kind::Accepted;
use deed_record::plan::{Plan, Planned};
use serde_json::json;

use super::*;
use crate::tests::authority::{basis, durable, permit, planned, started};
use crate::tests::open;

fn decision(verdict: Verdict) -> Decision {
    Decision {
        verdict,
        obligations: Vec::new(),
        determining: Vec::new(),
        not_applied: Vec::new(),
        errors: Vec::new(),
        policy_set: Digest::of(b"policies"),
        reason: None,
        rests_on_private: false,
    }
}

fn request(method: &str) -> Rendered {
    let writes = !matches!(method, "GET" | "HEAD");
    let (upstream, path) = ("idp".into(), "/Users/42".into());
    Rendered { upstream, method: method.into(), path, calls: 1, writes, ..Rendered::default() }
}

fn scope(rendered: Vec<Rendered>, attempt: u32) -> Scope {
    let upstream = Upstream {
        name: "idp".into(),
        base: crate::upstream::Base::parse("http://127.0.0.1:1").unwrap(),
        addresses: std::collections::BTreeSet::default(),
        tls: None,
        client_certificate: None,
        proxy: None,
        timeout: Duration::from_secs(1),
        concurrency: 32,
        lookups: crate::upstream::Lookups::default(),
        headers: BTreeMap::new(),
        accepted: Accepted::default(),
        idempotency: None,
        read: None,
        write: None,
    };
    Scope {
        tenant: "acme".into(),
        person: "alice".into(),
        access: None,
        action: ActionId::new(1, [0; 10]),
        contract: "idp.restore_access".into(),
        params: Live::new(Value::Null),
        private: Live::new(Vec::new()),
        attempt,
        rendered: rendered.into_iter().map(Prepared::plain).collect(),
        searches: vec![],
        tags: BTreeMap::new(),
        once: vec![],
        course: None,
        upstreams: BTreeMap::from([("idp".into(), Arc::new(upstream))]),
        slots: Arc::default(),
        memory: Arc::default(),
        states: Arc::default(),
        adapter: Digest::of(b"adapter"),
        timeout: Duration::from_secs(1),
    }
}

#[test]
fn a_denied_action_is_not_even_looked_at() {
    let asked = read(&decision(Verdict::Ask), scope(vec![request("GET")], 0));
    assert!(asked.is_ok());
    let denied = read(&decision(Verdict::Deny), scope(vec![request("GET")], 0));
    assert_eq!(denied.unwrap_err(), GrantError::Denied);
}

#[test]
fn an_observation_cannot_be_granted_a_write() {
    let marked = Rendered { writes: true, ..request("GET") };
    let with_body = Rendered { body: Some(Value::Null), ..request("GET") };
    for write in [request("PATCH"), request("DELETE"), marked, with_body] {
        let refused = read(&decision(Verdict::Allow), scope(vec![request("GET"), write], 0));
        assert!(matches!(refused, Err(GrantError::Writes(_))));
    }
}

#[test]
fn a_permit_clears_an_attempt_of_its_own_action() {
    let scope = |attempt| scope(vec![request("PATCH")], attempt);
    let leave = || permit(&scope(1).action, 1);
    assert!(clear(leave(), scope(1), &basis()).is_ok());
    let none = clear(permit(&scope(0).action, 0), scope(0), &basis());
    assert_eq!(none.unwrap_err(), GrantError::Attempt);
    let action = ActionId::new(2, [0; 10]);
    let globex = Scope { tenant: "globex".into(), ..scope(1) };
    let read = Scope { contract: "idp.read_user".into(), ..scope(1) };
    for other in [Scope { action: action.clone(), ..scope(1) }, globex, read, scope(2)] {
        let id = other.action.clone();
        assert_eq!(clear(leave(), other, &basis()).unwrap_err(), GrantError::OtherPermit(id));
    }
}

#[test]
fn a_permit_clears_nothing_in_another_world() {
    let scope = || scope(vec![request("PATCH")], 1);
    let seen = PermitBasis { pre: Some(json!({"user": {"active": false}})), ..basis() };
    let policies = PermitBasis { policy_set: Digest::of(b"others"), ..basis() };
    for other in [seen, policies] {
        let refused = clear(permit(&scope().action, 1), scope(), &other);
        assert_eq!(refused.unwrap_err(), GrantError::OtherBasis(scope().action));
    }
}

#[test]
fn an_upstream_outside_the_grant_is_refused() {
    let elsewhere = Rendered { upstream: "crm".into(), ..request("GET") };
    let refused = read(&decision(Verdict::Allow), scope(vec![elsewhere], 0));
    assert_eq!(refused.unwrap_err(), GrantError::Upstream("crm".into()));
}

#[tokio::test]
async fn an_attempt_is_live_only_after_its_own_start_is_durable() {
    let scope = || scope(vec![request("PATCH")], 2);
    let (action, other) = (scope().action, ActionId::new(2, [0; 10]));
    let cleared = || clear(permit(&action, 2), scope(), &basis()).unwrap();
    let own = durable(action.as_str(), &[json!({"earlier": true}), started(2)]).await;
    assert_eq!(spend(cleared(), own).unwrap().into_scope().attempt, 2);
    let foreign = durable(other.as_str(), &[started(2)]).await;
    let refused = GrantError::OtherStart { action: action.clone(), started: other.to_string() };
    assert_eq!(spend(cleared(), foreign).unwrap_err(), refused);
    let refused = GrantError::NotStarted { action: action.clone(), attempt: 2 };
    let asked = json!({"at_ms": 1, "event": {"cancel_requested": {"by": "owner"}}});
    for last in [started(1), started(3), asked, json!({})] {
        let proof = durable(action.as_str(), &[started(2), last]).await;
        assert_eq!(spend(cleared(), proof).unwrap_err(), refused);
    }
}

/// The scope of an attempt of an open contract.
fn open_scope(contract: &Contract, plan: Option<&Plan>) -> Scope {
    let rendered = open::perform(contract);
    let writes = plan.iter().flat_map(|plan| &plan.writes);
    let once = |request| Once { request, key: None, until_ms: None, done: None };
    let once = writes.map(|write| once(write.request.clone())).collect();
    let course = plan.map(|plan| Course::new(contract, rendered.clone(), plan, vec![]));
    Scope { rendered, once, course, ..scope(vec![], 1) }
}

fn plan(contract: &Contract, text: &str) -> Plan {
    let rule = open::perform(contract).remove(1).public;
    let parts = [("/text".to_owned(), json!(text))].into();
    Plan { writes: vec![Planned { rule: 1, request: rule.with_any(&parts) }] }
}

#[test]
fn a_denied_action_is_not_rehearsed() {
    let contract = open::contract("");
    let grant =
        |verdict| rehearse(&decision(verdict), open_scope(&contract, None), open::draft(&contract));
    assert!(grant(Verdict::Allow).is_ok() && grant(Verdict::Ask).is_ok());
    assert_eq!(grant(Verdict::Deny).unwrap_err(), GrantError::Denied);
}

#[test]
fn a_rehearsal_knows_nothing_about_writes() {
    let contract = open::contract("");
    let plan = plan(&contract, "hello");
    let tags = [(("idp".to_owned(), "/notes".to_owned()), "\"1\"".to_owned())].into();
    let scope = Scope { attempt: 7, tags, ..open_scope(&contract, Some(&plan)) };
    let grant = rehearse(&decision(Verdict::Allow), scope, open::draft(&contract)).unwrap();
    let (scope, _) = grant.into_parts();
    assert!(scope.tags.is_empty() && scope.once.is_empty() && scope.course.is_none());
    assert_eq!((scope.attempt, scope.rendered.len()), (1, 5));
}

#[test]
fn a_rehearsal_is_granted_only_reads_that_an_observation_may_send() {
    let contract = open::contract("");
    let post = Rendered { writes: false, ..request("POST") };
    let with_body = Rendered { body: Some(Value::Null), ..request("GET") };
    for other in [post, with_body] {
        let mut scope = open_scope(&contract, None);
        scope.rendered.push(Prepared::plain(other));
        let refused = rehearse(&decision(Verdict::Allow), scope, open::draft(&contract));
        assert!(matches!(refused, Err(GrantError::NotRead(_))));
    }
    let mut scope = open_scope(&contract, None);
    scope.upstreams.clear();
    let refused = rehearse(&decision(Verdict::Allow), scope, open::draft(&contract));
    assert_eq!(refused.unwrap_err(), GrantError::Upstream("idp".into()));
}

#[test]
fn an_attempt_of_an_open_contract_is_cleared_only_with_the_plan_that_policy_allowed() {
    let contract = open::contract("");
    let (allowed, other) = (plan(&contract, "hello"), plan(&contract, "bye"));
    let action = scope(vec![], 1).action;
    let cleared = |scope: Scope| {
        let (leave, basis) = planned(&action, 1, &contract, &allowed);
        clear(leave, scope, &basis)
    };
    assert!(cleared(open_scope(&contract, Some(&allowed))).is_ok());
    let refused = cleared(open_scope(&contract, Some(&other)));
    assert_eq!(refused.unwrap_err(), GrantError::OtherPlan(action.clone()));
    let refused = cleared(open_scope(&contract, None));
    assert_eq!(refused.unwrap_err(), GrantError::NoPlan(action.clone()));
    // A closed contract has no plan.
    let refused = cleared(scope(vec![request("PATCH")], 1));
    assert_eq!(refused.unwrap_err(), GrantError::OtherPlan(action.clone()));
    let rendered = vec![Prepared::plain(request("PATCH"))];
    let closed = Scope { rendered, ..open_scope(&contract, Some(&allowed)) };
    assert_eq!(cleared(closed).unwrap_err(), GrantError::OtherPlan(action.clone()));
    let forgotten = Scope { once: vec![], ..open_scope(&contract, Some(&allowed)) };
    let refused = GrantError::PriorWrites { action: action.clone(), planned: 1, known: 0 };
    assert_eq!(cleared(forgotten).unwrap_err(), refused);
    // A permit that policy gave without a plan.
    let refused = clear(permit(&action, 1), open_scope(&contract, Some(&allowed)), &basis());
    assert_eq!(refused.unwrap_err(), GrantError::OtherPlan(action.clone()));
    let refused = clear(permit(&action, 1), open_scope(&contract, None), &basis());
    assert_eq!(refused.unwrap_err(), GrantError::NoPlan(action));
}

#[test]
fn an_observation_follows_no_plan() {
    let contract = open::contract("");
    let plan = plan(&contract, "hello");
    let course = open_scope(&contract, Some(&plan)).course;
    let scope = Scope { course, ..scope(vec![request("GET")], 0) };
    let granted = read(&decision(Verdict::Allow), scope).unwrap();
    assert!(granted.into_scope().course.is_none());
}
