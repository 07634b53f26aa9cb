//! The methods of MCP: those of both kinds of revisions, those that only servers send, and some that do not exist.

use deed_tests::client::{Answer, Client};
use deed_tests::doors::row;
use serde_json::{Value, json};

use super::compare;
use super::stage::{Attempt, Payload, Stage, cell, patiently};
use super::table::METHODS;
use super::tools::{message, send, word};

const REQUESTS: [&str; 24] = [
    "initialize",
    "server/discover",
    "ping",
    "tools/list",
    "tools/call",
    "prompts/list",
    "prompts/get",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "subscriptions/listen",
    "completion/complete",
    "logging/setLevel",
    "tasks/get",
    "tasks/update",
    "tasks/cancel",
    "tasks/list",
    "tasks/result",
    "elicitation/create",
    "sampling/createMessage",
    "roots/list",
    "approvals/create",
];
const NOTIFICATIONS: [&str; 4] = [
    "notifications/initialized",
    "notifications/cancelled",
    "notifications/progress",
    "notifications/elicitation/complete",
];
/// What the server says that it can do. A server that can do more has more methods.
const CAPABILITIES: [&str; 5] = [
    "tools",
    "prompts",
    "resources",
    "io.modelcontextprotocol/tasks",
    "io.modelcontextprotocol/ui",
];
/// The methods that only clients with an extension have. `tasks/cancel` would cancel the action; `mcp-tasks-of-others`
/// calls it for actions of others.
const OF_EXTENSIONS: [&str; 2] = ["tasks/get", "tasks/update"];
const NEW: &str = "2026-07-28";

/// Well-formed parameters of the method, with the decision beside them.
fn params(method: &str, payload: &Payload) -> Value {
    let id = &payload.id;
    let mut params = match method {
        "initialize" => json!({"protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"}}),
        "tools/call" => json!({"name": "deed_approve", "arguments": {"action": id}}),
        "prompts/get" => json!({"name": "deed_approve"}),
        "completion/complete" => json!({"ref": {"type": "ref/prompt", "name": "deed_approve"},
            "argument": {"name": "action", "value": id}}),
        "logging/setLevel" => json!({"level": "info"}),
        "subscriptions/listen" => json!({"notifications": {"toolsListChanged": true}}),
        "elicitation/create" => json!({"message": "approve", "requestedSchema":
            {"type": "object", "properties": {}}}),
        "notifications/cancelled" => json!({"requestId": 7}),
        method if method.starts_with("tasks/") => json!({"taskId": id}),
        method if method.starts_with("resources/") => {
            json!({"uri": format!("deed://actions/{id}/receipt")})
        }
        _ => json!({}),
    };
    params["action"] = json!(id);
    params["decision"] = json!("approve");
    params["approval"] = payload.body.clone();
    params
}

/// The message by which a door is tried.
fn of(door: &str, payload: &Payload) -> Value {
    if REQUESTS.contains(&door) {
        message(door, &params(door, payload))
    } else if NOTIFICATIONS.contains(&door) {
        json!({"jsonrpc": "2.0", "method": door, "params": params(door, payload)})
    } else {
        let content = json!({"approve": true, "approval": payload.body});
        json!({"jsonrpc": "2.0", "id": 7, "result": {"action": "accept", "content": content}})
    }
}

fn answers(stage: &Stage, door: &str) -> [String; 6] {
    Attempt::ALL.map(|attempt| {
        let one = |payload: Payload| {
            let answer = send(&stage.agent(), &of(door, &payload), &[]);
            stage.hides_others(&String::from_utf8_lossy(&answer.bytes));
            word(&answer)
        };
        cell(stage.payloads(attempt).into_iter().map(one))
    })
}

/// Sends a message as a client of the newest revision sends it.
fn send_new(client: &Client, capabilities: &Value, mut message: Value) -> Answer {
    message["params"]["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": NEW,
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    });
    let method = message["method"].as_str().unwrap().to_owned();
    let params = &message["params"];
    let about = ["name", "uri", "taskId"].into_iter().find_map(|key| params[key].as_str());
    let mut headers = vec![
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", NEW),
        ("mcp-method", method.as_str()),
    ];
    headers.extend(about.map(|about| ("mcp-name", about)));
    let body = message.to_string().into_bytes();
    patiently(|| client.send("POST", "/mcp", &headers, body.clone()).unwrap())
}

/// In the newest revision, the server has fewer methods, and the same answers to attempts.
fn newest(stage: &Stage) {
    let payloads = || stage.payloads(Attempt::ApproveOwn).into_iter();
    let all = json!({
        "elicitation": {"form": {}, "url": {}},
        "extensions": {"io.modelcontextprotocol/tasks": {}, "io.modelcontextprotocol/ui": {}},
    });
    let plain = REQUESTS.into_iter().chain(NOTIFICATIONS).map(|door| (door, json!({})));
    for (door, capabilities) in plain.chain(OF_EXTENSIONS.map(|door| (door, all.clone()))) {
        for payload in payloads() {
            let answer = send_new(&stage.agent(), &capabilities, of(door, &payload));
            assert!(answer.status < 500, "{door}: {answer:?}");
            stage.hides_others(&String::from_utf8_lossy(&answer.bytes));
        }
    }
}

fn capabilities(stage: &Stage) -> Vec<String> {
    let asked = message("server/discover", &json!({}));
    let found = send_new(&stage.agent(), &json!({}), asked).json();
    let mut capabilities = found["result"]["capabilities"].as_object().unwrap().clone();
    let extensions = capabilities.remove("extensions").unwrap();
    let extensions = extensions.as_object().unwrap().keys().cloned();
    capabilities.keys().cloned().chain(extensions).collect()
}

pub(super) fn attack() {
    let stage = Stage::open();
    assert_eq!(capabilities(&stage), CAPABILITIES, "a new capability needs rows for its methods");
    let doors = REQUESTS.into_iter().chain(NOTIFICATIONS);
    let doors = doors.chain(["an answer to a request that the host did not send"]);
    let found: Vec<String> = doors.map(|door| row(door, &answers(&stage, door))).collect();
    compare(&found, METHODS);
    newest(&stage);
    stage.untouched();
}
