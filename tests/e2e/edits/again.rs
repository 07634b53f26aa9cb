//! The same draft again: it is the same action, unless that action ended without an effect.

use std::collections::BTreeSet;
use std::thread;

use deed_test_support::shared::{ended, is_active, locked_out, scim};
use deed_tests::client::Answer;
use deed_tests::proxy::Fault;
use deed_tests::world::{BOB, CAROL, World};

use super::{draft, waiting};

/// Sends the draft of bob while the upstream cannot be read. Returns the id of the changed version, which failed.
fn failed(world: &World, old: &str, user: &str) -> String {
    world.proxy.set("GET", Fault::Refuse { status: 403 });
    let id = draft(world, BOB, old, user).text("/id");
    let view = world.settled(&id).unwrap();
    ended(world, &view, "failed", "could not be observed; nothing was sent");
    world.proxy.set("GET", Fault::None);
    id
}

/// Sends drafts of bob at once, one for each of these users.
fn at_once(world: &World, old: &str, users: &[String]) -> Vec<Answer> {
    thread::scope(|scope| {
        let send = |user: &String| {
            let user = user.clone();
            scope.spawn(move || draft(world, BOB, old, &user))
        };
        let sent: Vec<_> = users.iter().map(send).collect();
        sent.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

#[test]
fn a_draft_that_failed_without_an_effect_can_be_sent_again() {
    let mut world = World::start(scim()).unwrap();
    let (old, right) = (waiting(&world, &locked_out()), locked_out());
    let first = failed(&world, &old, &right);
    world.restart().unwrap();
    let again = draft(&world, BOB, &old, &right);
    assert_eq!(again.status, 202, "{}", again.json());
    let new = again.text("/id");
    assert_ne!(new, first);
    ended(&world, &world.settled(&old).unwrap(), "denied", &format!("replaced by {new}"));
    // While the changed version waits, and when it has run, the same draft is the same action.
    assert_eq!(draft(&world, BOB, &old, &right).text("/id"), new);
    let (done, said) = world.approve(&new, "carol", CAROL).unwrap();
    assert!(done, "{said}");
    ended(&world, &world.settled(&new).unwrap(), "verified", "every expectation holds");
    let repeated = draft(&world, BOB, &old, &right);
    assert_eq!((repeated.status, repeated.text("/id")), (200, new), "{}", repeated.json());
    assert!(is_active(&right));
    assert_eq!(world.proxy.count("PATCH"), 1);
}

/// The waiting action was replaced, so nothing is left that another draft could replace.
#[test]
fn a_draft_whose_action_was_denied_by_a_person_is_not_proposed_again() {
    let world = World::start(scim()).unwrap();
    let (old, right) = (waiting(&world, &locked_out()), locked_out());
    let new = draft(&world, BOB, &old, &right).text("/id");
    assert!(world.answer("deny", &new, "carol", CAROL).unwrap().0);
    ended(&world, &world.settled(&new).unwrap(), "denied", "carol (support-lead) denied it");
    let again = draft(&world, BOB, &old, &right);
    assert_eq!(again.status, 409, "{}", again.json());
    assert!(again.text("/detail").contains(&format!("replaced by {new}")), "{}", again.json());
}

#[test]
fn equal_drafts_at_once_are_one_action_also_after_a_failure() {
    let world = World::start(scim()).unwrap();
    let (old, right) = (waiting(&world, &locked_out()), locked_out());
    failed(&world, &old, &right);
    let sent = at_once(&world, &old, &[right.clone(), right.clone(), right.clone(), right]);
    let ids: BTreeSet<String> = sent.iter().map(|answer| answer.text("/id")).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let all = world.client(BOB).get("/v1/actions").unwrap().json();
    assert_eq!(all["actions"].as_array().unwrap().len(), 3, "{all:#}");
}

#[test]
fn other_drafts_at_once_get_actions_of_their_own_and_one_replaces() {
    let world = World::start(scim()).unwrap();
    let old = waiting(&world, &locked_out());
    let users = [locked_out(), locked_out(), locked_out(), locked_out()];
    let mut ids = BTreeSet::new();
    for answer in at_once(&world, &old, &users) {
        if answer.status == 409 {
            assert!(answer.text("/detail").contains("replaced by"), "{}", answer.json());
        } else {
            assert!(ids.insert(answer.text("/id")), "{}", answer.json());
        }
    }
    let waits = |id: &&String| world.settled(id).unwrap()["status"] == "waiting";
    assert_eq!(ids.iter().filter(waits).count(), 1, "{ids:?}");
}
