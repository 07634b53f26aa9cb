//! Tests of equal calls without an idempotency key: an equal call is part of the earlier action until the agent has been
//! told how that action ended.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::thread;

use deed_test_support::issuer::{HELPDESK_CLIENT, Issuer};
use deed_test_support::shared::{locked_out, scim, user};
use deed_tests::layout::hash;
use deed_tests::services::Result;
use deed_tests::wait;
use deed_tests::world::{BOB, HELPDESK, STRANGER, World, edit};
use serde_json::{Value, json};

use super::{ACCEPT, NEW, OLD, READ, RESTORE, arguments, call, request, send, start};

const SECOND: &str = "deed_token-of-a-second-agent-of-acme";

/// Adds another agent for whom the same person is responsible.
fn with_a_second_agent(dir: &Path) -> Result<()> {
    let table = "[tenant.acme.person.alice]\n";
    let agent = format!(
        "[tenant.acme.agent.second]\nperson = \"alice\"\nroles = [\"helpdesk\"]\ntoken = \"{}\"\n\n{table}",
        hash(SECOND)
    );
    edit(dir, "deed.toml", table, &agent)
}

/// The structured result of a call of the helpdesk agent.
fn told(world: &World, tool: &str, given: &Value) -> Value {
    call(world, NEW, tool, given)["structuredContent"].clone()
}

fn id(told: &Value) -> String {
    told["action"].as_str().unwrap().to_owned()
}

/// Proposes an action that waits for an approval, as a new action.
fn waiting(world: &World, given: &Value) -> String {
    let told = told(world, RESTORE, given);
    assert_eq!((&told["status"], &told["joined"]), (&json!("waiting"), &Value::Null), "{told:#}");
    id(&told)
}

/// Checks that a call joins this action, and returns what it is told.
fn joins(world: &World, given: &Value, action: &str) -> Value {
    let told = told(world, RESTORE, given);
    assert_eq!((&told["action"], &told["joined"]), (&json!(action), &json!(action)), "{told:#}");
    told
}

fn count(world: &World) -> usize {
    let listed = world.client(BOB).get("/v1/actions?limit=500").unwrap().json();
    listed["actions"].as_array().unwrap().len()
}

/// Sends a call, and disconnects as soon as its action exists.
fn cut_off(world: &World, given: &Value) {
    let before = count(world);
    let body =
        request(OLD, "tools/call", &json!({"name": RESTORE, "arguments": given})).to_string();
    let authority = world.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(authority).unwrap();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: {authority}\r\nauthorization: Bearer {HELPDESK}\r\n{}: {}\r\n\
         mcp-protocol-version: {OLD}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        ACCEPT.0,
        ACCEPT.1,
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    wait::until("the action exists", || count(world) > before);
}

#[test]
fn a_call_that_was_cut_off_is_repeated_without_a_second_action() {
    let (world, given) = (start(), arguments(&locked_out()));
    cut_off(&world, &given);
    let told = told(&world, RESTORE, &given);
    let action = id(&told);
    assert_eq!((&told["status"], &told["joined"]), (&json!("waiting"), &json!(action)), "{told:#}");
    assert_eq!(count(&world), 1);
    // The action ends while the agent does not ask, so the next equal call reports the end.
    assert!(world.approve(&action, "bob", BOB).unwrap().0);
    assert_eq!(world.settled(&action).unwrap()["status"], "verified");
    assert_eq!(joins(&world, &given, &action)["outcome"], "verified");
    // The user is no longer locked out, so the new action is refused; but it is a new action.
    let next = self::told(&world, RESTORE, &given);
    assert_ne!(next["action"], json!(action), "{next:#}");
    assert_eq!((&next["joined"], &next["outcome"]), (&Value::Null, &json!("denied")), "{next:#}");
    assert_eq!(count(&world), 2);
}

#[test]
fn a_read_whose_end_was_reported_is_read_again() {
    let (world, given) = (start(), arguments(&user("join-read", Some(true))));
    let first = told(&world, READ, &given);
    let second = told(&world, READ, &given);
    assert_ne!(first["action"], second["action"]);
    assert_eq!((&second["outcome"], &second["joined"]), (&json!("verified"), &Value::Null));
    assert_eq!(world.proxy.count("GET"), 2);
}

#[test]
fn any_answer_that_has_the_end_reports_it() {
    let world = start();
    for tool in ["deed_status", "deed_cancel", "deed_list"] {
        let given = arguments(&locked_out());
        let action = waiting(&world, &given);
        // An answer about an open action reports no end.
        told(&world, "deed_status", &json!({"action": action}));
        told(&world, "deed_list", &json!({}));
        joins(&world, &given, &action);
        if tool != "deed_cancel" {
            let cancel = format!("/v1/actions/{action}/cancel");
            assert!(world.client(HELPDESK).post(&cancel, &json!({})).unwrap().status < 300);
        }
        let asked = if tool == "deed_list" { json!({}) } else { json!({"action": action}) };
        told(&world, tool, &asked);
        assert_ne!(waiting(&world, &given), action, "{tool}");
    }
}

#[test]
fn a_call_that_differs_is_another_action() {
    let world = start();
    let given = arguments(&locked_out());
    let action = waiting(&world, &given);
    let with = |name: &str, value: Value| {
        let mut changed = given.clone();
        changed[name] = value;
        changed
    };
    for changed in [
        with("user_id", json!(locked_out())),
        with("intent", json!("the user has lost their phone")),
        with("sources", json!([{"uri": "ticket:4712"}])),
        with("expect", json!({"/user/active": true})),
    ] {
        assert_ne!(waiting(&world, &changed), action, "{changed}");
    }
    joins(&world, &given, &action);
}

#[test]
fn the_order_of_the_arguments_does_not_matter() {
    let (world, user) = (start(), locked_out());
    let action = waiting(&world, &arguments(&user));
    let text = format!(
        "{{\"sources\":[{{\"uri\":\"ticket:4711\"}}],\"user_id\":\"{user}\",\"intent\":{}}}",
        arguments(&user)["intent"]
    );
    joins(&world, &serde_json::from_str(&text).unwrap(), &action);
}

#[test]
fn calls_that_race_are_one_action() {
    let (world, given) = (start(), arguments(&locked_out()));
    let all: Vec<Value> = thread::scope(|scope| {
        let calls: Vec<_> = (0..6).map(|_| scope.spawn(|| told(&world, RESTORE, &given))).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert!(all.iter().all(|told| told["action"] == all[0]["action"]), "{all:#?}");
    assert_eq!(all.iter().filter(|told| told["joined"].is_null()).count(), 1, "{all:#?}");
    assert_eq!(count(&world), 1);
}

#[test]
fn no_agent_joins_the_action_of_another() {
    let world = World::with(scim(), "scim", with_a_second_agent).unwrap();
    let given = arguments(&locked_out());
    let action = waiting(&world, &given);
    let params = json!({"name": RESTORE, "arguments": given});
    for token in [SECOND, STRANGER] {
        let answer = send(&world, token, NEW, "tools/call", &params).json();
        let told = &answer["result"]["structuredContent"];
        assert!(told["action"].is_string() && told["joined"].is_null(), "{answer:#}");
        assert_ne!(told["action"], json!(action));
    }
    joins(&world, &given, &action);
}

#[test]
fn a_key_means_the_same_as_before() {
    let (world, given) = (start(), arguments(&locked_out()));
    let mut keyed = given.clone();
    keyed["idempotency_key"] = json!("call-1");
    let action = waiting(&world, &keyed);
    assert_eq!(
        waiting(&world, &keyed),
        action,
        "the same key is the same action, not a joined one"
    );
    let other = waiting(&world, &given);
    assert_ne!(other, action, "a call without a key does not join one with a key");
    keyed["idempotency_key"] = json!("call-2");
    let third = waiting(&world, &keyed);
    assert!(third != action && third != other, "a new key is a new action");
}

#[test]
fn a_call_that_was_refused_is_proposed_when_it_is_repeated() {
    let tight = "[limits]\nwaiting = { host = 4, tenant = 2, agent = 1 }\n[http]\n";
    let change = |dir: &Path| edit(dir, "deed.toml", "[http]\n", tight);
    let world = World::with(scim(), "scim", change).unwrap();
    let first = waiting(&world, &arguments(&locked_out()));
    let given = arguments(&locked_out());
    for _ in 0..2 {
        let refused = told(&world, RESTORE, &given);
        assert_eq!((&refused["again"], count(&world)), (&json!("later"), 1), "{refused:#}");
    }
    told(&world, "deed_cancel", &json!({"action": first}));
    // An action is shown as ended shortly before it leaves its place.
    let place = "deed_tenant_actions{tenant=\"acme\",state=\"waiting\"}";
    wait::until("the place is free", || world.metric(place).unwrap() == Some(0));
    let action = waiting(&world, &given);
    joins(&world, &given, &action);
}

#[test]
fn a_call_that_is_repeated_after_a_restart_joins_the_open_action() {
    let (mut world, given) = (start(), arguments(&locked_out()));
    let (action, other) = (waiting(&world, &given), waiting(&world, &arguments(&locked_out())));
    world.restart().unwrap();
    joins(&world, &given, &action);
    assert!(![action.clone(), other].contains(&waiting(&world, &arguments(&locked_out()))));
    assert_eq!(count(&world), 3);
    // An end that was reported before or after the restart is reported.
    told(&world, "deed_cancel", &json!({"action": action}));
    world.restart().unwrap();
    assert_ne!(waiting(&world, &given), action);
}

/// Calls a tool with an access token that says for whom the agent acts.
fn told_to(world: &World, issuer: &Issuer, party: &str, given: &Value) -> Value {
    let token = issuer.draft(HELPDESK_CLIENT).claim("sub", party).signed();
    let params = json!({"name": RESTORE, "arguments": given});
    let answer = send(world, &token, NEW, "tools/call", &params).json();
    answer["result"]["structuredContent"].clone()
}

#[test]
fn a_call_joins_only_actions_of_its_own_party() {
    let issuer = Issuer::start();
    let declare = |dir: &Path| issuer.declare(dir, "on_behalf_of = \"sub\"\n");
    let mut world = World::with(scim(), "scim", declare).unwrap();
    let given = arguments(&locked_out());
    let told = |world: &World, party: &str| told_to(world, &issuer, party, &given);
    let [dora, eve] = ["dora", "eve"].map(|party| {
        let first = told(&world, party);
        assert_eq!(
            (&first["status"], &first["joined"]),
            (&json!("waiting"), &Value::Null),
            "{first:#}"
        );
        id(&first)
    });
    assert_ne!(dora, eve);
    assert_eq!(world.show(&eve).unwrap()["on_behalf_of"], "eve");
    for _ in 0..2 {
        assert_eq!(told(&world, "dora")["joined"], json!(dora));
        assert_eq!(told(&world, "eve")["joined"], json!(eve));
        world.restart().unwrap();
    }
    assert_eq!(count(&world), 2);
}

#[test]
fn people_are_pointed_to_the_page_of_a_waiting_action() {
    let (world, given) = (start(), arguments(&locked_out()));
    let told = told(&world, RESTORE, &given);
    let url = format!("{}/actions/{}", world.public_url(), id(&told));
    assert_eq!(told["approve_url"], json!(url), "{told:#}");
    let ended = self::told(&world, "deed_cancel", &json!({"action": id(&told)}));
    assert_eq!(ended["approve_url"], Value::Null, "{ended:#}");
}
