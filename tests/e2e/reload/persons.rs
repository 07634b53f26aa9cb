//! Tests of a person who is removed while the host runs: approvals of that person that were used stand, and those that
//! were not used yet are void.

use deed_test_support::shared::{ended, is_active, locked_out, scim};
use deed_tests::world::{BOB, CAROL, World, edit};
use serde_json::json;

use super::apply::apply;
use super::{reload, remove_table};

const RESTORE: &str = "idp.restore_access";

/// Proposes an action that waits for approvals, and returns its id.
fn waiting(world: &World, user: &str) -> String {
    let proposed = world.propose(&World::proposal(RESTORE, user)).unwrap();
    assert_eq!(proposed.text("/status"), "waiting", "{}", proposed.json());
    proposed.text("/id")
}

/// Removes carol from the files.
fn leave(world: &World) {
    remove_table(&world.dir, "[tenant.acme.person.carol]").unwrap();
}

fn status_of_carol(world: &World) -> u16 {
    world.client(CAROL).get("/v1/contracts").unwrap().status
}

#[test]
fn what_a_person_approved_before_leaving_stands() {
    let world = World::start(scim()).unwrap();
    let id = waiting(&world, &locked_out());
    let (done, said) = world.approve(&id, "carol", CAROL).unwrap();
    assert!(done, "{said}");
    assert_eq!(world.settled(&id).unwrap()["status"], "verified");
    assert_eq!(status_of_carol(&world), 200);
    leave(&world);
    let (code, out, errors) = apply(&world, &["--yes"]);
    assert_eq!(code, 0, "{out}{errors}");
    assert_eq!(status_of_carol(&world), 401);
    let view = world.show(&id).unwrap();
    assert_eq!(view["approvals"][0]["person"], "carol", "{view:#}");
    // The trust directory is written now, and still has the key for the time before.
    ended(&world, &view, "verified", "");
    // Somebody else can approve the next action.
    ended(&world, &world.run(&World::proposal(RESTORE, &locked_out())).unwrap(), "verified", "");
}

#[test]
fn what_a_person_approved_does_not_count_if_it_was_not_used_before_the_person_left() {
    let two = |dir: &std::path::Path| {
        edit(dir, "policies/starter.cedar", "approve:1:support-lead", "approve:2:support-lead")
    };
    let world = World::with(scim(), "scim", two).unwrap();
    let user = locked_out();
    let id = waiting(&world, &user);
    let (done, said) = world.approve(&id, "carol", CAROL).unwrap();
    assert!(done, "{said}");
    leave(&world);
    reload(&world, "applied");
    assert_eq!(status_of_carol(&world), 401);
    // With the approval of the person who left, this one would be the second of two.
    world.approve(&id, "bob", BOB).unwrap();
    let view = world.until(&id, |view| view["stale"][0].is_string()).unwrap();
    let why = "an approval is no longer valid: the signing key is not enrolled";
    assert!(view["stale"][0].as_str().unwrap().starts_with(why), "{view:#}");
    let view = world.settled(&id).unwrap();
    assert_eq!(view["status"], "waiting", "people are asked again: {view:#}");
    assert_eq!(view["obligations"], json!(["approve:2:support-lead"]));
    assert!(!world.approve(&id, "carol", CAROL).unwrap().0, "the token is refused");
    assert!(!is_active(&user), "nothing was written");
}
