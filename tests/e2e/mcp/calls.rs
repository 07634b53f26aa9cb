//! Tests of calls: an action from the proposal to its receipt, and refusals that a model can read.

use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_test_support::shared::{is_active, locked_out, scim, user};
use deed_tests::world::{BOB, HELPDESK, STRANGER, World, edit};
use serde_json::{Value, json};

use super::{BOTH, NEW, OLD, READ, RESTORE, arguments, call, result, send, start};

fn id(result: &Value) -> String {
    result["structuredContent"]["action"].as_str().unwrap().to_owned()
}

/// Proposes an action that waits for an approval; returns its id.
fn waiting(world: &World, user: &str) -> String {
    let result = call(world, NEW, RESTORE, &arguments(user));
    assert_eq!(result["structuredContent"]["status"], "waiting", "{result:#}");
    id(&result)
}

#[test]
fn a_read_ends_verified_with_its_state_and_its_receipt() {
    let (world, user) = (start(), user("mcp-read", Some(true)));
    for revision in BOTH {
        let result = call(&world, revision, READ, &arguments(&user));
        assert_eq!(result["isError"], false, "{result:#}");
        let structured = &result["structuredContent"];
        assert_eq!(structured["outcome"], "verified", "{result:#}");
        assert_eq!(structured["result"]["user"]["active"], true, "{result:#}");
        let link = &result["content"][1];
        assert_eq!(
            (&link["type"], &link["uri"]),
            (&json!("resource_link"), &structured["receipt"])
        );
        let params = json!({"uri": link["uri"]});
        let read = super::result(&world, revision, "resources/read", &params);
        let envelope: Value =
            serde_json::from_str(read["contents"][0]["text"].as_str().unwrap()).unwrap();
        let statement = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
        let statement: Value = serde_json::from_slice(&statement).unwrap();
        assert_eq!(statement["predicate"]["outcome"], "verified", "{statement:#}");
        // The list shows the same resource, and the other agent sees neither.
        let listed = super::result(&world, revision, "resources/list", &json!({}));
        assert_eq!(listed["resources"][0]["uri"], link["uri"], "{listed:#}");
        let foreign = send(&world, STRANGER, revision, "resources/read", &params);
        assert!(foreign.json()["error"]["code"].is_i64(), "{foreign:?}");
    }
}

#[test]
fn an_action_waits_for_a_person_and_the_status_tells_the_end() {
    let (world, user) = (start(), locked_out());
    let result = call(&world, OLD, RESTORE, &arguments(&user));
    let structured = &result["structuredContent"];
    assert_eq!(structured["status"], "waiting", "{result:#}");
    assert_eq!(structured["waits_for"], json!(["approve:1:support-lead"]), "{result:#}");
    assert_eq!(structured["policies"], json!(["restore-needs-lead"]), "{result:#}");
    assert!(structured["poll_after_ms"].is_u64() && result["isError"] == false, "{result:#}");
    let id = id(&result);
    // The status waits for the person.
    let asked = json!({"action": id, "wait_s": 20});
    let ended = thread::scope(|scope| {
        let asking = scope.spawn(|| call(&world, NEW, "deed_status", &asked));
        thread::sleep(Duration::from_secs(1));
        assert!(!asking.is_finished(), "the status waits");
        let (done, said) = world.approve(&id, "bob", BOB).unwrap();
        assert!(done, "{said}");
        asking.join().unwrap()
    });
    assert_eq!(ended["structuredContent"]["outcome"], "verified", "{ended:#}");
    assert!(is_active(&user));
    let bundle = json!({"uri": format!("deed://actions/{id}/bundle")});
    let read = super::result(&world, NEW, "resources/read", &bundle);
    let bytes = STANDARD.decode(read["contents"][0]["blob"].as_str().unwrap()).unwrap();
    assert_eq!(bytes, world.client(HELPDESK).bundle(&id).unwrap());
}

/// Policy permits the action, and the state is not the one that the contract requires.
#[test]
fn a_denial_by_a_precondition_names_no_policy() {
    let (world, user) = (start(), user("mcp-active", Some(true)));
    let denied = call(&world, NEW, RESTORE, &arguments(&user));
    let structured = &denied["structuredContent"];
    assert_eq!(structured["outcome"], "denied", "{denied:#}");
    assert!(structured["why"].as_str().unwrap().contains("precondition"), "{denied:#}");
    assert!(structured.get("policies").is_none(), "{denied:#}");
}

#[test]
fn a_status_without_a_wait_answers_at_once() {
    let (world, user) = (start(), locked_out());
    let id = waiting(&world, &user);
    let begun = Instant::now();
    let shown = call(&world, NEW, "deed_status", &json!({"action": id}));
    assert_eq!(shown["structuredContent"]["status"], "waiting", "{shown:#}");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_repeated_call_with_the_same_key_is_the_same_action() {
    let (world, user) = (start(), user("mcp-key", Some(true)));
    let mut keyed = arguments(&user);
    keyed["idempotency_key"] = json!("call-1");
    let first = call(&world, NEW, READ, &keyed);
    assert_eq!(id(&call(&world, OLD, READ, &keyed)), id(&first));
    let meta = json!({"idempotency_key": "call-1"});
    let params = json!({"name": READ, "arguments": arguments(&user), "_meta": meta});
    assert_eq!(id(&result(&world, OLD, "tools/call", &params)), id(&first));
    assert_eq!(world.proxy.count("GET"), 1, "the second call ran nothing");
    keyed["intent"] = json!("something else");
    let refused = call(&world, NEW, READ, &keyed);
    let structured = &refused["structuredContent"];
    assert_eq!((&refused["isError"], &structured["again"]), (&json!(true), &json!("depends")));
    assert!(structured["why"].as_str().unwrap().contains("use a new key"), "{refused:#}");
}

#[test]
fn a_tool_whose_repetition_would_have_an_effect_needs_a_key() {
    let change = |dir: &std::path::Path| {
        edit(dir, "contracts/restore_access.toml", "verb     = \"update\"", "verb     = \"call\"")
    };
    let world = World::with(scim(), "scim", change).unwrap();
    let mut given = arguments(&locked_out());
    let refused = call(&world, NEW, RESTORE, &given);
    let errors = &refused["structuredContent"]["errors"];
    assert_eq!(errors[0]["pointer"], "/idempotency_key", "{refused:#}");
    given["idempotency_key"] = json!("once");
    let taken = call(&world, NEW, RESTORE, &given);
    assert_eq!(taken["structuredContent"]["status"], "waiting", "{taken:#}");
}

#[test]
fn a_refusal_points_at_the_wrong_argument_and_starts_nothing() {
    let (world, user) = (start(), user("mcp-wrong", Some(true)));
    let good = arguments(&user);
    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        changed
    };
    let mut without = good.clone();
    without.as_object_mut().unwrap().remove("intent");
    for (given, pointer) in [
        (with("user_id", json!("../1")), "/user_id"),
        (with("user_id", json!(7)), "/user_id"),
        (with("colour", json!("red")), "/colour"),
        (with("sources", json!([{"uri": 1}])), "/sources/0/uri"),
        (with("idempotency_key", json!(1)), "/idempotency_key"),
        (without, "/intent"),
    ] {
        let refused = call(&world, NEW, READ, &given);
        let structured = &refused["structuredContent"];
        assert_eq!(
            (&refused["isError"], &structured["again"]),
            (&json!(true), &json!("corrected"))
        );
        assert_eq!(structured["errors"][0]["pointer"], pointer, "{refused:#}");
    }
    for given in [json!({"action": 1}), json!({}), json!({"action": "act_1", "wait": 1})] {
        let refused = call(&world, NEW, "deed_status", &given);
        assert_eq!(refused["structuredContent"]["again"], "corrected", "{refused:#}");
    }
    assert!(world.proxy.requests().is_empty());
    assert_eq!(
        call(&world, NEW, "deed_list", &json!({}))["structuredContent"]["actions"],
        json!([])
    );
}

#[test]
fn a_denied_action_is_an_error_that_names_its_reason() {
    let (world, user) = (start(), user("mcp-denied", Some(true)));
    // The precondition of the contract does not hold, because the user is active.
    let denied = call(&world, NEW, RESTORE, &arguments(&user));
    let structured = &denied["structuredContent"];
    assert_eq!((&denied["isError"], &structured["outcome"]), (&json!(true), &json!("denied")));
    assert!(!structured["why"].as_str().unwrap().is_empty(), "{denied:#}");
}

#[test]
fn an_agent_lists_and_cancels_its_own_actions_only() {
    let (world, user) = (start(), locked_out());
    let id = waiting(&world, &user);
    let listed = call(&world, NEW, "deed_list", &json!({"status": "waiting"}));
    assert_eq!(listed["structuredContent"]["actions"][0]["id"], json!(id), "{listed:#}");
    let foreign = |tool: &str| {
        let params = json!({"name": tool, "arguments": {"action": id}});
        let answer = send(&world, STRANGER, NEW, "tools/call", &params);
        answer.json()["result"]["structuredContent"].clone()
    };
    for tool in ["deed_status", "deed_cancel"] {
        assert_eq!(foreign(tool)["refused"], "not found", "{tool}");
    }
    let cancelled = call(&world, NEW, "deed_cancel", &json!({"action": id}));
    assert_eq!(cancelled["structuredContent"]["outcome"], "cancelled", "{cancelled:#}");
    assert_eq!(cancelled["isError"], false, "the tool did what it was asked for");
    let again = call(&world, NEW, "deed_cancel", &json!({"action": id}));
    assert_eq!(again["structuredContent"]["refused"], "too late", "{again:#}");
}

#[test]
fn an_agent_asks_what_it_can_do() {
    let world = start();
    let all = call(&world, NEW, "deed_can", &json!({}));
    let contracts = all["structuredContent"]["contracts"].as_array().unwrap();
    let tools: Vec<&str> = contracts.iter().map(|one| one["tool"].as_str().unwrap()).collect();
    assert_eq!(tools, [READ, RESTORE, "idp_suspend_user"]);
    for (contract, answer) in [("idp.restore_access", "always"), ("idp.delete_user", "never")] {
        let one = call(&world, NEW, "deed_can", &json!({"contract": contract}));
        assert_eq!(one["structuredContent"]["contracts"][0]["answer"], answer, "{one:#}");
    }
}

/// A tool that decides would be one that an agent can call.
#[test]
fn no_tool_decides() {
    let (world, user) = (start(), locked_out());
    let id = waiting(&world, &user);
    for tool in ["deed_approve", "deed_deny", "deed_resolve", "deed_edit", "deed_answer", ""] {
        let params = json!({"name": tool, "arguments": {"action": id}});
        let answer = send(&world, HELPDESK, OLD, "tools/call", &params);
        assert_eq!(answer.json()["error"]["code"], -32602, "{tool}: {answer:?}");
    }
    let listed = result(&world, NEW, "tools/list", &json!({}));
    let text = listed["tools"].as_array().unwrap().iter().map(|tool| tool["name"].to_string());
    assert!(text.into_iter().all(|name| !name.contains("approve") && !name.contains("resolve")));
    assert_eq!(world.show(&id).unwrap()["status"], "waiting");
}
