use deed_record::exchange::codec::Codec;

use super::*;

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
    Rendered {
        upstream,
        method: method.into(),
        path,
        body: None,
        codec: Codec::default(),
        calls: 1,
        writes,
        guard: None,
        expose: None,
    }
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
fn only_allow_clears_an_attempt() {
    for verdict in [Verdict::Ask, Verdict::Deny] {
        let refused = clear(&decision(verdict), scope(vec![request("PATCH")], 1));
        assert_eq!(refused.unwrap_err(), GrantError::NotAllowed);
    }
    let uncounted = clear(&decision(Verdict::Allow), scope(vec![request("PATCH")], 0));
    assert_eq!(uncounted.unwrap_err(), GrantError::Attempt);
}

#[test]
fn an_upstream_outside_the_grant_is_refused() {
    let elsewhere = Rendered { upstream: "crm".into(), ..request("GET") };
    let refused = read(&decision(Verdict::Allow), scope(vec![elsewhere], 0));
    assert_eq!(refused.unwrap_err(), GrantError::Upstream("crm".into()));
}

#[tokio::test]
async fn an_attempt_is_live_only_after_its_start_is_durable() {
    let cleared = || clear(&decision(Verdict::Allow), scope(vec![request("PATCH")], 1)).unwrap();
    let lost = spend(cleared(), async { Err::<u64, _>("somebody else started it") }).await;
    assert_eq!(lost.unwrap_err(), "somebody else started it");
    let live = spend(cleared(), async { Ok::<_, ()>(7) }).await.unwrap();
    assert_eq!(live.into_scope().attempt, 1);
}
