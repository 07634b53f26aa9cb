//! The events `action.waiting` and `action.ended`: each is reported once, and says what is in the records.

use std::collections::BTreeMap;

use deed_test_support::shared::{locked_out, scim};
use deed_tests::proxy::Fault;
use deed_tests::receiver::Receiver;
use deed_tests::world::{BOB, World};
use serde_json::{Value, json};

use super::{EVERY, RESTORE, cancel, read, reporting, waiting};

/// Runs an approved write whose answer has this fault, and returns the id of the action.
fn faulty(world: &World, fault: Fault) -> String {
    world.proxy.set("PATCH", fault);
    let view = world.run(&World::proposal(RESTORE, &locked_out())).unwrap();
    world.proxy.set("PATCH", Fault::None);
    view["id"].as_str().unwrap().to_owned()
}

/// Makes a dry run, and returns the id of the action.
fn rehearsed(world: &World) -> String {
    let mut proposal = World::proposal(RESTORE, &locked_out());
    proposal["dry_run"] = json!(true);
    world.propose(&proposal).unwrap().text("/id")
}

#[test]
fn each_end_is_reported_once_with_its_outcome() {
    let receiver = Receiver::start().unwrap();
    let world = reporting(&receiver, EVERY);
    let denied = waiting(&world);
    assert!(world.answer("deny", &denied, "bob", BOB).unwrap().0);
    let cancelled = waiting(&world);
    cancel(&world, &cancelled);
    let ends = BTreeMap::from([
        ("verified", read(&world)),
        ("failed", faulty(&world, Fault::Refuse { status: 403 })),
        ("mismatch", faulty(&world, Fault::Lie2xx)),
        ("denied", denied),
        ("cancelled", cancelled),
        ("rehearsed", rehearsed(&world)),
    ]);
    for (outcome, id) in &ends {
        let ended = receiver.event("action.ended", id);
        let view = world.settled(id).unwrap();
        assert_eq!(view["outcome"], *outcome, "{view:#}");
        assert_eq!(ended.id(), format!("{id}_ended"));
        let data = &ended.json()["data"];
        assert_eq!(data["outcome"], *outcome);
        assert_eq!(data["receipt_sha256"], view["receipt"]["payload_sha256"], "{view:#}");
        assert_eq!((&data["tenant"], &data["agent"]), (&json!("acme"), &json!("helpdesk")));
        assert_eq!((&data["contract"], &data["resource"]), (&view["contract"], &view["resource"]));
    }
    // Messages arrive in their order, so after this one no repetition of the earlier ones can follow.
    receiver.event("action.ended", &read(&world));
    for id in ends.values() {
        assert_eq!(receiver.of("action.ended", id).len(), 1, "{:#?}", receiver.deliveries());
        assert!(receiver.of("action.indeterminate", id).is_empty());
    }
}

#[test]
fn each_request_for_approval_is_reported_with_what_people_have_to_do() {
    let receiver = Receiver::start().unwrap();
    let world = reporting(&receiver, "");
    let user = scim().create_user("hook@example.com", Some(false)).unwrap();
    let id = world.propose(&World::proposal(RESTORE, &user)).unwrap().text("/id");
    let first = receiver.event("action.waiting", &id);
    assert_eq!(first.id(), format!("{id}_waiting_1"));
    let data = first.json()["data"].clone();
    assert_eq!(data["obligations"], json!(["approve:1:support-lead"]));
    assert_eq!(data["approve_url"], Value::Null, "people have no page");
    let expires = data["expires"].as_str().unwrap();
    assert_eq!(super::expiring::ms(expires), world.show(&id).unwrap()["expires_ms"]);
    for word in ["hook@example.com", "locked out", "ticket:4711", "user_id"] {
        assert!(!first.body.contains(word), "`{word}` leaves by the webhook: {}", first.body);
    }
    // The state changes, so the approval is void, and people are asked again.
    let change = json!([{"op": "replace", "path": "displayName", "value": "another name"}]);
    scim().patch(&user, &change).unwrap();
    world.approve(&id, "bob", BOB).unwrap();
    let told = receiver.wait_for(2);
    assert!(told[1].is("action.waiting", &id), "{told:#?}");
    assert_eq!(told[1].id(), format!("{id}_waiting_2"));
}

#[test]
fn operators_are_not_told_of_ends_by_default() {
    let receiver = Receiver::start().unwrap();
    let world = reporting(&receiver, "");
    read(&world);
    let id = waiting(&world);
    receiver.event("action.waiting", &id);
    assert_eq!(receiver.deliveries().len(), 1, "{:#?}", receiver.deliveries());
}
