//! One test for each row of the outcome table (`host/record/src/lifecycle/outcome.rs`), against the real SCIM server.
//! If a row needs a fault, a proxy causes the fault. Each test reads the state from the server itself and counts the
//! writes that were sent.

mod guests;

use std::path::Path;

use deed_test_support::shared::{approve_then, ended, is_active, locked_out, scim};
use deed_tests::proxy::Fault;
use deed_tests::services::Result;
use deed_tests::world::{World, edit};
use serde_json::{Value, json};

const RESTORE: &str = "idp.restore_access";
const CONTRACT: &str = "contracts/restore_access.toml";

fn with_adapter(adapter: &str) -> World {
    World::with(scim(), adapter, |_| Ok(())).unwrap()
}

fn with_contract(from: &str, to: &str) -> World {
    World::with(scim(), "scim", |dir| edit(dir, CONTRACT, from, to)).unwrap()
}

fn opaque(dir: &Path) -> Result<()> {
    edit(dir, CONTRACT, "effect   = \"observable\"", "effect   = \"opaque\"")
}

/// Runs an approved action while writes meet this fault.
fn run_with(world: &World, user: &str, fault: Fault) -> Value {
    world.proxy.set("PATCH", fault);
    world.run(&World::proposal(RESTORE, user)).unwrap()
}

/// Like `run_with`, but from the moment of the write on, observations meet the fault `look`.
fn run_then(world: &World, user: &str, write: Fault, look: Fault) -> Value {
    let id = world.propose(&World::proposal(RESTORE, user)).unwrap().text("/id");
    world.proxy.set("PATCH", write);
    approve_then(world, &id, look);
    world.settled(&id).unwrap()
}

/// A fault that makes the write also change the display name, without the adapter's knowledge.
fn also_renamed() -> Fault {
    let operations = json!([{ "op": "replace", "path": "displayName", "value": "Mallory" }]);
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
    Fault::AlsoPatch { body: json!({ "schemas": schemas, "Operations": operations }) }
}

fn calls<'a>(view: &'a Value, phase: &str) -> Vec<&'a Value> {
    view["calls"].as_array().unwrap().iter().filter(|call| call["phase"] == phase).collect()
}

fn last_look_ms(view: &Value) -> i64 {
    calls(view, "observe").last().unwrap()["at_ms"].as_i64().unwrap()
}

#[test]
fn no_write_left_is_failed_whatever_the_adapter_claims() {
    let (world, user) = (with_adapter("silent"), locked_out());
    let view = world.run(&World::proposal(RESTORE, &user)).unwrap();
    let receipt = ended(&world, &view, "failed", "no write was sent");
    assert_eq!(receipt["attempts"][0]["claim"], "done");
    assert_eq!(world.proxy.count("PATCH"), 0);
    assert!(!is_active(&user));
}

#[test]
fn a_landed_write_whose_result_cannot_be_observed_is_indeterminate() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let view = run_then(&world, &user, Fault::Delay { ms: 1_000 }, Fault::DropBefore);
    let receipt = ended(&world, &view, "indeterminate", "the result could not be observed");
    assert_eq!(
        receipt["attempts"][0]["exchanges"][0]["fate"],
        json!({"answered": {"status": 204}})
    );
    assert_eq!(world.proxy.count("PATCH"), 1);
    assert!(is_active(&user), "it did land");
}

#[test]
fn a_landed_write_without_an_answer_is_verified() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let view = run_with(&world, &user, Fault::DropAfter);
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(calls(&view, "perform")[0]["fate"], "no_answer");
    assert_eq!(world.proxy.count("PATCH"), 1);
    assert!(is_active(&user));
}

#[test]
fn a_landed_write_that_was_answered_503_is_verified() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let view = run_with(&world, &user, Fault::Status5xxAfter);
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(calls(&view, "perform")[0]["fate"], json!({"answered": {"status": 503}}));
    assert_eq!(world.proxy.count("PATCH"), 1);
    assert!(is_active(&user));
}

#[test]
fn a_landed_write_that_the_adapter_calls_refused_is_verified() {
    let (world, user) = (with_adapter("claims-failure"), locked_out());
    let view = world.run(&World::proposal(RESTORE, &user)).unwrap();
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(receipt["attempts"][0]["claim"], json!({"refused": "the directory said no"}));
    assert_eq!(world.proxy.count("PATCH"), 1);
    assert!(is_active(&user));
}

#[test]
fn a_definite_refusal_that_changed_nothing_is_failed() {
    // The contract's effect is opaque, so that only the refusal itself can make the outcome `failed`.
    let (world, user) = (World::with(scim(), "scim", opaque).unwrap(), locked_out());
    let view = run_with(&world, &user, Fault::Refuse { status: 403 });
    ended(&world, &view, "failed", "the upstream refused and nothing changed");
    assert_eq!(world.proxy.count("PATCH"), 1);
    assert!(!is_active(&user));
}

#[test]
fn a_409_refuses_nothing_for_certain() {
    let (world, user) = (World::with(scim(), "scim", opaque).unwrap(), locked_out());
    let view = run_with(&world, &user, Fault::Refuse { status: 409 });
    ended(&world, &view, "indeterminate", "there was no definite answer");
    assert_eq!(world.proxy.count("PATCH"), 1);
    assert!(!is_active(&user));
}

#[test]
fn a_reported_success_that_changed_nothing_is_a_mismatch() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let view = run_with(&world, &user, Fault::Lie2xx);
    let receipt = ended(&world, &view, "mismatch", "reported success and nothing changed");
    assert_eq!(receipt["changes"], json!([]));
    assert_eq!(receipt["checks"][0]["holds"], false);
    assert_eq!(world.proxy.count("PATCH"), 1);
    assert!(!is_active(&user));
}

#[test]
fn no_answer_and_no_change_is_failed_only_when_nothing_can_still_land() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    // Observations are slow, so that one of them is under way when the write's deadline passes.
    let view = run_then(&world, &user, Fault::DropBefore, Fault::Delay { ms: 1_200 });
    ended(&world, &view, "failed", "no write can still land");
    let sent = calls(&view, "perform")[0];
    assert_eq!(sent["fate"], "no_answer");
    // The observation that decides the outcome began after the write's deadline, which is 2 s in this test.
    let waited = last_look_ms(&view) - sent["at_ms"].as_i64().unwrap();
    assert!(waited >= 2_000, "it was called failed after {waited} ms");
    assert_eq!(world.proxy.count("PATCH"), 1, "nothing is sent again blindly");
    assert!(!is_active(&user));
}

#[test]
fn no_answer_and_no_change_stays_open_where_looking_proves_nothing() {
    let (world, user) = (World::with(scim(), "scim", opaque).unwrap(), locked_out());
    let view = run_with(&world, &user, Fault::DropBefore);
    ended(&world, &view, "indeterminate", "there was no definite answer");
    assert_eq!(world.proxy.count("PATCH"), 1);
    assert!(!is_active(&user));
}

#[test]
fn a_503_that_changed_nothing_is_failed() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let view = run_with(&world, &user, Fault::Refuse { status: 503 });
    ended(&world, &view, "failed", "there was no definite answer, nothing changed");
    assert_eq!(world.proxy.count("PATCH"), 1);
    assert!(!is_active(&user));
}

#[test]
fn a_change_outside_may_change_is_a_mismatch_that_names_it() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let view = run_with(&world, &user, also_renamed());
    let receipt =
        ended(&world, &view, "mismatch", "`/user/displayName` changed, which is not allowed");
    let unexpected = json!([{"pointer": "/user/displayName", "new": "Mallory"}]);
    assert_eq!(receipt["unexpected"], unexpected, "{receipt:#}");
    assert_eq!(world.proxy.count("PATCH"), 1);
    let server = scim().get_user(&user).unwrap();
    assert_eq!((&server["active"], &server["displayName"]), (&json!(true), &json!("Mallory")));
}

#[test]
fn an_unmet_expectation_of_the_agent_is_a_mismatch() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let mut proposal = World::proposal(RESTORE, &user);
    proposal["expect"] = json!({"/user/active": true, "/user/displayName": "x"});
    let view = world.run(&proposal).unwrap();
    let receipt = ended(&world, &view, "mismatch", "`/user/displayName == \"x\"` does not hold");
    let answers: Vec<_> =
        receipt["checks"].as_array().unwrap().iter().map(|c| &c["holds"]).collect();
    assert_eq!(answers, [true, true, false], "{receipt:#}");
    assert_eq!(receipt["unexpected"], json!([]));
    assert!(is_active(&user));
}

#[test]
fn a_change_that_comes_within_settle_is_verified() {
    let (world, user) = (with_contract("settle     = \"0s\"", "settle     = \"4s\""), locked_out());
    let view = run_with(&world, &user, Fault::ApplyLater { ms: 700 });
    ended(&world, &view, "verified", "every expectation holds");
    let waited = last_look_ms(&view) - calls(&view, "perform")[0]["at_ms"].as_i64().unwrap();
    assert!(waited >= 600, "verified after {waited} ms, before it was applied");
    assert_eq!(world.proxy.count("PATCH"), 1);
    assert!(is_active(&user));
}

#[test]
fn a_change_that_comes_after_settle_is_a_mismatch() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let view = run_with(&world, &user, Fault::ApplyLater { ms: 6_000 });
    ended(&world, &view, "mismatch", "reported success and nothing changed");
    assert_eq!(world.proxy.count("PATCH"), 1);
    assert!(!is_active(&user));
}
