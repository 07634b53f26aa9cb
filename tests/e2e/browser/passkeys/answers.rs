//! Answers by passkey on the page of an action.

use deed_test_support::shared::ended;
use deed_tests::services::chromium::keys::ENTER;
use deed_tests::world::{CAROL, World, edit};
use serde_json::Value;

use super::super::scenes::waiting;
use super::super::{Visitor, axe, keyboard, pages};
use super::{bob, carol, focused, laid_out, page, press_button, says, served};

/// Waits until the action has this status, and returns its view.
fn until(world: &World, id: &str, status: &str) -> Value {
    world.until(id, |view| view["status"] == status).unwrap()
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn a_person_approves_with_a_passkey_and_the_keyboard_alone() {
    let world = served();
    let id = waiting(&world);
    let visitor = bob().visits(&world);
    visitor.open(&page(&id));
    visitor.press('a').unwrap();
    assert_eq!(focused(&visitor), "approve");
    assert_eq!(world.show(&id).unwrap()["status"], "waiting", "a letter alone never answers");
    visitor.press(ENTER).unwrap();
    let view = until(&world, &id, "verified");
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(view["approvals"][0]["passkey"], bob().key.id(), "{view:#}");
    visitor.wait_until("document.getElementById('answering') === null").unwrap();
    assert_eq!(visitor.place(), page(&id));
    visitor.is_clean("the answer");
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn the_page_with_the_buttons_has_no_fault_and_no_barrier() {
    let world = served();
    let place = page(&waiting(&world));
    let visitor = bob().visits(&world);
    pages::check(&visitor, &place, axe::source().as_deref());
    visitor.wait_for("#deny:enabled").unwrap();
    keyboard::reaches_all(&visitor, &place);
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn a_denial_needs_a_reason_which_the_record_shows_as_text() {
    let world = served();
    let id = waiting(&world);
    let visitor = carol().visits(&world);
    visitor.open(&page(&id));
    press_button(&visitor, "deny");
    says(&visitor, "said", "Write a reason");
    assert_eq!(world.show(&id).unwrap()["status"], "waiting");
    let reason = "<b>another person's ticket</b> \u{5d0}\u{5d1}";
    assert_eq!(focused(&visitor), "reason");
    visitor.find("#reason").unwrap().write(reason).unwrap();
    press_button(&visitor, "deny");
    until(&world, &id, "denied");
    visitor.wait_until("document.getElementById('answering') === null").unwrap();
    visitor.open(&page(&id));
    assert!(visitor.find("main").unwrap().text().unwrap().contains(reason));
    visitor.is_clean("the denial");
}

/// The person cancels, the device does not verify the person, or it has no such passkey: browsers report them alike.
#[test]
#[ignore = "needs chromium; run `make browser`"]
fn nothing_is_recorded_when_the_device_does_not_sign_and_the_reason_stays() {
    let world = served();
    let id = waiting(&world);
    let (visitor, bob) = (Visitor::of(&world), bob());
    visitor.enter(bob.name, bob.token);
    let authenticator = visitor.authenticator().unwrap();
    visitor.open(&page(&id));
    visitor.find("#reason").unwrap().write("as agreed").unwrap();
    press_button(&visitor, "approve");
    says(&visitor, "said", "Nothing was signed");
    bob.carries(&authenticator);
    authenticator.verifies(false).unwrap();
    press_button(&visitor, "approve");
    // The message is replaced while the browser works, so it is from this attempt.
    says(&visitor, "said", "Nothing was signed");
    assert_eq!(world.show(&id).unwrap()["status"], "waiting");
    authenticator.verifies(true).unwrap();
    press_button(&visitor, "approve");
    let view = until(&world, &id, "verified");
    assert_eq!(view["approvals"][0]["reason"], "as agreed", "{view:#}");
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn a_passkey_works_at_the_address_of_the_host_only() {
    let world = served();
    let id = waiting(&world);
    let mut visitor = bob().visits(&world);
    visitor.origin = visitor.origin.replace("localhost", "127.0.0.1");
    visitor.enter("bob", bob().token);
    visitor.open(&page(&id));
    says(&visitor, "said", "Your passkey works at http://localhost:");
    assert!(!visitor.find("#approve").unwrap().is_enabled().unwrap());
    // The page notices changes although nobody can answer on it.
    assert!(world.answer("deny", &id, "carol", CAROL).unwrap().0);
    says(&visitor, "changed", "has changed");
    assert!(!visitor.find("#approve").unwrap().is_enabled().unwrap());
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn two_people_approve_at_the_same_time() {
    let mut world = laid_out();
    edit(&world.dir, "policies/starter.cedar", "approve:1:", "approve:2:").unwrap();
    world.pin().unwrap();
    world.serve().unwrap();
    let id = waiting(&world);
    let visitors = [bob(), carol()].map(|one| one.visits(&world));
    for visitor in &visitors {
        visitor.open(&page(&id));
        visitor.wait_for("#approve:enabled").unwrap();
    }
    for visitor in &visitors {
        visitor.find("#approve").unwrap().click().unwrap();
    }
    let view = until(&world, &id, "verified");
    let approvals = view["approvals"].as_array().unwrap();
    let mut people: Vec<&str> = approvals.iter().filter_map(|one| one["person"].as_str()).collect();
    people.sort_unstable();
    assert_eq!(people, ["bob", "carol"], "{view:#}");
}
