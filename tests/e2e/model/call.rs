//! Calls of tools, with plain messages. No client of the protocol is between the program and the host.

use deed_tests::world::{HELPDESK, World};
use serde_json::{Value, json};

const HEADERS: [(&str, &str); 2] =
    [("accept", "application/json, text/event-stream"), ("mcp-protocol-version", "2025-11-25")];

/// The result of a method.
fn result(world: &World, method: &str, params: &Value) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let body = body.to_string().into_bytes();
    let answer = world.client(HELPDESK).send("POST", "/mcp", &HEADERS, body).unwrap();
    let answer = answer.json();
    assert!(answer["result"].is_object(), "{method}: {answer:#}");
    answer["result"].clone()
}

/// The tools of the agent.
pub(super) fn tools(world: &World) -> Vec<Value> {
    result(world, "tools/list", &json!({}))["tools"].as_array().unwrap().clone()
}

/// The structured result of a tool.
pub(super) fn tool(world: &World, name: &str, arguments: &Value) -> Value {
    let params = json!({"name": name, "arguments": arguments});
    result(world, "tools/call", &params)["structuredContent"].clone()
}
