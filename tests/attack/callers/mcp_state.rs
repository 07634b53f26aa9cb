//! Attacks on what a client of the MCP server gives back: the state of a call that asked for input, and ids of tasks.

use deed_test_support::shared::{locked_out, scim};
use deed_tests::client::Answer;
use deed_tests::world::{HELPDESK, STRANGER, World};
use serde_json::{Value, json};

use super::unharmed;
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "mcp-state-of-another-call" => another_call,
        "mcp-states-without-end" => without_end,
        "mcp-input-that-decides" => deciding,
        "mcp-tasks-of-others" => foreign_tasks,
    ]
}

const REVISION: &str = "2026-07-28";
const RESTORE: &str = "idp_restore_access";

/// Sends a request of a client that opens pages and knows tasks, if `tasks`.
fn send(world: &World, token: &str, tasks: bool, method: &str, params: &Value) -> Answer {
    let extensions = if tasks { json!({"io.modelcontextprotocol/tasks": {}}) } else { json!({}) };
    let mut params = params.clone();
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": REVISION,
        "io.modelcontextprotocol/clientCapabilities": {
            "elicitation": {"url": {}},
            "extensions": extensions,
        },
    });
    let about = ["name", "taskId"].into_iter().find_map(|key| params[key].as_str());
    let mut headers = vec![
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", REVISION),
        ("mcp-method", method),
    ];
    headers.extend(about.map(|about| ("mcp-name", about)));
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    world.client(token).send("POST", "/mcp", &headers, message.to_string().into_bytes()).unwrap()
}

fn call(user: &str) -> Value {
    let sources = json!([{"uri": "ticket:4711"}]);
    let arguments = json!({"user_id": user, "intent": "locked out", "sources": sources});
    json!({"name": RESTORE, "arguments": arguments})
}

/// Proposes an action that waits for people; returns the call and its state.
fn asked(world: &World, user: &str) -> (Value, String) {
    let call = call(user);
    let asked = send(world, HELPDESK, false, "tools/call", &call).json();
    let state = asked["result"]["requestState"].as_str().unwrap().to_owned();
    (call, state)
}

/// The call with a state, as a client repeats it after its user opened the page.
fn with_state(call: &Value, state: &str) -> Value {
    let mut call = call.clone();
    call["requestState"] = json!(state);
    call["inputResponses"] = json!({"approval": {"action": "accept"}});
    call
}

fn refused(world: &World, token: &str, call: &Value) {
    let answer = send(world, token, false, "tools/call", call).json();
    assert_eq!(answer["error"]["code"], -32602, "{call:#}: {answer:#}");
}

fn waits(world: &World, id: &str) {
    let shown = world.show(id).unwrap();
    assert_eq!((&shown["status"], &shown["approvals"]), (&json!("waiting"), &json!([])));
    assert_eq!(world.proxy.count("PATCH"), 0);
}

fn action(state: &str) -> &str {
    state.split('.').next().unwrap()
}

/// A state is used for other arguments, for another action and by another agent, or is changed.
fn another_call() {
    let world = World::start(scim()).unwrap();
    let (first, state) = asked(&world, &locked_out());
    let (second, other) = asked(&world, &locked_out());
    let (id, tag) = state.split_once('.').unwrap();
    refused(&world, HELPDESK, &with_state(&second, &state));
    refused(&world, HELPDESK, &with_state(&first, &other));
    refused(&world, HELPDESK, &with_state(&first, &format!("{}.{tag}", action(&other))));
    refused(&world, HELPDESK, &with_state(&first, &format!("{id}.{}", "0".repeat(64))));
    let short: String = tag.chars().take(62).collect();
    refused(&world, HELPDESK, &with_state(&first, &format!("{id}.{short}")));
    refused(&world, HELPDESK, &with_state(&first, &"a".repeat(100_000)));
    refused(&world, STRANGER, &with_state(&first, &state));
    let listed = world.client(HELPDESK).get("/v1/actions?limit=500").unwrap().json();
    assert_eq!(listed["actions"].as_array().unwrap().len(), 2, "{listed:#}");
    waits(&world, action(&state));
    waits(&world, action(&other));
    unharmed(&world);
}

/// An agent tries states until one fits.
fn without_end() {
    let world = World::start(scim()).unwrap();
    let (call, state) = asked(&world, &locked_out());
    let mut tried = 0_u32;
    let limited = (0..300_u32).any(|number| {
        tried += 1;
        let guess = format!("{}.{number:064x}", action(&state));
        send(&world, STRANGER, false, "tools/call", &with_state(&call, &guess)).status == 429
    });
    assert!(limited && tried > 1, "{tried} states were tried");
    waits(&world, action(&state));
    unharmed(&world);
}

/// An agent answers the request for input in words that approve, and the task that asked for nothing.
fn deciding() {
    let world = World::start(scim()).unwrap();
    let (call, state) = asked(&world, &locked_out());
    let id = action(&state).to_owned();
    let content = json!({"approves": true, "person": "bob", "role": "support-lead"});
    for action in ["decline", "cancel", "approve"] {
        let mut call = with_state(&call, &state);
        call["inputResponses"] = json!({"approval": {"action": action, "content": content}});
        let answer = send(&world, HELPDESK, false, "tools/call", &call).json();
        let status = &answer["result"]["structuredContent"]["status"];
        assert!(status == "waiting" || answer["error"]["code"] == -32602, "{answer:#}");
    }
    // With tasks, an accepted page does not hold up the call.
    let responses = json!({"approval": {"action": "accept", "content": content}});
    let mut call = with_state(&call, &state);
    call["inputResponses"] = responses.clone();
    let task = send(&world, HELPDESK, true, "tools/call", &call).json();
    assert_eq!(task["result"]["status"], "working", "{task:#}");
    let update = json!({"taskId": id, "inputResponses": responses});
    let answer = send(&world, HELPDESK, true, "tasks/update", &update).json();
    assert_eq!(answer["result"], json!({"resultType": "complete"}), "{answer:#}");
    waits(&world, &id);
    unharmed(&world);
}

/// For a task of another agent, every method has the same answer as for an unknown task.
fn foreign_tasks() {
    let world = World::start(scim()).unwrap();
    let (_, state) = asked(&world, &locked_out());
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let ask = |id: &str| {
            let params = json!({"taskId": id, "inputResponses": {}});
            send(&world, STRANGER, true, method, &params).json()
        };
        let answer = ask(action(&state));
        assert_eq!(answer["error"]["code"], -32602, "{method}: {answer:#}");
        assert_eq!(answer, ask("act_00000000000000000000000000"), "{method}");
    }
    waits(&world, action(&state));
    unharmed(&world);
}
