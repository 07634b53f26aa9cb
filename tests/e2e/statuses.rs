//! One test for each status that a person can see. Each test reads the state from the SCIM server itself and counts the
//! writes that were sent.

mod answers;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use deed_test_support::shared::{ended, is_active, locked_out, scim, user};
use deed_tests::proxy::Fault;
use deed_tests::world::{BOB, CAROL, HELPDESK, World, edit};
use serde_json::{Value, json};

const RESTORE: &str = "idp.restore_access";
const STARTER: &str = "policies/starter.cedar";

/// A test environment, a locked-out user that no other test uses, and the id of an action that waits for a lead.
fn waiting() -> (World, String, String) {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let id = asked(&world, &World::proposal(RESTORE, &user));
    (world, user, id)
}

/// Proposes an action that must wait for approval; returns its id.
fn asked(world: &World, proposal: &Value) -> String {
    let answer = world.propose(proposal).unwrap();
    assert_eq!(
        (answer.status, answer.text("/status").as_str()),
        (202, "waiting"),
        "{}",
        answer.json()
    );
    answer.text("/id")
}

/// Asserts that nothing was written, according to the proxy and to the server.
fn untouched(world: &World, user: &str) {
    assert_eq!(world.proxy.count("PATCH"), 0);
    assert!(!is_active(user));
}

#[test]
fn denied_by_policy_names_the_policy_and_nothing_is_even_read() {
    let forbid = "\n@id(\"no-restoring\")\nforbid (principal, action == Deed::Action::\"idp.restore_access\", resource);\n";
    let change = |dir: &Path| {
        Ok(fs::write(dir.join(STARTER), fs::read_to_string(dir.join(STARTER))? + forbid)?)
    };
    let (world, user) = (World::with(scim(), "scim", change).unwrap(), locked_out());
    let answer = world.propose(&World::proposal(RESTORE, &user)).unwrap();
    assert_eq!(answer.status, 200);
    let view = answer.json();
    let receipt = ended(&world, &view, "denied", "forbidden by `no-restoring`");
    let determining = receipt["decision"]["determining"].as_array().unwrap();
    assert!(determining.contains(&json!("no-restoring")), "{receipt:#}");
    assert!(!view["reason"].as_str().unwrap().contains("needs-lead"), "no approval would help");
    assert!(world.proxy.requests().is_empty());
    assert!(!is_active(&user));
}

#[test]
fn denied_by_precondition_names_the_condition_and_nobody_is_asked() {
    let world = World::start(scim()).unwrap();
    for active in [Some(true), None] {
        let user = user("not-locked-out", active);
        let answer = world.propose(&World::proposal(RESTORE, &user)).unwrap();
        assert_eq!(answer.status, 200);
        let condition = "precondition `has(pre.user.active) && !pre.user.active` does not hold";
        let receipt = ended(&world, &answer.json(), "denied", condition);
        assert_eq!(receipt["checks"][0]["holds"], false);
        assert_eq!(receipt["approvals"], json!([]));
        assert_eq!(scim().get_user(&user).unwrap()["active"], json!(active));
    }
    assert_eq!((world.proxy.count("GET"), world.proxy.count("PATCH")), (2, 0));
}

#[test]
fn denied_by_environment_tells_the_agent_where_it_is() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let mut proposal = World::proposal(RESTORE, &user);
    proposal["environment"] = json!("test");
    let answer = world.propose(&proposal).unwrap();
    let receipt = ended(
        &world,
        &answer.json(),
        "denied",
        "expects the environment `test`; this is `production`",
    );
    assert_eq!(receipt["believed_environment"], "test");
    assert!(world.proxy.requests().is_empty());
    assert!(!is_active(&user));
    proposal["environment"] = json!("production");
    asked(&world, &proposal);
}

#[test]
fn denied_for_missing_sources_says_how_many_are_wanted() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let mut proposal = World::proposal(RESTORE, &user);
    proposal["sources"] = json!([]);
    let answer = world.propose(&proposal).unwrap();
    ended(
        &world,
        &answer.json(),
        "denied",
        "the contract requires 1 source(s), but the proposal names 0",
    );
    assert!(world.proxy.requests().is_empty());
    assert!(!is_active(&user));
}

#[test]
fn denied_by_a_person_is_final() {
    let (world, user, id) = waiting();
    let (done, said) = world.answer("deny", &id, "carol", CAROL).unwrap();
    assert!(done, "{said}");
    let view = world.settled(&id).unwrap();
    let receipt = ended(&world, &view, "denied", "carol (support-lead) denied it");
    assert_eq!(receipt["approvals"][0]["decision"], "deny");
    assert!(!world.approve(&id, "bob", BOB).unwrap().0, "nobody is asked any more");
    assert_eq!(world.show(&id).unwrap(), view);
    untouched(&world, &user);
}

#[test]
fn expired_when_nobody_answers_in_time() {
    let change = |dir: &Path| edit(dir, "deed.toml", "expires = \"1h\"", "expires = \"1s\"");
    let (world, user) = (World::with(scim(), "scim", change).unwrap(), locked_out());
    let id = asked(&world, &World::proposal(RESTORE, &user));
    let end = Instant::now() + Duration::from_secs(20);
    // The test only reads, so the host must notice the expiry by itself.
    while world.show(&id).unwrap()["status"] == "waiting" && Instant::now() < end {
        thread::sleep(Duration::from_millis(50));
    }
    let view = world.settled(&id).unwrap();
    let receipt = ended(&world, &view, "expired", "it was not approved in time");
    let waited = receipt["judged_ms"].as_i64().unwrap() - receipt["proposed_ms"].as_i64().unwrap();
    assert!(waited >= 1_000, "it expired after {waited} ms");
    assert!(!world.approve(&id, "bob", BOB).unwrap().0, "it is too late");
    untouched(&world, &user);
}

#[test]
fn cancelled_while_it_waits_and_never_after_the_end() {
    let (world, user, id) = waiting();
    let path = format!("/v1/actions/{id}/cancel");
    let answer = world.client(HELPDESK).post(&path, &json!({})).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
    let view = world.show(&id).unwrap();
    let receipt = ended(&world, &view, "cancelled", "cancelled by helpdesk");
    assert_eq!(receipt["cancelled_by"], "helpdesk");
    assert!(!world.approve(&id, "bob", BOB).unwrap().0, "nobody is asked any more");
    assert_eq!(world.client(HELPDESK).post(&path, &json!({})).unwrap().status, 409);
    assert_eq!(world.show(&id).unwrap(), view);
    untouched(&world, &user);
    let verified = world.run(&World::proposal(RESTORE, &user)).unwrap();
    let path = format!("/v1/actions/{}/cancel", verified["id"].as_str().unwrap());
    assert_eq!(world.client(HELPDESK).post(&path, &json!({})).unwrap().status, 409);
    assert!(is_active(&user));
}

#[test]
fn stale_when_the_state_changed_between_proposal_and_approval() {
    let (world, user, id) = waiting();
    let rename = json!([{ "op": "replace", "path": "displayName", "value": "Renamed meanwhile" }]);
    scim().patch(&user, &rename).unwrap();
    let (done, said) = world.approve(&id, "bob", BOB).unwrap();
    assert!(!done && said.contains("does not count: the state changed"), "{said}");
    let view = world.settled(&id).unwrap();
    assert_eq!(
        (&view["status"], &view["obligations"]),
        (&json!("waiting"), &json!(["approve:1:support-lead"]))
    );
    assert_eq!(view["stale"], json!(["the state changed after it was shown to the approver"]));
    assert_eq!(view["approvals"][0]["counts"], false, "{view:#}");
    untouched(&world, &user);
    let shown = world.client(BOB).get(&format!("/v1/actions/{id}/approval_request")).unwrap();
    assert_eq!(
        shown.text("/pre/user/displayName"),
        "Renamed meanwhile",
        "people see the new state"
    );
    assert!(world.approve(&id, "bob", BOB).unwrap().0);
    let receipt =
        ended(&world, &world.settled(&id).unwrap(), "verified", "every expectation holds");
    let counted: Vec<_> =
        receipt["approvals"].as_array().unwrap().iter().map(|a| &a["counted"]).collect();
    assert_eq!(counted, [false, true], "{receipt:#}");
    assert_eq!(world.proxy.count("PATCH"), 1);
    assert!(is_active(&user));
}

#[test]
fn stale_denies_when_the_precondition_went_away_while_people_thought() {
    let (world, user, id) = waiting();
    scim().patch(&user, &json!([{ "op": "replace", "path": "active", "value": true }])).unwrap();
    let (done, said) = world.approve(&id, "bob", BOB).unwrap();
    assert!(!done && said.contains("does not count: the action ended as `denied`"), "{said}");
    let view = world.settled(&id).unwrap();
    ended(
        &world,
        &view,
        "denied",
        "precondition `has(pre.user.active) && !pre.user.active` does not hold",
    );
    assert_eq!(world.proxy.count("PATCH"), 0);
}

#[test]
fn failed_before_anybody_is_asked_when_the_state_cannot_be_read() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let unknown = World::proposal(RESTORE, &"0".repeat(32));
    let answer = world.propose(&unknown).unwrap();
    ended(&world, &answer.json(), "failed", "could not be observed; nothing was sent");
    world.proxy.set("GET", Fault::DropBefore);
    let answer = world.propose(&World::proposal(RESTORE, &user)).unwrap();
    ended(&world, &answer.json(), "failed", "could not be observed; nothing was sent");
    untouched(&world, &user);
}

#[test]
fn a_read_ends_verified_with_what_the_server_said() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let view = world.propose(&World::proposal("idp.read_user", &user)).unwrap().json();
    let receipt = ended(&world, &view, "verified", "the host read the state");
    let server = scim().get_user(&user).unwrap();
    for field in ["id", "userName", "active"] {
        assert_eq!(view["result"]["user"][field], server[field], "{field}");
    }
    assert_eq!(receipt["pre"].get("state"), None, "the receipt names the look by digest");
    assert_eq!(deed_test_support::shared::look(&world, &view, "pre")["state"], view["result"]);
    assert_eq!(view["result"]["user"].get("schemas"), None, "only declared fields are kept");
    assert_eq!((world.proxy.count("GET"), world.proxy.requests().len()), (1, 1));
}
