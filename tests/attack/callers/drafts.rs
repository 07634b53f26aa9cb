//! Changed versions of one action without end: drafts that end before anybody is asked, again and again.

use std::collections::BTreeSet;

use deed_test_support::shared::{is_active, locked_out, scim, user};
use deed_tests::client::Answer;
use deed_tests::world::{BOB, CAROL, World};
use serde_json::json;

use super::forged::asked;
use super::unharmed;
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "edits-without-end" => without_end,
        "edits-without-end-at-once" => at_once,
    ]
}

/// How many changed versions of one action a person can propose.
const DRAFTS: usize = 10;

fn draft(world: &World, token: &str, id: &str, user: &str, intent: &str) -> Answer {
    let sources = json!([{"uri": "ticket:4712"}]);
    let body = json!({"params": {"user_id": user}, "intent": intent, "sources": sources});
    world.client(token).post(&format!("/v1/actions/{id}/draft"), &body).unwrap()
}

fn is_refused(answer: &Answer) -> bool {
    answer.status == 409 && answer.text("/detail").contains("10 changed versions")
}

/// Checks how many actions there are, that the action waits as before, and that it can still be approved.
fn still_good(world: &World, id: &str, user: &str, actions: usize) {
    let all = world.client(BOB).get("/v1/actions").unwrap().json();
    assert_eq!(all["actions"].as_array().unwrap().len(), actions, "{all:#}");
    assert_eq!(world.show(id).unwrap()["status"], "waiting");
    let (done, said) = world.approve(id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    assert_eq!(world.settled(id).unwrap()["status"], "verified");
    assert!(is_active(user));
    unharmed(world);
}

/// The precondition of the contract does not hold for a user who is active. Equal drafts count like others.
fn without_end() {
    let (mut world, locked) = (World::start(scim()).unwrap(), locked_out());
    let (asked, active) = (asked(&world, &locked), user("not-locked-out", Some(true)));
    let mut ids = BTreeSet::new();
    for n in 0..DRAFTS {
        let intent = if n % 2 == 0 { "another user".to_owned() } else { format!("the user {n}") };
        let answer = draft(&world, BOB, &asked.id, &active, &intent);
        assert_eq!(answer.text("/status"), "denied", "{}", answer.json());
        assert!(ids.insert(answer.text("/id")), "{ids:?}");
    }
    for intent in ["another user", "one more"] {
        let answer = draft(&world, BOB, &asked.id, &active, intent);
        assert!(is_refused(&answer), "{}", answer.json());
    }
    world.restart().unwrap();
    assert!(is_refused(&draft(&world, BOB, &asked.id, &active, "after a restart")));
    // The limit is that of one person.
    let other = draft(&world, CAROL, &asked.id, &active, "another user");
    assert_eq!(other.text("/status"), "denied", "{}", other.json());
    still_good(&world, &asked.id, &locked, DRAFTS + 2);
}

/// The limit holds also if all drafts arrive before the first one is accepted.
fn at_once() {
    let (world, locked) = (World::start(scim()).unwrap(), locked_out());
    let (asked, active) = (asked(&world, &locked), user("not-locked-out", Some(true)));
    let (id, active) = (asked.id.as_str(), active.as_str());
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let send = |n: usize| {
            let world = &world;
            scope.spawn(move || draft(world, BOB, id, active, &format!("the user {n}")))
        };
        let sent: Vec<_> = (0..2 * DRAFTS).map(send).collect();
        sent.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|one| is_refused(one)).count(), DRAFTS);
    still_good(&world, id, &locked, DRAFTS + 1);
}
