//! Tests of proposals that are written in an unusual way: members in another order, and texts with characters that hide
//! or reorder other text.

use deed_test_support::shared::{scim, user};
use deed_tests::client::Answer;
use deed_tests::world::{BOB, HELPDESK, World};
use serde_json::json;

/// Sends a proposal as it is written, with an idempotency key.
fn sent(world: &World, body: String) -> Answer {
    let headers = [("idempotency-key", "k1"), ("prefer", "wait=60")];
    world.client(HELPDESK).send("POST", "/v1/actions", &headers, body.into_bytes()).unwrap()
}

#[test]
fn a_body_in_another_member_order_is_the_same_body() {
    let (world, user) = (World::start(scim()).unwrap(), user("member-order", Some(true)));
    let head = format!("\"contract\":\"idp.read_user\",\"params\":{{\"user_id\":\"{user}\"}}");
    let tail = "\"intent\":\"is the user active\",\"sources\":[{\"uri\":\"ticket:4711\"}]";
    let first = sent(&world, format!("{{{head},{tail}}}"));
    let again = sent(&world, format!("{{ {tail}, {head} }}"));
    assert_eq!((first.status, again.status), (200, 200), "{}", again.json());
    assert_eq!(again.text("/id"), first.text("/id"));
    assert_eq!(world.proxy.count("GET"), 1, "the second call ran nothing");
}

/// The host records a deceptive intent unchanged. Approvers see its hidden characters in a visible form.
#[test]
fn a_deceptive_intent_is_recorded_and_shown_in_a_visible_form() {
    let (world, user) = (World::start(scim()).unwrap(), user("deceptive", Some(false)));
    for (intent, shown) in [
        ("let \u{202e}them in \u{1f600}", "let \\u{202e}them in \u{1f600}"),
        ("re\u{200b}store", "re\\u{200b}store"),
    ] {
        let mut body = World::proposal("idp.restore_access", &user);
        body["intent"] = json!(intent);
        let id = world.propose(&body).unwrap().text("/id");
        assert_eq!(world.show(&id).unwrap()["intent"], intent, "JSON keeps the true value");
        let (done, said) = world.answer("deny", &id, "bob", BOB).unwrap();
        assert!(done && said.contains(shown), "{said}");
        assert!(!said.contains(['\u{202e}', '\u{200b}']), "{}", said.escape_debug());
    }
}
