//! Signing in and out with a browser that keeps cookies by its own rules.

use deed_test_support::shared::scim;
use deed_tests::world::{BOB, CAROL, World};

use super::Visitor;
use super::scenes::waiting;

/// Whether a page leads to the form for signing in.
fn asks_to_sign_in(visitor: &Visitor, path: &str) -> bool {
    visitor.open(path);
    visitor.place().starts_with("/sign-in")
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn a_person_signs_in_goes_on_to_the_page_and_signs_out() {
    let world = World::start(scim()).unwrap();
    let id = waiting(&world);
    let visitor = Visitor::of(&world);
    let page = format!("/actions/{id}");
    assert!(asks_to_sign_in(&visitor, &page));
    visitor.submit("bob", "deed_wrong");
    let refusal = visitor.wait_for("[role=alert]").unwrap().text().unwrap();
    assert!(refusal.contains("no person with this name and this token"), "{refusal}");
    let name = visitor.find("#name").unwrap();
    assert_eq!(name.attribute("value").unwrap().as_deref(), Some("bob"), "the name is kept");
    name.clear().unwrap();
    visitor.submit("bob", BOB);
    visitor.wait_for("#asked").unwrap();
    assert_eq!(visitor.place(), page);
    let cookie = visitor.execute("return document.cookie", &serde_json::json!([])).unwrap();
    assert_eq!(cookie, "", "no script can read the cookie");
    visitor.find("form[action='/sign-out'] button").unwrap().click().unwrap();
    visitor.wait_for("#token").unwrap();
    assert!(asks_to_sign_in(&visitor, "/"));
    visitor.is_clean("the session");
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn signing_out_everywhere_ends_the_session_in_another_browser() {
    let world = World::start(scim()).unwrap();
    let [first, second, carol] = [(); 3].map(|()| Visitor::of(&world));
    first.enter("bob", BOB);
    second.enter("bob", BOB);
    carol.enter("carol", CAROL);
    first.find("form[action='/sign-out-everywhere'] button").unwrap().click().unwrap();
    first.wait_for("#token").unwrap();
    assert!(asks_to_sign_in(&second, "/actions"));
    assert!(!asks_to_sign_in(&carol, "/actions"));
}
