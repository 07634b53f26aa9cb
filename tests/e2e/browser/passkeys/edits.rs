//! A person changes an action with the keyboard, another one approves it with a passkey; and a person puts a request off.

use deed_test_support::shared::{ended, is_active, locked_out};
use deed_tests::services::chromium::keys::{ENTER, TAB};
use serde_json::json;

use super::super::Visitor;
use super::super::scenes::waiting;
use super::{bob, carol, focused, page, press_button, says, served};

/// Presses Tab until the element with this id has the focus.
fn tab_to(visitor: &Visitor, id: &str) {
    let reached = (0..40).any(|_| {
        visitor.press(TAB).unwrap();
        focused(visitor) == id
    });
    assert!(reached, "Tab does not reach `{id}`: {}", focused(visitor));
}

/// Presses the key of each character.
fn type_keys(visitor: &Visitor, text: &str) {
    for key in text.chars() {
        visitor.press(key).unwrap();
    }
}

fn opens_edit_form(visitor: &Visitor, id: &str) {
    visitor.open(&page(id));
    let script = "document.querySelector('#answer a[href$=\"/edit\"]').focus()";
    visitor.execute(script, &json!([])).unwrap();
    visitor.press(ENTER).unwrap();
    visitor.wait_for("#param-0").unwrap();
    assert_eq!(visitor.place(), format!("/actions/{id}/edit"));
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn a_person_changes_an_action_with_the_keyboard_and_another_one_approves_it() {
    let world = served();
    let (old, right) = (waiting(&world), locked_out());
    let bob = bob().visits(&world);
    opens_edit_form(&bob, &old);
    // Tab selects the whole text of a field, so that the next key replaces it.
    tab_to(&bob, "param-0");
    type_keys(&bob, &right);
    tab_to(&bob, "intent");
    type_keys(&bob, "the ticket names another user");
    tab_to(&bob, "sources");
    type_keys(&bob, "ticket:4712");
    bob.press(TAB).unwrap();
    bob.press(ENTER).unwrap();
    bob.wait_for("#asked").unwrap();
    let new = bob.place().replace("/actions/", "");
    assert_ne!(new, old);
    says(&bob, "answer", "`bob` edited this action, and who edits an action cannot approve it");
    assert!(bob.find_all("#approve").unwrap().is_empty());
    // The pages of both actions lead to each other.
    bob.find(&format!("#asked a[href='/actions/{old}']")).unwrap().click().unwrap();
    bob.wait_for(&format!("#asked a[href='/actions/{new}']")).unwrap();
    bob.is_clean("the form");
    let carol = carol().visits(&world);
    carol.open(&page(&new));
    says(&carol, "asked", "bob");
    press_button(&carol, "approve");
    let view = world.until(&new, |view| view["status"] == "verified").unwrap();
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(view["params"]["user_id"], right.as_str());
    assert_eq!(view["intent"], "the ticket names another user");
    assert!(is_active(&right));
    ended(&world, &world.settled(&old).unwrap(), "denied", &format!("replaced by {new}"));
    carol.is_clean("the answer");
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn a_person_puts_a_request_off_finds_it_and_answers_it() {
    let world = served();
    let id = waiting(&world);
    let visitor = bob().visits(&world);
    visitor.open(&page(&id));
    visitor.find("details:has(#until) > summary").unwrap().click().unwrap();
    visitor.find("#until option:last-child").unwrap().click().unwrap();
    let reason = "I wait for <b>the owner</b>";
    visitor.find("#deferral-reason").unwrap().write(reason).unwrap();
    visitor.find("form[action$='/deferral'] button").unwrap().click().unwrap();
    says(&visitor, "asked", reason);
    visitor.open("/");
    let link = format!("a[href='{}']", page(&id));
    assert!(visitor.find_all(&format!("#mine {link}")).unwrap().is_empty());
    visitor.find(&format!("#put-off {link}")).unwrap().click().unwrap();
    visitor.wait_for("#asked").unwrap();
    press_button(&visitor, "approve");
    let view = world.until(&id, |view| view["status"] == "verified").unwrap();
    ended(&world, &view, "verified", "every expectation holds");
    visitor.is_clean("the deferral");
}
