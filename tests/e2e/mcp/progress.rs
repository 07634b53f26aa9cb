//! Tests of calls that report their progress: a stream of events that ends with the result.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use deed_test_support::cpu::quiet;
use deed_test_support::shared::{locked_out, scim, user};
use deed_tests::client::Answer;
use deed_tests::proxy::Fault;
use deed_tests::world::{HELPDESK, World, edit};
use serde_json::{Value, json};

use super::{ACCEPT, BOTH, NEW, READ, RESTORE, arguments, call, post, request, send, start};

/// A request with a progress token.
fn with_token(revision: &str, token: &Value, tool: &str, arguments: &Value) -> Value {
    let params = json!({"name": tool, "arguments": arguments});
    let mut message = request(revision, "tools/call", &params);
    if revision != NEW {
        message["params"]["_meta"] = json!({});
    }
    message["params"]["_meta"]["progressToken"] = token.clone();
    message
}

fn sent(world: &World, revision: &str, message: &Value) -> Answer {
    let tool = message["params"]["name"].as_str().unwrap();
    let version = ("mcp-protocol-version", revision);
    let headers = [version, ("mcp-method", "tools/call"), ("mcp-name", tool)];
    post(world, HELPDESK, &headers, &message.to_string())
}

/// The messages of a stream of events.
fn events(answer: &Answer) -> Vec<Value> {
    assert_eq!((answer.status, &*answer.content_type), (200, "text/event-stream"), "{answer:?}");
    let text = String::from_utf8(answer.bytes.clone()).unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// Checks that the events are notifications for this token with increasing progress, and then the result, which is
/// returned with the messages of the notifications.
fn told(events: &[Value], token: &Value) -> (Value, Vec<String>) {
    let (result, notifications) = events.split_last().unwrap();
    assert_eq!(result["id"], 7, "{events:#?}");
    assert!(!notifications.is_empty() && notifications.len() <= 30, "{events:#?}");
    let mut last = 0.0;
    let mut messages = Vec::new();
    for notification in notifications {
        assert_eq!(notification["method"], "notifications/progress", "{events:#?}");
        let params = &notification["params"];
        assert_eq!(&params["progressToken"], token, "{events:#?}");
        let progress = params["progress"].as_f64().unwrap();
        assert!(progress > last, "{events:#?}");
        last = progress;
        messages.push(params["message"].as_str().unwrap().to_owned());
    }
    (result["result"].clone(), messages)
}

#[test]
fn a_call_that_takes_long_reports_its_progress() {
    let change =
        |dir: &std::path::Path| edit(dir, "deed.toml", "timeout = \"2s\"", "timeout = \"20s\"");
    let world = World::with(scim(), "scim", change).unwrap();
    world.proxy.set("GET", Fault::Delay { ms: 3_000 });
    for (revision, token) in BOTH.into_iter().zip([json!("token-1"), json!(17)]) {
        let read = arguments(&user("mcp-progress", Some(true)));
        let answer = sent(&world, revision, &with_token(revision, &token, READ, &read));
        let (result, messages) = told(&events(&answer), &token);
        assert_eq!(result["structuredContent"]["outcome"], "verified", "{result:#}");
        assert!(messages[0].contains("checks the action"), "{messages:?}");
        let plain = json!({"name": READ, "arguments": read});
        let answer = send(&world, HELPDESK, revision, "tools/call", &plain);
        assert_eq!(answer.content_type, "application/json", "{answer:?}");
    }
}

#[test]
fn a_status_that_waits_says_for_what() {
    let (world, user) = (start(), locked_out());
    let id = call(&world, NEW, RESTORE, &arguments(&user))["structuredContent"]["action"].clone();
    let (token, asked) = (json!("status"), json!({"action": id, "wait_s": 2}));
    for revision in BOTH {
        let answer = sent(&world, revision, &with_token(revision, &token, "deed_status", &asked));
        let (result, messages) = told(&events(&answer), &token);
        assert_eq!(result["structuredContent"]["status"], "waiting", "{result:#}");
        // The status did not change, so it is told once.
        assert_eq!(messages.len(), 1, "{messages:?}");
        assert!(messages[0].contains("1 approval by support-lead"), "{messages:?}");
    }
}

/// Each notification repeats the token, so a long one would let a caller fill the host's memory.
#[test]
fn a_token_that_is_long_or_has_another_type_is_not_used() {
    let (world, user) = (start(), locked_out());
    let id = call(&world, NEW, RESTORE, &arguments(&user))["structuredContent"]["action"].clone();
    let asked = json!({"action": id, "wait_s": 1});
    for token in [json!("a".repeat(257)), json!({}), json!(null)] {
        let answer = sent(&world, NEW, &with_token(NEW, &token, "deed_status", &asked));
        let kind = (answer.status, &*answer.content_type);
        assert_eq!(kind, (200, "application/json"), "{answer:?}");
    }
}

/// A refusal comes before any progress, so it is no stream and is charged like any other.
#[test]
fn a_refusal_is_no_stream() {
    let world = start();
    let token = json!("refused");
    for (tool, arguments) in [("no_such_tool", json!({})), (READ, arguments("../1"))] {
        let answer = sent(&world, NEW, &with_token(NEW, &token, tool, &arguments));
        assert_eq!(answer.content_type, "application/json", "{answer:?}");
    }
}

#[test]
fn a_client_that_hangs_up_in_a_stream_harms_nobody() {
    let (world, user) = (start(), locked_out());
    let id = call(&world, NEW, RESTORE, &arguments(&user))["structuredContent"]["action"].clone();
    let asked = json!({"action": id, "wait_s": 20});
    let body = with_token(NEW, &json!("gone"), "deed_status", &asked).to_string();
    let authority = world.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(authority).unwrap();
    write!(
        stream,
        "POST /mcp HTTP/1.1\r\nhost: {authority}\r\nauthorization: Bearer {HELPDESK}\r\n{}: {}\r\n\
         content-type: application/json\r\nmcp-protocol-version: {NEW}\r\nmcp-method: tools/call\r\n\
         mcp-name: deed_status\r\ncontent-length: {}\r\n\r\n{body}",
        ACCEPT.0,
        ACCEPT.1,
        body.len()
    )
    .unwrap();
    let mut lines = BufReader::new(stream).lines();
    assert!(lines.any(|line| line.unwrap().contains("notifications/progress")));
    drop(lines);
    quiet(&world);
    let read = call(&world, NEW, READ, &arguments(&user));
    assert_eq!(read["structuredContent"]["outcome"], "verified", "{read:#}");
}
