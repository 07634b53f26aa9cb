//! The routes of both listeners.

use deed_tests::client::{Answer, Client};
use deed_tests::doors::row;
use deed_tests::host;
use deed_tests::world::HELPDESK;
use serde_json::Value;

use super::compare;
use super::stage::{Attempt, Payload, Stage, cell, patiently};
use super::table::ROUTES;

/// An agent may cancel its own action, so the attempts to decide by this route are about an action that does not exist.
const CANCEL: &str = "/v1/actions/{id}/cancel";
const UNKNOWN: &str = "act_00000000000000000000000000";

/// A route: method, path, and whether the operations listener serves it.
pub(super) type Route = (String, String, bool);

/// Every route of the host, as the host itself describes them.
pub(super) fn routes() -> Vec<Route> {
    let text = host::expect(&["openapi"]).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let of_path = |(path, item): (&String, &Value)| -> Vec<Route> {
        let operations = item.get("servers").is_some();
        let methods = item.as_object().unwrap().keys().filter(|key| *key != "servers");
        methods.map(|method| (method.to_uppercase(), path.clone(), operations)).collect()
    };
    document["paths"].as_object().unwrap().iter().flat_map(of_path).collect()
}

/// The path with values for its parameters.
fn filled(path: &str, attempt: Attempt, payload: &Payload) -> String {
    let unknown = path == CANCEL && attempt != Attempt::Read;
    let id = if unknown { UNKNOWN } else { payload.id.as_str() };
    let values = [
        ("{id}", id),
        ("{name}", "idp.restore_access"),
        ("{tenant}", payload.tenant),
        ("{path}", "0/000.p/1"),
    ];
    let filled =
        values.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value));
    assert!(!filled.contains('{'), "{path} has a parameter that has no value here");
    if path == "/v1/tools" { format!("{filled}?format=openai") } else { filled }
}

/// Sends an attempt: in the body, and in a header where a request has no body.
fn send(client: &Client, method: &str, path: &str, payload: &Payload) -> Answer {
    let text = payload.body.to_string();
    let header = [("x-deed-approval", text.as_str())];
    let (headers, body) = if ["GET", "DELETE"].contains(&method) {
        (&header[..], "")
    } else {
        (&[][..], text.as_str())
    };
    patiently(|| client.send(method, path, headers, body.as_bytes().to_vec()).unwrap())
}

/// The answers of one route to every attempt.
fn answers(stage: &Stage, client: &Client, method: &str, path: &str) -> Vec<String> {
    let of = |attempt: Attempt| {
        let one = |payload: Payload| {
            let answer = send(client, method, &filled(path, attempt, &payload), &payload);
            stage.hides_others(&String::from_utf8_lossy(&answer.bytes));
            answer.status.to_string()
        };
        cell(stage.payloads(attempt).into_iter().map(one))
    };
    Attempt::ALL.map(of).to_vec()
}

/// No path has a method of other interfaces by which objects are changed.
fn changes_nothing(stage: &Stage, client: &Client, path: &str) {
    for payload in stage.payloads(Attempt::Edit) {
        let path = filled(path, Attempt::Edit, &payload);
        for method in ["PUT", "PATCH", "DELETE"] {
            let answer = send(client, method, &path, &payload);
            assert_eq!(answer.status, 405, "{method} {path}: {answer:?}");
        }
    }
}

pub(super) fn attack() {
    let stage = Stage::open();
    let operations = Client::new(&stage.world.host.as_ref().unwrap().operations, HELPDESK);
    let mut found = Vec::new();
    let mut beside = Vec::new();
    for (method, path, is_operations) in routes() {
        let client = if is_operations { operations.clone() } else { stage.agent() };
        found.push(row(&format!("{method} {path}"), &answers(&stage, &client, &method, &path)));
        changes_nothing(&stage, &client, &path);
        if !is_operations {
            beside.push(answers(&stage, &operations, &method, &path));
        }
    }
    for method in ["GET", "DELETE"] {
        let answers = answers(&stage, &stage.agent(), method, "/mcp");
        found.push(row(&format!("{method} /mcp"), &answers));
    }
    beside.push(answers(&stage, &operations, "POST", "/mcp"));
    let door = "any other path of the operations listener";
    beside.dedup();
    found.extend(beside.iter().map(|answers| row(door, answers)));
    compare(&found, ROUTES);
    stage.untouched();
}
