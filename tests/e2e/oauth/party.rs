//! Tests of the party for whom an agent acts, if the issuer's tokens name it.

use std::fs;

use deed_test_support::issuer::{HELPDESK_CLIENT, Issuer};
use deed_test_support::shared::{report, scim, user};
use deed_tests::client::Answer;
use deed_tests::world::{HELPDESK, World};
use deed_verify::Verdict;
use serde_json::{Value, json};

use super::{READ, refused, start};

const PARTY: &str = "on_behalf_of = \"sub\"\n";

/// A good token in which the issuer says for whom the agent acts.
fn token(issuer: &Issuer, party: &str) -> String {
    issuer.draft(HELPDESK_CLIENT).claim("sub", party).signed()
}

/// A proposal that does not name the party.
fn proposal(user: &str) -> Value {
    let mut proposal = World::proposal(READ, user);
    proposal.as_object_mut().unwrap().remove("on_behalf_of");
    proposal
}

fn propose(world: &World, token: &str, body: &Value, key: &str) -> Answer {
    let headers = [("prefer", "wait=60"), ("idempotency-key", key)];
    world.client(token).propose(body, &headers).unwrap()
}

#[test]
fn the_party_is_that_of_the_token() {
    let (world, issuer) = start(PARTY);
    let body = proposal(&user("party", Some(true)));
    let answer = propose(&world, &token(&issuer, "dora@example.com"), &body, "one");
    assert_eq!(answer.text("/on_behalf_of"), "dora@example.com", "{}", answer.json());
    let report = report(&world, &answer.text("/id"));
    assert_eq!(report.verdict, Verdict::Verified, "{report:#?}");
}

#[test]
fn a_proposal_may_name_only_the_party_of_the_token() {
    let (world, issuer) = start(PARTY);
    let mut body = proposal(&user("named", Some(true)));
    let token = token(&issuer, "dora@example.com");
    body["on_behalf_of"] = json!("dora@example.com");
    assert_eq!(propose(&world, &token, &body, "same").text("/status"), "verified");
    body["on_behalf_of"] = json!("eve@example.com");
    let refused = propose(&world, &token, &body, "other");
    assert_eq!(refused.status, 422, "{}", refused.json());
    assert_eq!(refused.text("/errors/0/pointer"), "/on_behalf_of");
    let explained = world.client(&token).post("/v1/explain", &body).unwrap();
    assert_eq!(explained.text("/errors/0/pointer"), "/on_behalf_of", "{}", explained.json());
}

#[test]
fn only_an_access_token_names_a_party_if_access_tokens_do() {
    let (world, _issuer) = start(PARTY);
    let mut body = proposal(&user("own", Some(true)));
    assert_eq!(propose(&world, HELPDESK, &body, "own").text("/status"), "verified");
    body["on_behalf_of"] = json!("ceo@example.com");
    for path in ["/v1/actions", "/v1/explain"] {
        let answer = world.client(HELPDESK).post(path, &body).unwrap().json();
        assert_eq!(answer["errors"][0]["pointer"], "/on_behalf_of", "{path}: {answer:#}");
    }
    // The tokens of this issuer do not name the party.
    let (world, _issuer) = start("");
    let answer = propose(&world, HELPDESK, &body, "named");
    assert_eq!(answer.text("/on_behalf_of"), "ceo@example.com", "{}", answer.json());
}

#[test]
fn a_key_is_not_shared_by_two_parties() {
    let (world, issuer) = start(PARTY);
    let body = proposal(&user("keyed", Some(true)));
    let [dora, eve] = ["dora@example.com", "eve@example.com"].map(|one| token(&issuer, one));
    let first = propose(&world, &dora, &body, "key");
    assert_eq!(propose(&world, &dora, &body, "key").text("/id"), first.text("/id"));
    assert_eq!(propose(&world, &eve, &body, "key").status, 409);
    let mut named = body.clone();
    named["on_behalf_of"] = json!("dora@example.com");
    assert_eq!(propose(&world, &dora, &named, "key").text("/id"), first.text("/id"));
}

#[test]
fn a_token_that_names_no_party_is_refused() {
    let (world, issuer) = start(PARTY);
    let draft = || issuer.draft(HELPDESK_CLIENT);
    for draft in [
        draft().without("sub"),
        draft().claim("sub", ""),
        draft().claim("sub", 7),
        draft().claim("sub", "d".repeat(257)),
    ] {
        refused(&world, &draft.signed(), 403, "does not say for whom the agent acts");
    }
}

#[test]
fn policy_sees_the_party_of_the_token() {
    let issuer = Issuer::start();
    let world = World::with(scim(), "scim", |dir| {
        issuer.declare(dir, PARTY)?;
        let file = dir.join("policies/starter.cedar");
        let rule = "\n@id(\"not-for-mallory\")\nforbid (principal, action, resource)\n\
                    when { context has on_behalf_of && context.on_behalf_of == \"mallory@example.com\" };\n";
        Ok(fs::write(&file, fs::read_to_string(&file)? + rule)?)
    })
    .unwrap();
    let body = proposal(&user("policy", Some(true)));
    let status = |party: &str| {
        let answer = propose(&world, &token(&issuer, party), &body, &format!("key-{party}"));
        answer.text("/status")
    };
    assert_eq!(status("dora@example.com"), "verified");
    assert_eq!(status("mallory@example.com"), "denied");
}
