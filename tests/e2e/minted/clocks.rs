//! Tests of a host whose clock is five minutes ahead of that of the authorization server and the upstream, or behind it.

use deed_test_support::shared::ended;

use super::fixture::{Provider, Stage, client_credentials, token};
use super::{LIFE_S, READ, RESTORE, by_key, expires, user};
use crate::mcp_clients::programs::installed;

const FIVE_MINUTES_MS: i64 = 300_000;

/// Checks that a text names the difference of the clocks, in seconds, and the side that is ahead.
fn names_the_difference(text: &str, side: &str) {
    let told = text.split("the `Date` of the answer is ").nth(1).unwrap_or_default();
    let (seconds, rest) = told.split_once(" s ").unwrap_or_default();
    let seconds: u32 = seconds.parse().unwrap_or_default();
    assert!((270..=330).contains(&seconds), "{text}");
    assert!(rest.starts_with(&format!("{side} the host's clock")), "{text}");
    assert!(rest.contains("correct the clock that is wrong"), "{text}");
}

#[test]
fn an_assertion_that_is_refused_for_its_time_is_explained() {
    if !installed("assertions at another time for `oidc-provider` and Canaille") {
        return;
    }
    for (provider, ms, side) in [
        // `oidc-provider` accepts an assertion that expires later than it can.
        (Provider::Oidc, FIVE_MINUTES_MS, None),
        (Provider::Oidc, -FIVE_MINUTES_MS, Some("ahead of")),
        (Provider::Canaille, FIVE_MINUTES_MS, Some("behind")),
        (Provider::Canaille, -FIVE_MINUTES_MS, Some("ahead of")),
    ] {
        let mut stage = Stage::skewed(provider, &by_key("client_credentials", ""), &[], ms);
        let view = stage.run(READ, &user(1));
        let Some(side) = side else {
            ended(&stage.world, &view, "verified", "");
            continue;
        };
        let reason = "no token `reader`: its endpoint answered `invalid_client`; check the client";
        ended(&stage.world, &view, "failed", reason);
        names_the_difference(view["reason"].as_str().unwrap(), side);
        assert!(stage.seen().is_empty());
    }
}

#[test]
fn a_bearer_assertion_that_is_refused_for_its_time_prevents_the_write_and_is_explained() {
    if !installed("bearer assertions at another time for `oidc-provider`") {
        return;
    }
    let more = "key = \"secrets/key.pem\"\nsubject = \"person\"\nauth = \"key\"\n";
    let tokens = client_credentials("reader", "deed-reader", "users:read")
        + &token("writer", "jwt_bearer", "deed-key", "users:write", more);
    for (ms, code, side) in [
        (FIVE_MINUTES_MS, "invalid_grant", "behind"),
        (-FIVE_MINUTES_MS, "invalid_client", "ahead of"),
    ] {
        let mut stage = Stage::skewed(Provider::Oidc, &tokens, &[], ms);
        let view = stage.run(RESTORE, &user(1));
        ended(&stage.world, &view, "failed", "no write was sent");
        let ledger = view["ledger"].to_string();
        let code = format!("no token `writer`: its endpoint answered `{code}`");
        assert!(ledger.contains(&code), "{ledger}");
        names_the_difference(&ledger, side);
        assert!(stage.seen().iter().all(|one| one.method == "GET"));
    }
}

/// `expires_in` says how long a token is valid from now on, so the clock of its issuer does not matter.
#[test]
fn the_life_of_a_token_counts_by_the_clock_of_the_host() {
    if !installed("tokens of `oidc-provider` and Canaille at another time") {
        return;
    }
    for provider in Provider::ALL {
        for ms in [FIVE_MINUTES_MS, -FIVE_MINUTES_MS] {
            expires(Stage::skewed(provider, &provider.by_secret(), &["--ttl", LIFE_S], ms));
        }
    }
}
