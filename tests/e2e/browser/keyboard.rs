//! People who use only a keyboard.

use deed_tests::services::chromium::keys::{ENTER, TAB};
use serde_json::{Value, json};

use super::{Visitor, scenes};

/// The elements that a person can use, in the order of the document.
const STOPS: &str = "[...document.querySelectorAll(
    'a[href], button, input:not([type=hidden]), select, textarea, summary'
)].filter(one => !one.disabled && one.checkVisibility())";

/// The number of stops.
fn stops(visitor: &Visitor) -> usize {
    let count = visitor.execute(&format!("return {STOPS}.length"), &json!([])).unwrap();
    usize::try_from(count.as_u64().unwrap()).unwrap()
}

/// The place of the element with the focus among the stops; `None` if another element has it. Fails unless the focus can
/// be seen. A part that the browser adds to a field, such as the button of a calendar, has the outline of the browser.
fn focus(visitor: &Visitor, path: &str) -> Option<usize> {
    let script = format!(
        "const one = document.activeElement;
        const style = getComputedStyle(one);
        const seen = !one.matches(':focus')
            || style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
        return [{STOPS}.indexOf(one), seen, one.outerHTML.slice(0, 200)]"
    );
    let said = visitor.execute(&script, &json!([])).unwrap();
    let place = said[0].as_u64()?;
    assert_eq!(said[1], Value::Bool(true), "{path}: the focus cannot be seen: {said}");
    usize::try_from(place).ok()
}

/// Checks that Tab reaches everything that a person can use on a page, in the order of the document.
pub(super) fn reaches_all(visitor: &Visitor, path: &str) {
    visitor.open(path);
    visitor.open_all().unwrap();
    let count = stops(visitor);
    assert!(count > 7, "{path} has links");
    let mut reached = Vec::new();
    // A field that has several parts takes more than one key.
    for _ in 0..count + 8 {
        visitor.press(TAB).unwrap();
        let place = focus(visitor, path);
        if place.is_some() && reached.last() != place.as_ref() {
            reached.extend(place);
        }
        if reached.len() == count {
            break;
        }
    }
    assert_eq!(reached, (0..count).collect::<Vec<_>>(), "{path}");
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn tab_reaches_every_link_and_every_button_in_order() {
    let scene = scenes::typical();
    let visitor = Visitor::bob(&scene.world);
    for path in scene.pages() {
        reaches_all(&visitor, &path);
    }
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn the_first_link_skips_the_navigation() {
    let scene = scenes::typical();
    let visitor = Visitor::bob(&scene.world);
    visitor.open("/");
    visitor.press(TAB).unwrap();
    let script = "return document.activeElement.getBoundingClientRect().left";
    assert!(visitor.execute(script, &json!([])).unwrap().as_f64().unwrap() >= 0.0);
    visitor.press(ENTER).unwrap();
    visitor.wait_until("location.hash === '#main'").unwrap();
    visitor.press(TAB).unwrap();
    let script = "return document.querySelector('main').contains(document.activeElement)";
    assert_eq!(visitor.execute(script, &json!([])).unwrap(), Value::Bool(true));
}

/// The address to which the element with the focus leads.
fn target(visitor: &Visitor) -> String {
    let script = "return document.activeElement.getAttribute('href') ?? ''";
    visitor.execute(script, &json!([])).unwrap().as_str().unwrap().to_owned()
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn j_and_k_move_through_the_inbox_and_enter_opens_an_action() {
    let scene = scenes::typical();
    let visitor = Visitor::bob(&scene.world);
    let [first, .., last] = scene.actions.as_slice() else { unreachable!("there are actions") };
    let [first, last] = [first, last].map(|id| format!("/actions/{id}"));
    visitor.open("/");
    for (key, wanted) in [('j', &first), ('j', &last), ('k', &first), ('k', &first)] {
        visitor.press(key).unwrap();
        assert_eq!(&target(&visitor), wanted, "after {key}");
        focus(&visitor, "/");
    }
    visitor.press(ENTER).unwrap();
    visitor.wait_for("#asked").unwrap();
    assert_eq!(visitor.place(), first);
    visitor.is_clean("the inbox");
}
