//! Tests of the MCP server with raw messages over HTTP, in both revisions of the protocol: one in which every request
//! is complete in itself, and one that begins with `initialize`.

mod arguments;
mod bridge;
mod calls;
mod card;
mod door;
mod elicitation;
mod joins;
mod keys;
mod many;
mod progress;
mod reach;
mod revisions;
mod streamed;
mod tasks;

use deed_test_support::shared::scim;
use deed_tests::client::Answer;
use deed_tests::world::{HELPDESK, World};
use serde_json::{Value, json};

const NEW: &str = "2026-07-28";
const OLD: &str = "2025-11-25";
const BOTH: [&str; 2] = [NEW, OLD];

const READ: &str = "idp_read_user";
const RESTORE: &str = "idp_restore_access";
const ACCEPT: (&str, &str) = ("accept", "application/json, text/event-stream");

fn start() -> World {
    World::start(scim()).unwrap()
}

/// A request of this revision.
fn request(revision: &str, method: &str, params: &Value) -> Value {
    let mut params = params.clone();
    if revision == NEW {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": NEW,
            "io.modelcontextprotocol/clientCapabilities": {},
        });
    }
    json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
}

/// Posts a body with these headers in addition to those that every message has.
fn post(world: &World, token: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers = [&[ACCEPT], headers].concat();
    world.client(token).send("POST", "/mcp", &headers, body.as_bytes().to_vec()).unwrap()
}

/// Sends a request as a client of this revision sends it.
fn send(world: &World, token: &str, revision: &str, method: &str, params: &Value) -> Answer {
    let body = request(revision, method, params).to_string();
    let about = ["name", "uri"].into_iter().find_map(|key| params[key].as_str());
    let mut headers = vec![("mcp-protocol-version", revision)];
    if revision == NEW {
        headers.push(("mcp-method", method));
        headers.extend(about.map(|about| ("mcp-name", about)));
    }
    post(world, token, &headers, &body)
}

/// The member of `_meta` with which a client of the new revision declares what it can do.
fn declares(capabilities: &Value) -> Value {
    json!({"io.modelcontextprotocol/clientCapabilities": capabilities})
}

/// Sends a request of the new revision with these members of `_meta`.
fn send_with(world: &World, token: &str, meta: &Value, method: &str, params: &Value) -> Answer {
    let mut message = request(NEW, method, params);
    let members = message["params"]["_meta"].as_object_mut().unwrap();
    members.extend(meta.as_object().unwrap().clone());
    let about = ["name", "uri", "taskId"].into_iter().find_map(|key| params[key].as_str());
    let mut headers = vec![("mcp-protocol-version", NEW), ("mcp-method", method)];
    headers.extend(about.map(|about| ("mcp-name", about)));
    post(world, token, &headers, &message.to_string())
}

/// The result of such a request of the helpdesk agent.
fn result_with(world: &World, meta: &Value, method: &str, params: &Value) -> Value {
    let answer = send_with(world, HELPDESK, meta, method, params);
    let body = answer.json();
    assert_eq!(answer.status, 200, "{method}: {answer:?}");
    assert!(body["result"].is_object(), "{method}: {body:#}");
    body["result"].clone()
}

/// The number of actions of the helpdesk agent.
fn actions(world: &World) -> usize {
    let listed = world.client(HELPDESK).get("/v1/actions?limit=500").unwrap().json();
    listed["actions"].as_array().unwrap().len()
}

/// The result of a request of the helpdesk agent.
fn result(world: &World, revision: &str, method: &str, params: &Value) -> Value {
    let answer = send(world, HELPDESK, revision, method, params);
    let body = answer.json();
    assert_eq!((answer.status, &body["id"]), (200, &json!(7)), "{method}: {answer:?}");
    assert!(body["result"].is_object(), "{method}: {body:#}");
    body["result"].clone()
}

/// The result of a tool that the helpdesk agent calls. The text of the result has the same content as the structure.
fn call(world: &World, revision: &str, tool: &str, arguments: &Value) -> Value {
    let params = json!({"name": tool, "arguments": arguments});
    let result = result(world, revision, "tools/call", &params);
    let text = result["content"][0]["text"].as_str().unwrap();
    let text: Value = serde_json::from_str(text).unwrap();
    assert_eq!(text, result["structuredContent"], "{result:#}");
    result
}

/// The arguments of the tools of the directory's contracts.
fn arguments(user: &str) -> Value {
    json!({
        "user_id": user,
        "intent": "the user is locked out and has shown who they are",
        "sources": [{"uri": "ticket:4711"}],
    })
}

/// The names of the tools that the helpdesk agent is offered.
fn names(world: &World, revision: &str) -> Vec<String> {
    let listed = result(world, revision, "tools/list", &json!({}));
    let tools = listed["tools"].as_array().unwrap().iter();
    tools.map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}
