//! An approver proposes a changed version of a waiting action: what becomes of both actions, who may approve, and what
//! the record says.

mod again;
mod limits;

use std::path::Path;

use deed_test_support::shared::{ended, is_active, locked_out, report, scim, user};
use deed_tests::browser::Browser;
use deed_tests::client::Answer;
use deed_tests::proxy::Fault;
use deed_tests::services::Result;
use deed_tests::world::{BOB, CAROL, HELPDESK, World, edit, with_operator};
use deed_verify::Verdict;
use serde_json::{Value, json};

fn waiting(world: &World, user: &str) -> String {
    let answer = world.propose(&World::proposal("idp.restore_access", user)).unwrap();
    assert_eq!(answer.text("/status"), "waiting", "{}", answer.json());
    answer.text("/id")
}

/// Proposes to restore another user instead.
fn draft(world: &World, token: &str, id: &str, user: &str) -> Answer {
    let body = json!({
        "params": {"user_id": user},
        "intent": "the ticket names another user",
        "sources": [{"uri": "ticket:4712"}],
    });
    world.client(token).post(&format!("/v1/actions/{id}/draft"), &body).unwrap()
}

#[test]
fn an_edit_replaces_the_action_and_another_person_approves_it() {
    let world = World::start(scim()).unwrap();
    let (wrong, right) = (locked_out(), locked_out());
    let old = waiting(&world, &wrong);
    let answer = draft(&world, BOB, &old, &right);
    assert_eq!(answer.status, 202, "{}", answer.json());
    let new = answer.text("/id");
    assert_ne!(new, old);
    let before = world.settled(&old).unwrap();
    ended(&world, &before, "denied", &format!("replaced by {new}"));
    // The agent sees who changed what.
    let seen = world.client(HELPDESK).rests(&new, 0).unwrap().json();
    assert_eq!(
        (&seen["status"], &seen["agent"]),
        (&json!("waiting"), &json!("helpdesk")),
        "{seen:#}"
    );
    let edit = &seen["edit"];
    assert_eq!((&edit["edited_by"], &edit["replaces"]), (&json!(["bob"]), &json!(old)));
    let change = json!({"pointer": "/user_id", "old": wrong, "new": right});
    assert_eq!(edit["params"], json!([change]), "{seen:#}");
    assert_eq!(edit["intent_before"], "the user is locked out and has shown who they are");
    assert_eq!(seen["intent"], "the ticket names another user");
    assert_eq!(seen["on_behalf_of"], "user@example.com");
    let sources = json!([{"uri": "ticket:4712"}, {"uri": format!("deed:{old}")}]);
    assert_eq!(seen["sources"], sources);
    // The editor cannot approve, and another approver can.
    let (done, said) = world.approve(&new, "bob", BOB).unwrap();
    assert!(!done && said.contains("`bob` edited this action"), "{said}");
    let mut bob = Browser::signed_in(world.url(), "bob", BOB).unwrap();
    let page = bob.get(&format!("/actions/{new}")).unwrap();
    assert!(
        page.text().contains("Your answer would not count: `bob` edited this action"),
        "{page:?}"
    );
    assert!(!bob.get("/?group=mine").unwrap().html.contains(&new));
    let (done, said) = world.approve(&new, "carol", CAROL).unwrap();
    assert!(done, "{said}");
    let view = world.settled(&new).unwrap();
    ended(&world, &view, "verified", "every expectation holds");
    assert!(is_active(&right) && !is_active(&wrong));
    for id in [&old, &new] {
        assert_eq!(report(&world, id).verdict, Verdict::Verified, "{:#?}", report(&world, id));
    }
}

#[test]
fn an_edit_that_is_refused_leaves_the_action_as_it_was() {
    let world = World::start(scim()).unwrap();
    let (user, active) = (locked_out(), user("not-locked-out", Some(true)));
    let old = waiting(&world, &user);
    // A user who is active already is not restored: the precondition of the contract does not hold.
    let answer = draft(&world, BOB, &old, &active);
    let new = world.settled(&answer.text("/id")).unwrap();
    assert!(["denied", "failed"].contains(&new["status"].as_str().unwrap()), "{new:#}");
    let same = draft(&world, BOB, &old, &user);
    assert!(same.status == 409 && same.text("/detail").contains("are those of the waiting action"));
    let sources = json!([{"uri": "ticket:4712"}]);
    let other = json!({"params": {"user_id": 7}, "intent": "x", "sources": sources});
    let odd = world.client(BOB).post(&format!("/v1/actions/{old}/draft"), &other).unwrap();
    assert_eq!((odd.status, odd.text("/errors/0/pointer").as_str()), (422, "/params/user_id"));
    assert_eq!(world.show(&old).unwrap()["status"], "waiting");
    let (done, said) = world.approve(&old, "bob", BOB).unwrap();
    assert!(done, "who edited another version is no requester of this one: {said}");
    ended(&world, &world.settled(&old).unwrap(), "verified", "every expectation holds");
}

#[test]
fn an_edit_of_an_edit_keeps_both_editors() {
    let world = World::start(scim()).unwrap();
    let first = waiting(&world, &locked_out());
    let second = draft(&world, BOB, &first, &locked_out()).text("/id");
    let third = draft(&world, CAROL, &second, &locked_out());
    assert_eq!(third.status, 202, "{}", third.json());
    let third = third.json();
    assert_eq!(third["edit"]["edited_by"], json!(["bob", "carol"]));
    assert_eq!(third["edit"]["replaces"], second.as_str());
    let id = third["id"].as_str().unwrap();
    for (person, token) in [("bob", BOB), ("carol", CAROL)] {
        let (done, said) = world.approve(id, person, token).unwrap();
        assert!(!done && said.contains("edited this action"), "{said}");
    }
    ended(&world, &world.settled(&second).unwrap(), "denied", "replaced by");
}

#[test]
fn a_restart_keeps_the_changed_version_and_who_edited_it() {
    let mut world = World::start(scim()).unwrap();
    let right = locked_out();
    let old = waiting(&world, &locked_out());
    let new = draft(&world, CAROL, &old, &right).text("/id");
    world.restart().unwrap();
    let (done, said) = world.approve(&new, "carol", CAROL).unwrap();
    assert!(!done && said.contains("`carol` edited this action"), "{said}");
    let (done, said) = world.approve(&new, "bob", BOB).unwrap();
    assert!(done, "{said}");
    let view: Value = world.settled(&new).unwrap();
    ended(&world, &view, "verified", "every expectation holds");
    assert!(is_active(&right));
}

#[test]
fn of_two_edits_one_takes_the_place_of_the_action() {
    let world = World::start(scim()).unwrap();
    let old = waiting(&world, &locked_out());
    let (first, second) = (locked_out(), locked_out());
    let one = draft(&world, BOB, &old, &first);
    let other = draft(&world, CAROL, &old, &second);
    assert_eq!(one.status, 202, "{}", one.json());
    assert_eq!(other.status, 409, "{}", other.json());
    let named = format!("was replaced by {}; edit that one", one.text("/id"));
    assert!(other.text("/detail").contains(&named), "{}", other.json());
    ended(
        &world,
        &world.settled(&old).unwrap(),
        "denied",
        &format!("replaced by {}", one.text("/id")),
    );
}

/// Without its editors, the repetition could be approved by one of them.
#[test]
fn an_edited_action_that_an_operator_has_proposed_again_keeps_its_editors() {
    let opaque = |dir: &Path| -> Result<()> {
        edit(dir, "contracts/restore_access.toml", "\"observable\"", "\"opaque\"")?;
        with_operator(dir)
    };
    let world = World::with(scim(), "scim", opaque).unwrap();
    let right = locked_out();
    let id = draft(&world, BOB, &waiting(&world, &locked_out()), &right).text("/id");
    world.proxy.set("PATCH", Fault::DropBefore);
    let (done, said) = world.approve(&id, "carol", CAROL).unwrap();
    assert!(done, "{said}");
    ended(&world, &world.settled(&id).unwrap(), "indeterminate", "there was no definite answer");
    world.proxy.set("PATCH", Fault::None);
    world.until(&id, |view| view["escalated"].is_string()).unwrap();
    let (done, said) = world.resolve(&id, "retry", "the audit trail has no entry").unwrap();
    assert!(done, "{said}");
    let view = world.until(&id, |view| view["status"] == "failed").unwrap();
    let (_, again) = view["reason"].as_str().unwrap().split_once("; proposed again as ").unwrap();
    let seen = world.settled(again).unwrap();
    assert_eq!((&seen["status"], &seen["params"]["user_id"]), (&json!("waiting"), &json!(right)));
    let named = (&seen["edit"]["edited_by"], &seen["edit"]["replaces"]);
    assert_eq!(named, (&json!(["bob"]), &json!(id)), "{seen:#}");
    let (done, said) = world.approve(again, "bob", BOB).unwrap();
    assert!(!done && said.contains("`bob` edited this action"), "{said}");
    let (done, said) = world.approve(again, "carol", CAROL).unwrap();
    assert!(done, "{said}");
    ended(&world, &world.settled(again).unwrap(), "verified", "every expectation holds");
    assert!(is_active(&right));
    assert_eq!(report(&world, again).verdict, Verdict::Verified, "{:#?}", report(&world, again));
}
