//! The form that changes an action, when it is refused, and without scripts. The sweeps over all pages visit it too.

use deed_test_support::shared::{locked_out, scim};
use deed_tests::services::chromium::PHONE;
use deed_tests::world::{BOB, World};
use serde_json::{Value, json};

use super::scenes::waiting;
use super::{Visitor, axe};

/// Fills the form, in place of what it has.
fn fill(visitor: &Visitor, user: &str, intent: &str) {
    for (field, text) in [("#param-0", user), ("#intent", intent), ("#sources", "ticket:4712")] {
        let field = visitor.wait_for(field).unwrap();
        field.clear().unwrap();
        field.write(text).unwrap();
    }
    visitor.find("form[action$='/edit'] button").unwrap().click().unwrap();
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn a_refused_form_has_no_barrier_and_keeps_what_was_typed() {
    let world = World::start(scim()).unwrap();
    let (id, visitor) = (waiting(&world), Visitor::bob(&world));
    visitor.size(PHONE).unwrap();
    visitor.open(&format!("/actions/{id}/edit"));
    let typed = "<b>nobody</b>";
    fill(&visitor, typed, "as agreed");
    visitor.wait_for("[role=alert] a[href='#param-0']").unwrap();
    assert_eq!(visitor.overflow().unwrap(), 0);
    let broken = axe::source().map(|axe| axe::broken(&visitor, &axe)).unwrap_or_default();
    assert!(broken.is_empty(), "{broken:#?}");
    let field = visitor.find("#param-0").unwrap();
    assert_eq!(field.attribute("value").unwrap().as_deref(), Some(typed));
    assert_eq!(field.attribute("aria-invalid").unwrap().as_deref(), Some("true"));
    let described = "return document.activeElement.getAttribute('aria-describedby').split(' ')
        .map(id => document.getElementById(id).textContent).join(' ')";
    visitor.find("[role=alert] a[href='#param-0']").unwrap().click().unwrap();
    visitor.execute("document.querySelector(location.hash).focus()", &json!([])).unwrap();
    let said = visitor.execute(described, &json!([])).unwrap();
    assert!(said.as_str().unwrap().contains("Error: does not match the pattern"), "{said}");
    let kept = visitor.execute("return document.getElementById('intent').value", &json!([]));
    assert_eq!(kept.unwrap(), Value::from("as agreed"));
    visitor.is_clean("the refusal");
    fill(&visitor, &locked_out(), "as agreed");
    visitor.wait_for("#asked").unwrap();
    assert_ne!(visitor.place(), format!("/actions/{id}"));
    assert_eq!(world.settled(&id).unwrap()["status"], "denied");
}

#[test]
#[ignore = "needs chromium; run `make browser`"]
fn an_action_is_changed_without_scripts() {
    let world = World::start(scim()).unwrap();
    let (id, right) = (waiting(&world), locked_out());
    let visitor = Visitor::of(&world);
    visitor.scripts(false).unwrap();
    visitor.enter("bob", BOB);
    visitor.open(&format!("/actions/{id}"));
    visitor.find("#answer a[href$='/edit']").unwrap().click().unwrap();
    fill(&visitor, &right, "another user");
    visitor.wait_for("#asked").unwrap();
    let new = visitor.place().replace("/actions/", "");
    let view = world.show(&new).unwrap();
    assert_eq!((&view["status"], &view["edit"]["replaces"]), (&json!("waiting"), &json!(id)));
    assert_eq!(view["params"]["user_id"], right.as_str());
}
