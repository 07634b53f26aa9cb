//! What happens while the page of an action is open: other people answer, the request expires, the session ends.

use std::fs;

use deed_tests::world::{CAROL, edit};
use serde_json::json;

use super::super::Visitor;
use super::super::scenes::waiting;
use super::{bob, laid_out, page, press_button, says, served};

/// Where the buttons are on the page. A notice must not move them under the pointer.
fn buttons(visitor: &Visitor) -> f64 {
    let script = "return document.getElementById('deny').getBoundingClientRect().top + scrollY";
    visitor.execute(script, &json!([])).unwrap().as_f64().unwrap()
}

fn is_closed(visitor: &Visitor) {
    for id in ["#approve", "#deny"] {
        assert!(!visitor.find(id).unwrap().is_enabled().unwrap(), "{id}");
    }
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn an_answer_to_an_action_that_another_person_has_denied_is_refused() {
    let world = served();
    let id = waiting(&world);
    let visitor = bob().visits(&world);
    visitor.open(&page(&id));
    visitor.wait_for("#approve:enabled").unwrap();
    let before = buttons(&visitor);
    assert!(world.answer("deny", &id, "carol", CAROL).unwrap().0);
    world.settled(&id).unwrap();
    visitor.find("#approve").unwrap().click().unwrap();
    // The page may have asked the host at the same moment.
    let refused = "document.getElementById('said').textContent.includes('Not recorded')";
    let noticed = "document.getElementById('changed').textContent !== ''";
    visitor.wait_until(&format!("{refused} || {noticed}")).unwrap();
    says(&visitor, "changed", "has changed");
    is_closed(&visitor);
    assert!((buttons(&visitor) - before).abs() < 1.0, "nothing moves");
    visitor.find("#changed a").unwrap().click().unwrap();
    visitor.wait_until("document.getElementById('answering') === null").unwrap();
    assert_eq!(world.show(&id).unwrap()["status"], "denied");
    visitor.is_clean("the page");
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn a_page_says_that_its_request_has_expired() {
    let mut world = laid_out();
    edit(&world.dir, "deed.toml", "expires = \"1h\"", "expires = \"10m\"").unwrap();
    let clock = world.dir.join("clock");
    world.serve_with(&[("DEED_TEST_CLOCK", clock.to_str().unwrap())]).unwrap();
    let id = waiting(&world);
    let visitor = bob().visits(&world);
    visitor.open(&page(&id));
    says(&visitor, "left", "min.");
    let draft = clock.with_extension("draft");
    // The session, which ends after 30 minutes, is still there.
    fs::write(&draft, (11 * 60_000).to_string()).unwrap();
    fs::rename(draft, &clock).unwrap();
    world.until(&id, |view| view["status"] == "expired").unwrap();
    says(&visitor, "changed", "has changed");
    is_closed(&visitor);
    visitor.is_clean("the page");
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn a_person_whose_session_is_over_signs_in_and_answers() {
    let world = served();
    let id = waiting(&world);
    let (visitor, bob) = (bob().visits(&world), bob());
    visitor.open(&page(&id));
    visitor.forget_cookies().unwrap();
    press_button(&visitor, "approve");
    let link = "#said a[href^='/sign-in'], #changed a[href^='/sign-in']";
    visitor.wait_for(link).unwrap().click().unwrap();
    visitor.wait_for("#token").unwrap();
    assert_eq!(world.show(&id).unwrap()["status"], "waiting");
    visitor.submit(bob.name, bob.token);
    press_button(&visitor, "approve");
    world.until(&id, |view| view["status"] == "verified").unwrap();
    visitor.is_clean("the page");
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn signing_out_everywhere_closes_a_page_in_another_browser() {
    let world = served();
    let id = waiting(&world);
    let [first, second] = [(); 2].map(|()| bob().visits(&world));
    first.open(&page(&id));
    first.wait_for("#approve:enabled").unwrap();
    second.find("form[action='/sign-out-everywhere'] button").unwrap().click().unwrap();
    second.wait_for("#token").unwrap();
    says(&first, "changed", "Your session is over");
    is_closed(&first);
    first.is_clean("the page");
}
