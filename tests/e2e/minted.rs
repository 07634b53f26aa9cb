//! Tests of tokens that the host obtains for an upstream from npm's `oidc-provider` and from Canaille: their scopes and
//! subjects, their revocation, clocks that differ, an authorization server that gives none, and tokens for the access
//! token of a request.

mod clocks;
mod fixture;
mod middle;
mod requests;
mod tried;

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use deed_record::bundle;
use deed_test_support::shared::ended;
use serde_json::{Value, json};

use self::fixture::{Provider, RESOURCE, Seen, Stage, client_credentials, token};
use crate::mcp_clients::programs::installed;

const READ: &str = "idp.read_user";
const RESTORE: &str = "idp.restore_access";
/// A longer time than that between two looks of the host at a file with a key.
const NOTICED: Duration = Duration::from_millis(1_600);
/// The life of a short token, in seconds. The host uses the token for half of this time. The other half must suffice
/// until the upstream has checked the token, also on a busy machine.
const LIFE_S: &str = "8";
/// A longer time than half of the life of a short token.
const HALF_LIFE: Duration = Duration::from_millis(4_200);

/// The id of the user with this number.
fn user(n: u32) -> String {
    format!("{n:032x}")
}

fn by_key(kind: &str, more: &str) -> String {
    let key = "key = \"secrets/key.pem\"\n";
    let reader = token("reader", "client_credentials", "deed-key", "users:read", key);
    reader + &token("writer", kind, "deed-key", "users:write", &format!("{key}{more}"))
}

fn of<'s>(seen: &'s [Seen], method: &str) -> Vec<&'s Seen> {
    seen.iter().filter(|one| one.method == method).collect()
}

/// What the bundle of an action says about the credential `write` of its upstream.
fn write_credential(stage: &Stage, view: &Value) -> Value {
    let bundle = stage.world.bundle(view["id"].as_str().unwrap()).unwrap();
    let grant = &bundle::read(&bundle).unwrap()[bundle::GRANT];
    let grant: Value = serde_json::from_slice(grant).unwrap();
    grant["upstreams"]["idp"]["write"].clone()
}

#[test]
fn reads_and_writes_have_tokens_of_their_own_scope() {
    if !installed("tokens of `oidc-provider` and Canaille by client credentials") {
        return;
    }
    let cases: [(Provider, &[&str]); 3] = [
        (Provider::Oidc, &["--format", "opaque"]),
        (Provider::Oidc, &["--format", "jwt"]),
        (Provider::Canaille, &[]),
    ];
    for (provider, more) in cases {
        let mut stage = Stage::new(provider, &provider.by_secret(), more);
        let view = stage.run(RESTORE, &user(1));
        ended(&stage.world, &view, "verified", "every expectation holds");
        let seen = stage.seen();
        let (reads, writes) = (of(&seen, "GET"), of(&seen, "PATCH"));
        assert!(reads.len() > 1 && writes.len() == 1, "{seen:?}");
        for (all, scope) in [(&reads, "users:read"), (&writes, "users:write")] {
            assert!(all.iter().all(|one| one.claims["scope"] == scope), "{seen:?}");
            assert!(all.iter().all(|one| one.token == all[0].token), "one is kept: {seen:?}");
        }
        let recorded = write_credential(&stage, &view);
        let route = &recorded["token"]["endpoint_binding"];
        assert!(route.as_str().unwrap().starts_with("sha256:"), "{recorded}");
        let expected = json!({
            "secret": "writer",
            "slot": "bearer",
            "token": {
                "kind": "client_credentials",
                "endpoint": stage.login.endpoint(),
                "endpoint_binding": route,
                "client": "deed-writer",
                "secret_source": "file:secrets/idp_read",
                "scopes": ["users:write"],
                "resource": RESOURCE,
            },
        });
        assert_eq!(recorded, expected);
    }
}

#[test]
fn a_revoked_token_is_replaced_and_only_a_read_is_sent_again() {
    if !installed("revoked tokens of `oidc-provider` and Canaille") {
        return;
    }
    for provider in Provider::ALL {
        let mut stage = Stage::new(provider, &provider.by_secret(), &[]);
        ended(&stage.world, &stage.run(RESTORE, &user(1)), "verified", "");
        let seen = stage.seen();
        stage.login.revoke(&of(&seen, "GET")[0].token, "deed-reader");
        ended(&stage.world, &stage.run(READ, &user(1)), "verified", "");
        let again = stage.seen();
        assert_eq!(again.len(), 2, "one read, and the same read once more: {again:?}");
        assert_eq!(again[0].claims["active"], false);
        assert_ne!(again[0].token, again[1].token);
        stage.login.revoke(&of(&seen, "PATCH")[0].token, "deed-writer");
        let view = stage.run(RESTORE, &user(2));
        ended(&stage.world, &view, "failed", "");
        assert_eq!(of(&stage.seen(), "PATCH").len(), 1, "the write is not sent again");
        ended(&stage.world, &stage.run(RESTORE, &user(2)), "verified", "");
        let last = stage.seen();
        assert_eq!(of(&last, "PATCH")[0].claims["active"], true, "{last:?}");
    }
}

/// Runs an action twice, with a pause that is longer than half of the life of a token.
fn expires(mut stage: Stage) {
    let mut tokens = BTreeSet::new();
    for n in 1..=2 {
        if n > 1 {
            thread::sleep(HALF_LIFE);
        }
        ended(&stage.world, &stage.run(RESTORE, &user(n)), "verified", "");
        let seen = stage.seen();
        assert!(seen.iter().all(|one| one.claims["active"] == true), "{seen:?}");
        tokens.extend(of(&seen, "PATCH").into_iter().map(|one| one.token.clone()));
    }
    assert_eq!(tokens.len(), 2, "{tokens:?}");
}

#[test]
fn a_token_that_expires_is_replaced_before_that() {
    if !installed("tokens of `oidc-provider` and Canaille that expire") {
        return;
    }
    for provider in Provider::ALL {
        expires(Stage::new(provider, &provider.by_secret(), &["--ttl", LIFE_S]));
    }
}

#[test]
fn a_client_with_a_key_acts_for_the_person_and_its_key_can_be_replaced() {
    if !installed("assertions for `oidc-provider`") {
        return;
    }
    for (kind, more) in [
        ("token_exchange", "subject = \"person\"\n"),
        ("jwt_bearer", "subject = \"person\"\nauth = \"key\"\n"),
    ] {
        let mut stage = Stage::new(Provider::Oidc, &by_key(kind, more), &[]);
        let view = stage.run(RESTORE, &user(1));
        ended(&stage.world, &view, "verified", "");
        let seen = stage.seen();
        let write = of(&seen, "PATCH")[0];
        assert_eq!(write.claims["for"], "alice", "{kind}: {seen:?}");
        assert!(of(&seen, "GET").iter().all(|one| one.claims.get("for").is_none()), "{seen:?}");
        let credential = write_credential(&stage, &view);
        assert_eq!(credential["token"]["subject"], "alice", "{credential}");
        assert_eq!(credential["token"]["kind"], kind, "{credential}");
        for (member, value) in
            [("client", "deed-key"), ("issuer", "deed-key"), ("key", "secrets/key.pem")]
        {
            assert_eq!(credential["token"][member], value, "{credential}");
        }
        stage.login.rotate();
        thread::sleep(NOTICED);
        stage.login.revoke(&write.token, "deed-reader");
        // The token is refused and discarded; the next one is asked for with the new key.
        ended(&stage.world, &stage.run(RESTORE, &user(2)), "failed", "");
        ended(&stage.world, &stage.run(RESTORE, &user(2)), "verified", "");
        stage.seen();
    }
}

#[test]
fn a_client_proves_itself_by_a_key_that_can_be_replaced() {
    if !installed("assertions for `oidc-provider` and Canaille") {
        return;
    }
    for provider in Provider::ALL {
        let mut stage = Stage::new(provider, &by_key("client_credentials", ""), &[]);
        ended(&stage.world, &stage.run(RESTORE, &user(1)), "verified", "");
        let seen = stage.seen();
        stage.login.rotate();
        thread::sleep(NOTICED);
        stage.login.revoke(&of(&seen, "PATCH")[0].token, "deed-key");
        ended(&stage.world, &stage.run(RESTORE, &user(2)), "failed", "");
        ended(&stage.world, &stage.run(RESTORE, &user(2)), "verified", "");
        stage.seen();
    }
}

#[test]
fn without_a_token_nothing_is_sent_and_the_reason_says_what_to_do() {
    if !installed("refusals of `oidc-provider` and Canaille") {
        return;
    }
    let reader = |client: &str, scope: &str| client_credentials("reader", client, scope);
    let writer = client_credentials("writer", "deed-writer", "users:write");
    let unknown = (reader("nobody", "users:read"), "`invalid_client`; check the client");
    let scope = "`invalid_scope`; grant the client the scopes";
    for (provider, (reader, words)) in [
        (Provider::Oidc, (reader("deed-reader", "users:write"), scope)),
        (Provider::Oidc, unknown.clone()),
        (Provider::Canaille, unknown),
    ] {
        let mut stage = Stage::new(provider, &format!("{reader}{writer}"), &[]);
        let reason = format!("no token `reader`: its endpoint answered {words}");
        ended(&stage.world, &stage.run(READ, &user(1)), "failed", &reason);
        assert!(stage.seen().is_empty());
    }
    for provider in Provider::ALL {
        let mut stage = Stage::new(provider, &provider.by_secret(), &[]);
        stage.login.end();
        let reason = "no token `reader`: upstream `login`";
        ended(&stage.world, &stage.run(READ, &user(1)), "failed", reason);
        assert!(stage.seen().is_empty());
    }
}

/// Canaille does not refuse a scope that a client must not have. It gives a token without it, which the upstream refuses.
#[test]
fn a_token_without_the_scope_that_was_asked_for_is_refused_by_the_upstream() {
    if !installed("scopes of Canaille") {
        return;
    }
    let reader = client_credentials("reader", "deed-reader", "users:write");
    let writer = client_credentials("writer", "deed-writer", "users:write");
    let mut stage = Stage::new(Provider::Canaille, &format!("{reader}{writer}"), &[]);
    let reason = "answered 403: the token does not have the scope `users:read`";
    ended(&stage.world, &stage.run(READ, &user(1)), "failed", reason);
    let seen = stage.seen();
    assert!(seen.iter().all(|one| one.method == "GET" && one.claims["active"] == true), "{seen:?}");
}
