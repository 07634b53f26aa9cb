//! Tests with a program in place of a language model. The program reads only the structured fields of results and
//! refusals, never their texts, and sends only what these fields name. It shows that the fields suffice to correct a
//! call, to wait, and to report the end. No test asks a language model.

mod call;
mod pressure;
mod program;
mod value;

use std::path::Path;
use std::thread;

use deed_test_support::shared::{declare, fresh_name, is_active, locked_out, scim, user};
use deed_tests::proxy::Fault;
use deed_tests::services::Result;
use deed_tests::wait;
use deed_tests::world::{BOB, World, edit};
use serde_json::{Value, json};

use self::program::{Course, Program};

const INTENT: &str = "the user is locked out and has shown who they are";

/// The contracts of the SCIM directory. A display name is one of two.
fn change(dir: &Path) -> Result<()> {
    declare(dir)?;
    let any = "properties.display_name = { type = \"string\", maxLength = 100 }";
    let two = "properties.display_name = { type = \"string\", enum = [\"Desk 1\", \"Desk 2\"] }";
    edit(dir, "contracts/scim_replace_user.toml", any, two)
}

fn start() -> World {
    World::with(scim(), "scim", change).unwrap()
}

/// What the program knows from its task.
fn facts(more: &Value) -> Value {
    let mut facts = json!({"intent": INTENT, "uri": "ticket:4711", "idempotency_key": "task-1"});
    facts.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    facts
}

/// Runs the program, while bob approves the action if `waits` is set.
fn carried(world: &World, facts: Value, tool: &str, arguments: &Value, waits: bool) -> Course {
    thread::scope(|scope| {
        let carrying = scope.spawn(|| Program::new(world, facts).carry(tool, arguments));
        if waits {
            approve(world);
        }
        carrying.join().unwrap()
    })
}

/// Approves the action that waits, as a person with the real command.
fn approve(world: &World) {
    let listed = || world.client(BOB).get("/v1/actions?status=waiting").unwrap().json();
    let id = wait::answer(
        "an action waits for a person",
        || listed()["actions"][0]["id"].as_str().map(str::to_owned),
        Option::is_some,
    );
    let (done, said) = world.approve(&id.unwrap(), "bob", BOB).unwrap();
    assert!(done, "{said}");
}

#[test]
fn required_arguments_that_are_missing_are_added_and_a_person_approves() {
    let (world, user) = (start(), locked_out());
    let facts = facts(&json!({"user_id": user}));
    let course = carried(&world, facts, "idp_restore_access", &json!({}), true);
    assert_eq!(course.corrected, ["/intent", "/sources", "/user_id"], "{course:#?}");
    assert_eq!((course.status(), course.polls > 0), ("verified", true), "{course:#?}");
    assert!(is_active(&user));
}

#[test]
fn a_text_off_its_pattern_and_a_missing_key_are_corrected_and_the_outputs_are_reported() {
    let (world, name) = (start(), fresh_name());
    let facts = facts(&json!({"user_name": name}));
    let wrong = json!({"user_name": "two words", "intent": INTENT});
    let course = carried(&world, facts, "scim_enroll_user", &wrong, true);
    assert_eq!(course.corrected, ["/idempotency_key", "/user_name"], "{course:#?}");
    assert_eq!(course.status(), "verified", "{course:#?}");
    let users = scim().users_named(&name).unwrap();
    assert_eq!(course.end["outputs"]["user"], users[0]["id"], "{course:#?}");
}

#[test]
fn a_value_off_its_list_is_replaced_and_an_argument_that_does_not_exist_is_left_out() {
    let (world, user) = (start(), user("model-rename", Some(true)));
    let wrong = json!({
        "user_id": user,
        "display_name": "Desk 9",
        "environment": "staging",
        "intent": INTENT,
        "sources": [{"uri": "ticket:4711", "title": "access"}],
    });
    let course = carried(&world, facts(&json!({})), "scim_replace_user", &wrong, true);
    let places = ["/display_name", "/environment", "/sources/0/title"];
    assert_eq!(course.corrected, places, "{course:#?}");
    assert_eq!(course.status(), "verified", "{course:#?}");
    assert_eq!(scim().get_user(&user).unwrap()["displayName"], "Desk 1");
}

#[test]
fn an_id_off_its_pattern_is_corrected_and_the_result_is_reported() {
    let (world, user) = (start(), user("model-read", Some(true)));
    let facts = facts(&json!({"user_id": user}));
    let wrong = json!({"user_id": "../1", "intent": INTENT});
    let course = carried(&world, facts, "idp_read_user", &wrong, false);
    assert_eq!((&course.corrected[..], course.polls), (&["/user_id".to_owned()][..], 0));
    assert_eq!(course.status(), "verified", "{course:#?}");
    assert_eq!(course.end["result"]["user"]["id"], json!(user), "{course:#?}");
}

/// The program has not seen the schema of the contract, which is in no list with many contracts.
#[test]
fn a_refusal_of_deed_propose_has_the_schemas_of_the_arguments() {
    let (world, user) = (start(), user("model-propose", Some(true)));
    let facts = facts(&json!({"user_id": user}));
    let wrong = json!({"contract": "idp.read_user", "arguments": {"user": user}});
    let course = carried(&world, facts, "deed_propose", &wrong, false);
    let places = ["/arguments/intent", "/arguments/user", "/arguments/user_id"];
    assert_eq!(course.corrected, places, "{course:#?}");
    assert_eq!(course.status(), "verified", "{course:#?}");
}

#[test]
fn a_call_without_room_is_repeated_after_the_time_that_the_refusal_names() {
    let few = "[limits]\nunder_way = { host = 4, tenant = 2, agent = 1 }\n\n[http]\n";
    let world = World::with(scim(), "scim", |dir| edit(dir, "deed.toml", "[http]\n", few)).unwrap();
    let (first, second) = (user("model-first", Some(true)), user("model-second", Some(true)));
    let read = |user: &str| json!({"user_id": user, "intent": INTENT});
    world.proxy.set("GET", Fault::Delay { ms: 1500 });
    thread::scope(|scope| {
        let busy = scope.spawn(|| {
            Program::new(&world, facts(&json!({}))).carry("idp_read_user", &read(&first))
        });
        wait::until("the first action reads", || world.proxy.count("GET") > 0);
        let course = Program::new(&world, facts(&json!({}))).carry("idp_read_user", &read(&second));
        assert!(course.repeated > 0, "{course:#?}");
        assert_eq!(course.status(), "verified", "{course:#?}");
        assert_eq!(busy.join().unwrap().status(), "verified");
    });
}
