use deed_record::exchange::codec::kind::Accepted;
use serde_json::json;

use super::*;
use crate::tests::authority::{basis, durable, permit, started};

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
        action: ActionId::new(1, [0; 10]),
        contract: "idp.restore_access".into(),
        params: Live::new(Value::Null),
        private: Live::new(Vec::new()),
        attempt,
        rendered: rendered.into_iter().map(Prepared::plain).collect(),
        searches: vec![],
        tags: BTreeMap::new(),
        once: vec![],
        upstreams: BTreeMap::from([("idp".into(), Arc::new(upstream))]),
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
