//! Deferrals that must not count: by people who may not answer, for longer than the request waits, without end, and
//! forms of another site.

use std::path::Path;

use deed_test_support::shared::{is_active, locked_out, scim};
use deed_tests::browser::{Browser, FORM, FORM_TOKEN, encoded};
use deed_tests::services::Result;
use deed_tests::world::{BOB, CAROL, HELPDESK, World, edit};
use serde_json::{Value, json};

use super::approvals::with_alice;
use super::forged::asked;
use super::tenants::{DORA, with_dora};
use super::unharmed;
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "deferral-by-those-who-may-not-answer" => by_others,
        "deferral-out-of-form" => out_of_form,
        "deferrals-without-end" => without_end,
        "deferral-from-another-site" => from_another_site,
    ]
}

const ALICE: &str = "deed_token-of-alice-who-answers-for-the-agent";

fn people(dir: &Path) -> Result<()> {
    with_alice(dir)?;
    with_dora(dir)?;
    let table = "[tenant.acme.person.alice]\n";
    let token = deed_spec::digest::Digest::of(ALICE.as_bytes());
    edit(dir, "deed.toml", table, &format!("{table}token = \"{token}\"\n"))
}

fn defer(world: &World, token: &str, id: &str, body: &Value) -> (u16, String) {
    let answer = world.client(token).post(&format!("/v1/actions/{id}/deferral"), body).unwrap();
    (answer.status, answer.text("/detail"))
}

fn later(world: &World, id: &str) -> i64 {
    world.show(id).unwrap()["expires_ms"].as_i64().unwrap() - 1_000
}

/// Checks that the action waits as before, that nobody has put it off, and that bob can still approve it.
fn still_good(world: &World, id: &str, user: &str, count: usize) {
    let view = world.show(id).unwrap();
    let deferrals = view["deferrals"].as_array().map_or(0, Vec::len);
    assert_eq!((&view["status"], deferrals), (&json!("waiting"), count), "{view:#}");
    assert!(!is_active(user));
    let (done, said) = world.approve(id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    assert_eq!(world.settled(id).unwrap()["status"], "verified");
    unharmed(world);
}

fn by_others() {
    let (world, user) = (World::with(scim(), "scim", people).unwrap(), locked_out());
    let asked = asked(&world, &user);
    let good = json!({"reason": "later", "until_ms": later(&world, &asked.id)});
    let agent = defer(&world, HELPDESK, &asked.id, &good);
    assert_eq!(agent.0, 403, "{agent:?}");
    let own = defer(&world, ALICE, &asked.id, &good);
    assert!(own.0 == 409 && own.1.contains("`alice` is responsible for the agent"), "{own:?}");
    let foreign = defer(&world, DORA, &asked.id, &good);
    assert_eq!(foreign, defer(&world, DORA, "act_00000000000000000000000000", &good));
    assert_eq!(foreign.0, 404);
    still_good(&world, &asked.id, &user, 0);
    let over = defer(&world, CAROL, &asked.id, &good);
    assert!(over.0 == 409 && over.1.contains("no approval is requested"), "{over:?}");
}

fn out_of_form() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let asked = asked(&world, &user);
    let until_ms = later(&world, &asked.id);
    for body in [
        json!({}),
        json!([]),
        json!(["later", until_ms]),
        json!({"reason": "later"}),
        json!({"until_ms": until_ms}),
        json!({"reason": "", "until_ms": until_ms}),
        json!({"reason": " \n\t", "until_ms": until_ms}),
        json!({"reason": "x".repeat(501), "until_ms": until_ms}),
        json!({"reason": "later", "until_ms": until_ms + 2_000}),
        json!({"reason": "later", "until_ms": i64::MAX}),
        json!({"reason": "later", "until_ms": i64::MIN}),
        json!({"reason": "later", "until_ms": 0}),
        json!({"reason": "later", "until_ms": -1}),
        json!({"reason": "later", "until_ms": until_ms.to_string()}),
        json!({"reason": "later", "until_ms": 1.5}),
        json!({"reason": "later", "until_ms": null}),
        json!({"reason": "later", "until_ms": until_ms, "person": "carol"}),
    ] {
        let (status, detail) = defer(&world, BOB, &asked.id, &body);
        assert_eq!(status, 400, "{body}: {detail}");
    }
    still_good(&world, &asked.id, &user, 0);
}

fn without_end() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let asked = asked(&world, &user);
    let good = json!({"reason": "later", "until_ms": later(&world, &asked.id)});
    for _ in 0..10 {
        assert_eq!(defer(&world, BOB, &asked.id, &good).0, 202);
    }
    let (status, detail) = defer(&world, BOB, &asked.id, &good);
    assert!(status == 409 && detail.contains("10 times"), "{status}: {detail}");
    // The limit is that of one person.
    assert_eq!(defer(&world, CAROL, &asked.id, &good).0, 202);
    still_good(&world, &asked.id, &user, 11);
}

fn from_another_site() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let asked = asked(&world, &user);
    let path = format!("/actions/{}/deferral", asked.id);
    let mut bob = Browser::signed_in(world.url(), "bob", BOB).unwrap();
    let mut carol = Browser::signed_in(world.url(), "carol", CAROL).unwrap();
    let token = |one: &mut Browser| one.get("/").unwrap().form_token().unwrap().to_owned();
    let (bobs, carols) = (token(&mut bob), token(&mut carol));
    let until_ms = later(&world, &asked.id).to_string();
    let fields = |token: &str| {
        encoded(&[(FORM_TOKEN, token), ("reason", "later"), ("until", until_ms.as_str())])
    };
    let own = format!("Origin: {}", world.url());
    for lines in [
        vec![FORM],
        vec![FORM, "Origin: null"],
        vec![FORM, "Origin: http://evil.example"],
        vec![FORM, own.as_str(), "Sec-Fetch-Site: cross-site"],
    ] {
        let said = bob.send("POST", &path, &lines, &fields(&bobs)).unwrap();
        assert_eq!(said.status, 403, "{lines:?}: {said:?}");
    }
    let lines = [FORM, own.as_str(), "Sec-Fetch-Site: same-origin"];
    for token in ["", carols.as_str(), "x"] {
        let said = bob.send("POST", &path, &lines, &fields(token)).unwrap();
        assert_eq!(said.status, 403, "{token}: {said:?}");
    }
    let more = fields(&bobs) + "&person=carol";
    assert_eq!(bob.send("POST", &path, &lines, &more).unwrap().status, 400);
    let nobody = Browser::new(world.url()).send("POST", &path, &lines, &fields(&bobs)).unwrap();
    assert_eq!(nobody.status, 303, "{nobody:?}");
    // A token of the API is no session.
    let bearer = format!("Authorization: Bearer {BOB}");
    let lines = [FORM, own.as_str(), bearer.as_str()];
    let said = Browser::new(world.url()).send("POST", &path, &lines, &fields(&bobs)).unwrap();
    assert_eq!(said.status, 303, "{said:?}");
    still_good(&world, &asked.id, &user, 0);
}
