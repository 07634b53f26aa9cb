//! Tests of `deed mcp`, which connects a client on stdin and stdout to a host.

use deed_test_support::shared::user;
use deed_tests::host;
use deed_tests::world::{BOB, HELPDESK, World};
use serde_json::{Value, json};

use super::{NEW, OLD, READ, arguments, request, start};

/// What the command writes for these lines: one message in each line, in any order.
fn carried(world: &World, token: &str, lines: &[String]) -> Vec<Value> {
    let args = ["mcp", "--url", world.url(), "--token", token];
    let output = host::run(&args, &lines.join("\n")).unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn line(id: u64, revision: &str, method: &str, params: &Value) -> String {
    let mut message = request(revision, method, params);
    message["id"] = json!(id);
    message.to_string()
}

fn with(answers: &[Value], id: &Value) -> Value {
    answers.iter().find(|answer| answer["id"] == *id).unwrap().clone()
}

#[test]
fn every_request_on_stdin_has_its_answer_on_stdout() {
    let (world, user) = (start(), user("mcp-bridge", Some(true)));
    let call = json!({"name": READ, "arguments": arguments(&user)});
    let client = json!({"name": "test", "version": "1"});
    let hello = json!({"protocolVersion": OLD, "capabilities": {}, "clientInfo": client});
    let lines = [
        line(1, NEW, "server/discover", &json!({})),
        line(2, NEW, "tools/list", &json!({})),
        line(3, NEW, "tools/call", &call),
        line(4, NEW, "tools/approve", &json!({})),
        line(5, OLD, "initialize", &hello),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string(),
        String::new(),
        "{".to_owned(),
    ];
    let answers = carried(&world, HELPDESK, &lines);
    assert_eq!(answers.len(), 6, "{answers:#?}");
    assert!(with(&answers, &json!(1))["result"]["supportedVersions"].is_array());
    assert!(with(&answers, &json!(2))["result"]["tools"].is_array());
    let read = with(&answers, &json!(3));
    assert_eq!(read["result"]["structuredContent"]["outcome"], "verified", "{read:#}");
    assert_eq!(with(&answers, &json!(4))["error"]["code"], -32601);
    assert_eq!(with(&answers, &json!(5))["result"]["protocolVersion"], OLD);
    assert_eq!(with(&answers, &Value::Null)["error"]["code"], -32700);
}

#[test]
fn a_request_that_the_host_refuses_has_an_error() {
    let world = start();
    for (token, words) in [("deed_unknown", "does not know the token"), (BOB, "agent")] {
        let answers = carried(&world, token, &[line(1, NEW, "tools/list", &json!({}))]);
        let error = &with(&answers, &json!(1))["error"];
        assert!(error["message"].as_str().unwrap().contains(words), "{error:#}");
    }
}
