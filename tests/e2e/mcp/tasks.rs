//! Tests of actions as tasks: from the call to the result, for clients that declare the extension.

use deed_test_support::shared::{is_active, locked_out, user};
use deed_tests::wait;
use deed_tests::world::{BOB, HELPDESK, STRANGER, World};
use serde_json::{Value, json};

use super::{
    NEW, OLD, READ, RESTORE, arguments, call, declares, post, request, result, result_with, send,
    send_with, start,
};

/// An id that no action has.
const UNKNOWN: &str = "act_00000000000000000000000000";

fn tasks() -> Value {
    declares(&json!({"extensions": {"io.modelcontextprotocol/tasks": {}}}))
}

/// Calls a tool as a client that knows tasks.
fn called(world: &World, tool: &str, arguments: &Value) -> Value {
    let params = json!({"name": tool, "arguments": arguments});
    result_with(world, &tasks(), "tools/call", &params)
}

/// Proposes an action that waits for an approval; returns the id of its task.
fn waiting(world: &World, user: &str) -> String {
    let task = called(world, RESTORE, &arguments(user));
    assert_eq!(task["resultType"], "task", "{task:#}");
    let id = task["taskId"].as_str().unwrap().to_owned();
    world.until(&id, |view| view["status"] == "waiting").unwrap();
    id
}

fn task(world: &World, id: &str) -> Value {
    result_with(world, &tasks(), "tasks/get", &json!({"taskId": id}))
}

/// The task once it is in this state.
fn until(world: &World, id: &str, status: &str) -> Value {
    wait::answer("the task is in this state", || task(world, id), |task| task["status"] == status)
}

/// The result of a call, which may have become a task.
fn outcome(world: &World, first: &Value) -> Value {
    match first["taskId"].as_str() {
        Some(id) => until(world, id, "completed")["result"].clone(),
        None => first.clone(),
    }
}

#[test]
fn a_call_is_a_task_until_its_action_has_ended() {
    let (world, user) = (start(), locked_out());
    let mut keyed = arguments(&user);
    keyed["idempotency_key"] = json!("task-1");
    let first = called(&world, RESTORE, &keyed);
    assert_eq!((&first["resultType"], &first["status"]), (&json!("task"), &json!("working")));
    assert!(first["ttlMs"].is_null() && first.get("ttlMs").is_some(), "{first:#}");
    let id = first["taskId"].as_str().unwrap();
    world.until(id, |view| view["status"] == "waiting").unwrap();
    let open = task(&world, id);
    assert_eq!((&open["resultType"], &open["status"]), (&json!("complete"), &json!("working")));
    let message = open["statusMessage"].as_str().unwrap();
    assert!(message.contains("1 approval by support-lead"), "{open:#}");
    assert!(open["pollIntervalMs"].as_u64().unwrap() > 0, "{open:#}");
    for name in ["createdAt", "lastUpdatedAt"] {
        let time = open[name].as_str().unwrap();
        assert!(time.len() == 20 && time.contains('T') && time.ends_with('Z'), "{open:#}");
    }
    let (done, said) = world.approve(id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    let ended = until(&world, id, "completed");
    assert!(is_active(&user));
    // The same call of a client without tasks has the same result, and is the same action.
    let plain = call(&world, NEW, RESTORE, &keyed);
    assert_eq!(plain["structuredContent"]["action"], json!(id), "{plain:#}");
    assert_eq!(ended["result"], plain, "{ended:#}");
    assert_eq!(ended["result"]["structuredContent"]["outcome"], "verified", "{ended:#}");
    assert_eq!(world.proxy.carried_out(&user), 1);
}

#[test]
fn a_call_that_ends_soon_has_its_result() {
    let (world, user) = (start(), user("mcp-task-read", Some(true)));
    let read = outcome(&world, &called(&world, READ, &arguments(&user)));
    assert_eq!(read["structuredContent"]["outcome"], "verified", "{read:#}");
    // An action that is denied has a result too. Only an error of the protocol would be a task that failed.
    let denied = outcome(&world, &called(&world, RESTORE, &arguments(&user)));
    let outcome = &denied["structuredContent"]["outcome"];
    assert_eq!((outcome, &denied["isError"]), (&json!("denied"), &json!(true)), "{denied:#}");
}

#[test]
fn the_task_of_a_joined_action_says_so() {
    let (world, user) = (start(), locked_out());
    let first = called(&world, RESTORE, &arguments(&user));
    let joined = called(&world, RESTORE, &arguments(&user));
    assert_eq!((&first["resultType"], &joined["resultType"]), (&json!("task"), &json!("task")));
    assert_eq!(first["taskId"], joined["taskId"], "{joined:#}");
    assert_eq!(joined["_meta"]["deed/joined"], first["taskId"], "{joined:#}");
    assert!(first["_meta"].get("deed/joined").is_none(), "{first:#}");
    let message = |task: &Value| task["statusMessage"].as_str().unwrap().to_owned();
    let said = "This call is part of the action of an earlier call.";
    assert!(message(&joined).starts_with(said), "{joined:#}");
    assert!(!message(&first).contains(said), "{first:#}");
}

#[test]
fn a_task_outlives_the_host() {
    let (mut world, user) = (start(), locked_out());
    let id = waiting(&world, &user);
    world.restart().unwrap();
    assert_eq!(task(&world, &id)["status"], "working");
    let (done, said) = world.approve(&id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    let ended = until(&world, &id, "completed");
    assert_eq!(ended["result"]["structuredContent"]["outcome"], "verified", "{ended:#}");
}

#[test]
fn a_task_can_be_cancelled() {
    let (world, user) = (start(), locked_out());
    let id = waiting(&world, &user);
    let params = json!({"taskId": id});
    let acknowledged = json!({"resultType": "complete"});
    assert_eq!(result_with(&world, &tasks(), "tasks/cancel", &params), acknowledged);
    let ended = until(&world, &id, "cancelled");
    assert!(ended.get("result").is_none() && ended["statusMessage"].is_string(), "{ended:#}");
    // It is too late now, and the client learns that from the task.
    assert_eq!(result_with(&world, &tasks(), "tasks/cancel", &params), acknowledged);
    assert_eq!(world.show(&id).unwrap()["outcome"], "cancelled");
    assert!(!is_active(&user));
}

#[test]
fn an_update_of_a_task_decides_nothing() {
    let (world, user) = (start(), locked_out());
    let id = waiting(&world, &user);
    let accepted = json!({"action": "accept", "content": {"approves": true}});
    let params = json!({"taskId": id, "inputResponses": {"approval": accepted}});
    let acknowledged = result_with(&world, &tasks(), "tasks/update", &params);
    assert_eq!(acknowledged, json!({"resultType": "complete"}));
    assert_eq!(task(&world, &id)["status"], "working");
    let shown = world.show(&id).unwrap();
    assert_eq!((&shown["status"], &shown["approvals"]), (&json!("waiting"), &json!([])));
}

#[test]
fn a_task_of_another_agent_is_like_an_unknown_task() {
    let (world, user) = (start(), locked_out());
    let id = waiting(&world, &user);
    for method in ["tasks/get", "tasks/cancel", "tasks/update"] {
        let ask = |id: &str| {
            let mut params = json!({"taskId": id});
            if method == "tasks/update" {
                params["inputResponses"] = json!({});
            }
            send_with(&world, STRANGER, &tasks(), method, &params).json()
        };
        let refused = ask(&id);
        assert_eq!(refused["error"]["code"], -32602, "{method}: {refused:#}");
        for unknown in [UNKNOWN, "1"] {
            assert_eq!(ask(unknown), refused, "{method} {unknown}");
        }
    }
    assert_eq!(task(&world, &id)["status"], "working");
}

#[test]
fn only_a_client_that_declares_tasks_meets_them() {
    let (world, user) = (start(), locked_out());
    let id = waiting(&world, &user);
    for method in ["tasks/get", "tasks/cancel"] {
        let params = json!({"taskId": id});
        let answer = send_with(&world, HELPDESK, &declares(&json!({})), method, &params);
        let error = answer.json()["error"].clone();
        assert_eq!((answer.status, &error["code"]), (400, &json!(-32021)), "{answer:?}");
        let required = &error["data"]["requiredCapabilities"]["extensions"];
        assert!(required["io.modelcontextprotocol/tasks"].is_object(), "{error:#}");
        assert!(send(&world, HELPDESK, OLD, method, &params).json()["error"].is_object());
    }
    // In the older revision, a declaration in the request has no meaning.
    let mut params = json!({"name": RESTORE, "arguments": arguments(&locked_out())});
    params["_meta"] = tasks();
    let plain = result(&world, OLD, "tools/call", &params);
    assert_eq!(plain["structuredContent"]["status"], "waiting", "{plain:#}");
    let params = json!({"taskId": id, "_meta": tasks()});
    let body = request(OLD, "tasks/get", &params).to_string();
    let answer = post(&world, HELPDESK, &[("mcp-protocol-version", OLD)], &body);
    assert_eq!(answer.json()["error"]["code"], -32601, "{answer:?}");
    assert_eq!(world.show(&id).unwrap()["status"], "waiting");
}

#[test]
fn the_server_says_that_it_has_tasks() {
    let world = start();
    let found = result(&world, NEW, "server/discover", &json!({}));
    let extensions = &found["capabilities"]["extensions"];
    assert!(extensions["io.modelcontextprotocol/tasks"].is_object(), "{found:#}");
    let client = json!({"name": "test", "version": "1"});
    let params = json!({"protocolVersion": OLD, "capabilities": {}, "clientInfo": client});
    let answer = post(&world, HELPDESK, &[], &request(OLD, "initialize", &params).to_string());
    let agreed = answer.json()["result"].clone();
    assert!(agreed["capabilities"].get("extensions").is_none(), "{agreed:#}");
}

#[test]
fn the_name_in_the_header_is_the_id_of_the_task() {
    let (world, user) = (start(), locked_out());
    let id = waiting(&world, &user);
    let mut message = request(NEW, "tasks/get", &json!({"taskId": id}));
    let members = message["params"]["_meta"].as_object_mut().unwrap();
    members.extend(tasks().as_object().unwrap().clone());
    let version = ("mcp-protocol-version", NEW);
    let method = ("mcp-method", "tasks/get");
    for headers in [vec![version, method], vec![version, method, ("mcp-name", UNKNOWN)]] {
        let answer = post(&world, HELPDESK, &headers, &message.to_string());
        let code = answer.json()["error"]["code"].clone();
        assert_eq!((answer.status, code), (400, json!(-32020)), "{headers:?}");
    }
}
