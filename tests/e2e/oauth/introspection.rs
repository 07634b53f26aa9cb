//! Tests of tokens that the host cannot read, so that it asks the issuer.

use std::path::Path;
use std::thread;

use deed_test_support::issuer::{HELPDESK_CLIENT, Issuer};
use deed_test_support::shared::scim;
use deed_tests::browser::Browser;
use deed_tests::wait;
use deed_tests::world::World;

use super::{contracts, refused};

/// A host that asks an issuer about tokens.
fn asking(more: &str) -> (World, Issuer) {
    let issuer = Issuer::start();
    let declare = |dir: &Path| issuer.declare_introspection(dir, more);
    let world = World::with(scim(), "scim", declare).unwrap();
    (world, issuer)
}

#[test]
fn an_active_token_is_an_agent_and_is_asked_about_once() {
    let (world, issuer) = asking("");
    let token = issuer.opaque(HELPDESK_CLIENT);
    for _ in 0..5 {
        assert_eq!(contracts(&world, &token).status, 200);
    }
    let asked = issuer.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    let expected = format!("token={token}&token_type_hint=access_token");
    assert_eq!(asked[0].body, expected);
    let kind = asked[0].header("content-type").unwrap();
    assert_eq!(kind, "application/x-www-form-urlencoded");
    assert!(!world.host.as_ref().unwrap().log().contains(&token));
}

#[test]
fn an_inactive_token_is_refused_and_asked_about_once() {
    let (world, issuer) = asking("");
    for _ in 0..5 {
        refused(&world, "opaque-unknown", 401, "not active");
    }
    assert_eq!(issuer.asked().len(), 1);
    for strange in ["a b", "a&token=b", "a=b"] {
        refused(&world, strange, 401, "characters that no token has");
    }
    refused(&world, "deed_revoked-token-of-an-agent", 401, "not known");
    assert_eq!(issuer.asked().len(), 1, "what is no token of the issuer is not sent to it");
}

#[test]
fn an_active_token_must_be_for_this_host_too() {
    let (world, issuer) = asking("");
    let draft = || issuer.draft(HELPDESK_CLIENT);
    let now = draft().claims["iat"].as_i64().unwrap();
    for (name, draft, status, words) in [
        ("good", draft().without("iss"), 200, ""),
        ("audience", draft().claim("aud", "https://other.example"), 401, "another audience"),
        ("no-audience", draft().without("aud"), 401, "another audience"),
        ("issuer", draft().claim("iss", "https://other.example"), 401, "another one"),
        ("expired", draft().claim("exp", now - 31), 401, "expired"),
        ("endless", draft().without("exp"), 401, "no time at which it expires"),
        ("scope", draft().claim("scope", "openid"), 403, "does not have the scope"),
        ("nobody", draft().claim("client_id", "x"), 403, "that of no agent"),
    ] {
        issuer.say(name, draft.claims);
        refused(&world, name, status, words);
    }
}

#[test]
fn a_revoked_token_is_refused_within_half_a_minute() {
    let (world, issuer) = asking("");
    let token = issuer.opaque(HELPDESK_CLIENT);
    assert_eq!(contracts(&world, &token).status, 200);
    issuer.revoke(&token);
    let is_refused = |status: &u16| *status == 401;
    wait::answer("the answer is not kept", || contracts(&world, &token).status, is_refused);
}

#[test]
fn a_signed_token_is_shown_only_to_the_issuer_that_it_names() {
    let (world, issuer) = asking("");
    let token = issuer.token(HELPDESK_CLIENT);
    issuer.say(&token, issuer.draft(HELPDESK_CLIENT).claims);
    assert_eq!(contracts(&world, &token).status, 200, "this issuer has no keys here");
    let foreign = issuer.draft(HELPDESK_CLIENT).claim("iss", "https://other.example").signed();
    refused(&world, &foreign, 401, "not configured");
    assert_eq!(issuer.asked().len(), 1);
}

#[test]
fn while_the_issuer_does_not_answer_no_new_token_is_accepted() {
    let (world, issuer) = asking("");
    let [first, second] = [(); 2].map(|()| issuer.opaque(HELPDESK_CLIENT));
    assert_eq!(contracts(&world, &first).status, 200);
    issuer.set_down(true);
    assert_eq!(contracts(&world, &second).status, 503);
    assert_eq!(contracts(&world, &first).status, 200, "an answer is kept for a while");
    issuer.set_down(false);
    assert_eq!(contracts(&world, &second).status, 200);
}

#[test]
fn what_a_person_sends_to_the_console_is_not_sent_to_the_issuer() {
    let (world, issuer) = asking("");
    let token = issuer.opaque(HELPDESK_CLIENT);
    for value in [format!("Basic {token}"), format!("Bearer {token}")] {
        let headers = [("authorization", value.as_str())];
        let page = "/actions/act_00000000000000000000000000";
        let answer = world.client("").send("GET", page, &headers, vec![]).unwrap();
        assert_eq!((answer.status, answer.challenge.as_str()), (401, "Bearer"), "{answer:?}");
    }
    let mut browser = Browser::new(world.url());
    for secret in [token.as_str(), "a-password-of-bob"] {
        assert_eq!(browser.sign_in("bob", secret, "/").unwrap().status, 401);
    }
    assert_eq!(issuer.asked().len(), 0, "{:?}", issuer.asked());
}

#[test]
fn a_token_for_another_use_is_refused() {
    let (world, issuer) = asking("");
    for (name, value, status) in [
        ("token_use", "refresh_token", 401),
        ("token_type", "refresh_token", 401),
        ("token_type", "N_A", 401),
        ("typ", "Refresh", 401),
        ("token_use", "access_token", 200),
        ("token_type", "bearer", 200),
    ] {
        let token = format!("{name}-{value}");
        issuer.say(&token, issuer.draft(HELPDESK_CLIENT).claim(name, value).claims);
        let words = if status == 401 { "is for another use" } else { "" };
        refused(&world, &token, status, words);
    }
}

#[test]
fn callers_with_the_same_new_token_do_not_all_ask() {
    let (world, issuer) = asking("");
    let token = issuer.opaque(HELPDESK_CLIENT);
    thread::scope(|scope| {
        for _ in 0..30 {
            scope.spawn(|| assert_eq!(contracts(&world, &token).status, 200));
        }
    });
    let asked = issuer.asked().len();
    assert!((1..=8).contains(&asked), "{asked} requests for one token");
}
