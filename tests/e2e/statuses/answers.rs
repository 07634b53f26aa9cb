//! Tests of approvers' answers that must not count, and of answers that must count together. After each refused answer
//! the action still waits, and no write was sent.

use std::path::Path;

use deed_test_support::shared::{ended, envelopes, is_active, locked_out, scim};
use deed_tests::host;
use deed_tests::services::Result;
use deed_tests::world::{BOB, CAROL, World, edit};
use serde_json::json;

use super::{RESTORE, STARTER, asked, untouched, waiting};

/// Approves with the given key, person and role.
fn approve_as(world: &World, id: &str, key: &str, person: &str, role: &str) -> (bool, String) {
    let key = world.dir.join(key).to_string_lossy().into_owned();
    let who = ["--key", &key, "--person", person, "--role", role, "--yes"];
    let args = [&["approve", id, "--url", world.url(), "--token", BOB][..], &who[..]].concat();
    let output = host::run(&args, "").unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), said)
}

/// Asserts that the approval was refused for this reason and that the action still waits.
fn refused(world: &World, id: &str, answer: &(bool, String), reason: &str) {
    assert!(!answer.0 && answer.1.contains(reason), "`{}` does not say `{reason}`", answer.1);
    assert_eq!(world.show(id).unwrap()["status"], "waiting");
    assert_eq!(world.proxy.count("PATCH"), 0);
}

#[test]
fn the_person_behind_the_agent_cannot_approve() {
    let change = |dir: &Path| -> Result<()> {
        host::expect(&["key", "new", &dir.join("approvers/alice.key").to_string_lossy()])?;
        let roles = "roles = [\"helpdesk\", \"support-lead\"]\nkeys = [\"approvers/alice.pub\"]";
        let table = "[tenant.acme.person.alice]\n";
        edit(
            dir,
            "deed.toml",
            &format!("{table}roles = [\"helpdesk\"]"),
            &format!("{table}{roles}"),
        )
    };
    let (world, user) = (World::with(scim(), "scim", change).unwrap(), locked_out());
    let id = asked(&world, &World::proposal(RESTORE, &user));
    let alice = approve_as(&world, &id, "approvers/alice.key", "alice", "support-lead");
    refused(&world, &id, &alice, "`alice` is responsible for the agent that requested this action");
    untouched(&world, &user);
    assert!(world.approve(&id, "bob", BOB).unwrap().0, "another person can");
    ended(&world, &world.settled(&id).unwrap(), "verified", "every expectation holds");
}

#[test]
fn an_approval_in_a_wrong_role_or_with_a_wrong_key_does_not_count() {
    let (world, user, id) = waiting();
    host::expect(&["key", "new", &world.dir.join("approvers/eve.key").to_string_lossy()]).unwrap();
    let cases = [
        ("approvers/bob.key", "bob", "helpdesk", "`bob` does not have the role `helpdesk`"),
        ("approvers/carol.key", "bob", "support-lead", "its signing key belongs to another person"),
        ("approvers/eve.key", "bob", "support-lead", "not enrolled for a person"),
    ];
    for (key, person, role, reason) in cases {
        refused(&world, &id, &approve_as(&world, &id, key, person, role), reason);
    }
    untouched(&world, &user);
    assert!(
        approve_as(&world, &id, "approvers/bob.key", "bob", "support-lead").0,
        "the right one does"
    );
    ended(&world, &world.settled(&id).unwrap(), "verified", "every expectation holds");
    assert_eq!(world.proxy.count("PATCH"), 1);
}

#[test]
fn an_approval_for_one_action_is_none_for_another() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let approved = world.run(&World::proposal(RESTORE, &user)).unwrap();
    let approval = envelopes(&world, &approved).remove(1);
    scim().patch(&user, &json!([{ "op": "replace", "path": "active", "value": false }])).unwrap();
    // The approval is sent for an action about another user, and for a second proposal with the same parameters.
    for other in [locked_out(), user] {
        let id = asked(&world, &World::proposal(RESTORE, &other));
        let answer =
            world.client(BOB).post(&format!("/v1/actions/{id}/approvals"), &approval).unwrap();
        assert_eq!(answer.status, 409, "{}", answer.json());
        assert!(answer.text("/detail").contains("for another action"), "{}", answer.json());
        assert_eq!(world.show(&id).unwrap()["status"], "waiting");
        assert!(!is_active(&other));
    }
    assert_eq!(world.proxy.count("PATCH"), 1);
}

#[test]
fn two_approvals_are_two_persons() {
    let change =
        |dir: &Path| edit(dir, STARTER, "approve:1:support-lead", "approve:2:support-lead");
    let (world, user) = (World::with(scim(), "scim", change).unwrap(), locked_out());
    let id = asked(&world, &World::proposal(RESTORE, &user));
    assert!(world.approve(&id, "bob", BOB).unwrap().0);
    assert_eq!(world.show(&id).unwrap()["obligations"], json!(["approve:2:support-lead"]));
    refused(&world, &id, &world.approve(&id, "bob", BOB).unwrap(), "each person counts once");
    untouched(&world, &user);
    assert!(world.approve(&id, "carol", CAROL).unwrap().0);
    let receipt =
        ended(&world, &world.settled(&id).unwrap(), "verified", "every expectation holds");
    let persons: Vec<_> =
        receipt["approvals"].as_array().unwrap().iter().map(|a| &a["person"]).collect();
    assert_eq!(persons, ["bob", "carol"]);
    assert_eq!(world.proxy.count("PATCH"), 1);
    assert!(is_active(&user));
}

/// Every answer adds an envelope and a log proof to the bundle, and a bundle has at most 64 parts.
#[test]
fn more_answers_than_a_bundle_can_hold_are_not_asked_for() {
    let roles = ["support-lead", "one", "two", "three", "four"];
    let change = |dir: &Path| -> Result<()> {
        let all = format!("roles = {}", json!(roles));
        edit(dir, "deed.toml", "roles = [\"support-lead\"]", &all)?;
        for role in &roles[1..] {
            let policy = format!(
                "@id(\"needs-{role}\")\n@obligation(\"approve:9:{role}\")\nforbid (principal, \
                 action == Deed::Action::\"idp.restore_access\", resource);\n\n// Autonomous actions"
            );
            edit(dir, STARTER, "// Autonomous actions", &policy)?;
        }
        edit(dir, STARTER, "approve:1:support-lead", "approve:9:support-lead")
    };
    let (world, user) = (World::with(scim(), "scim", change).unwrap(), locked_out());
    let view = world.run(&World::proposal(RESTORE, &user)).unwrap();
    ended(&world, &view, "denied", "would exceed the 35 answers that an action can have");
    untouched(&world, &user);
}
