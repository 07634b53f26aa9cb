//! Fixtures for the tests of several modules: a contract, and a minimal request, exchange, observation and decision.
//! Each test sets only the fields that differ from the fixture.

use std::sync::Arc;

use deed_spec::digest::Digest;
use deed_spec::dsse::Envelope;
use serde_json::{Value, json};

use crate::contract::Contract;
use crate::exchange::claim::Claim;
use crate::exchange::{Exchange, Fate, Rendered};
use crate::lifecycle::event::Attempt;
use crate::lifecycle::observation::Observation;
use crate::policy::{Decision, Facts, Verdict};
use crate::statement::envelope::Signed;

/// A valid contract, to whose lines the parser tests refer by number.
pub(crate) const CONTRACT: &str = r#"
format = 1
[action]
name = "idp.restore_access"
version = "1.0.0"
title = "Restore"
verb = "update"
mode = "write"
effect = "observable"
resource = "idp/users/{user_id}"
adapter = "scim"
[params]
required = ["user_id"]
properties.user_id = { type = "string", pattern = "^[0-9a-f]{32}$" }
[state.user]
required = ["id"]
volatile = ["/meta"]
properties = { id = { type = "string" }, active = { type = "boolean" }, name = { type = "string" }, meta = { type = "object", properties = { version = { type = "string" } } } }
[[observe.http]]
upstream = "idp"
request = "GET /Users/{user_id}"
[[perform.http]]
upstream = "idp"
request = "PATCH /Users/{user_id}"
body = { op = "replace", value = true }
[verify]
before = ["has(pre.user.active) && !pre.user.active"]
after = ["has(post.user.active) && post.user.active"]
may_change = ["/user/active"]
"#;

/// The contract with this effect and with more TOML tables appended.
pub(crate) fn contract(effect: &str, more: &str) -> Contract {
    let text = CONTRACT.replace("observable", effect) + more;
    Contract::from_toml("c.toml", &text).unwrap()
}

pub(crate) fn request(method: &str, path: &str) -> Rendered {
    Rendered {
        upstream: "idp".into(),
        method: method.into(),
        path: path.into(),
        calls: 1,
        writes: method != "GET",
        ..Rendered::default()
    }
}

pub(crate) fn exchange(method: &str, path: &str, fate: Fate) -> Exchange {
    Exchange {
        ordinal: 0,
        request: request(method, path),
        fate,
        response: None,
        etag: None,
        if_match: None,
        idempotency_key: None,
        carried_from: None,
        retry_after_s: None,
        redacted: vec![],
        problem: None,
        headers: [].into(),
        failure: None,
        secrets: vec![],
        started_ms: 0,
        ended_ms: 0,
        deadline_ms: 10,
    }
}

pub(crate) fn attempt(n: u32, claim: Claim, exchanges: Vec<Exchange>) -> Attempt {
    Attempt { n, claim, exchanges, refused: vec![], started_ms: 0, ended_ms: 10 }
}

/// An observation that contains this user.
pub(crate) fn look(user: Value) -> Observation {
    Observation {
        state: [("user".to_owned(), user)].into(),
        derived: [].into(),
        exchanges: vec![],
        claim: None,
        refused: vec![],
        at_ms: 0,
        problem: None,
    }
}

pub(crate) fn decision(verdict: Verdict) -> Decision {
    Decision {
        verdict,
        obligations: vec![],
        determining: vec![],
        not_applied: vec![],
        errors: vec![],
        policy_set: Digest::of(b"policies"),
        reason: None,
        rests_on_private: false,
    }
}

pub(crate) fn facts() -> Facts {
    Facts {
        agent: "helpdesk".into(),
        person: "owner".into(),
        roles: ["support".to_owned()].into(),
        tenant: "acme".into(),
        contract: "idp.restore_access".into(),
        verb: "update".into(),
        mode: "write".into(),
        resource: "idp/users/1".into(),
        attributes: [].into(),
        params: json!({"user_id": "1"}),
        environment: "production".into(),
        on_behalf_of: None,
        sources: vec!["https://tickets.example/1".into()],
        time_s: 1_700_000_000,
        approvals: [].into(),
        pre: None,
        plan: None,
    }
}

/// An envelope with an empty payload and no signature.
pub(crate) fn envelope() -> Arc<Signed> {
    let (payload, payload_type) = (String::new(), String::new());
    Signed::shared(Envelope { payload, payload_type, signatures: vec![] })
}
