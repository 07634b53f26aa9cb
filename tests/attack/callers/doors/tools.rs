//! The tools of the MCP server.

use std::fs;
use std::path::Path;

use deed_test_support::shared::scim;
use deed_tests::client::{Answer, Client};
use deed_tests::doors::row;
use deed_tests::services::Result;
use deed_tests::world::{HELPDESK, World};
use serde_json::{Value, json};

use super::compare;
use super::stage::{Attempt, Payload, Stage, cell, patiently};
use super::table::TOOLS;

/// With more contracts than this, the host lists its tools that search contracts.
const MANY: usize = 40;

/// Sends a message as a client of the revision 2025-11-25 sends it.
pub(super) fn send(client: &Client, message: &Value, headers: &[(&str, &str)]) -> Answer {
    let own =
        [("accept", "application/json, text/event-stream"), ("mcp-protocol-version", "2025-11-25")];
    let headers = [&own, headers].concat();
    let body = message.to_string().into_bytes();
    patiently(|| client.send("POST", "/mcp", &headers, body.clone()).unwrap())
}

pub(super) fn message(method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
}

/// What an answer says, in one word.
pub(super) fn word(answer: &Answer) -> String {
    let body = answer.json();
    let result = &body["result"];
    if let Some(code) = body["error"]["code"].as_i64() {
        code.to_string()
    } else if result["isError"] == true {
        result["structuredContent"]["again"].as_str().unwrap().to_owned()
    } else if result.is_object() {
        "ok".to_owned()
    } else {
        answer.status.to_string()
    }
}

/// The names of the tools that the agent is offered.
fn names(world: &World) -> Vec<String> {
    let answer = send(&world.client(HELPDESK), &message("tools/list", &json!({})), &[]).json();
    let tools = answer["result"]["tools"].as_array().unwrap().iter();
    tools.map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

/// Adds copies of the contract that reads a user.
fn many(dir: &Path) -> Result<()> {
    let contract = fs::read_to_string(dir.join("contracts/read_user.toml"))?;
    let mut toml = fs::read_to_string(dir.join("deed.toml"))?;
    for number in 0..MANY {
        let name = format!("idp.read_user_{number}");
        let copy = contract.replace("\"idp.read_user\"", &format!("\"{name}\""));
        fs::write(dir.join(format!("contracts/read_user_{number}.toml")), copy)?;
        toml.extend(["\n[tenant.acme.grant.\"", &name, "\"]\nupstreams = [\"idp\"]\n"]);
    }
    // A contract that no policy permits is not listed.
    let path = dir.join("policies/starter.cedar");
    let permit =
        "@id(\"reads\") permit (principal, action, resource) when { context.verb == \"read\" };\n";
    fs::write(&path, fs::read_to_string(&path)? + permit)?;
    Ok(fs::write(dir.join("deed.toml"), toml)?)
}

/// The tools that are listed with few contracts or with many.
fn all(world: &World) -> Vec<String> {
    let mut names = names(world);
    let more = World::with(scim(), "scim", many).unwrap();
    let more = self::names(&more).into_iter().filter(|name| !names.contains(name));
    let more: Vec<String> = more.collect();
    assert!(!more.is_empty(), "the tools that search are not listed");
    names.extend(more);
    names
}

fn call(stage: &Stage, tool: &str, attempt: Attempt, payload: &Payload) -> String {
    let mut arguments = json!({"action": payload.id});
    if attempt != Attempt::Read {
        arguments["decision"] = json!("approve");
        arguments["approval"] = payload.body.clone();
    }
    let params = json!({"name": tool, "arguments": arguments});
    let answer = send(&stage.agent(), &message("tools/call", &params), &[]);
    stage.hides_others(&String::from_utf8_lossy(&answer.bytes));
    word(&answer)
}

/// Sends an approval beside the arguments, where the host does not read it.
fn beside(stage: &Stage) {
    for attempt in [Attempt::ApproveOwn, Attempt::ApproveOther] {
        for Payload { id, body, .. } in stage.payloads(attempt) {
            let header = [("x-deed-approval", body.to_string())];
            let header = header.each_ref().map(|(name, text)| (*name, text.as_str()));
            let meta = json!({"approval": body, "decision": "approve", "deed/approve": id});
            let params = json!({"name": "deed_status", "arguments": {"action": id}, "_meta": meta});
            let answer = send(&stage.agent(), &message("tools/call", &params), &header);
            assert_eq!(answer.text("/result/structuredContent/status"), "waiting", "{answer:?}");
        }
    }
}

pub(super) fn attack() {
    let stage = Stage::open();
    let answers = |tool: &str| {
        Attempt::ALL.map(|attempt| {
            let payloads = stage.payloads(attempt).into_iter();
            cell(payloads.map(|payload| call(&stage, tool, attempt, &payload)))
        })
    };
    let found: Vec<String> =
        all(&stage.world).iter().map(|tool| row(tool, &answers(tool))).collect();
    compare(&found, TOOLS);
    beside(&stage);
    stage.untouched();
}
