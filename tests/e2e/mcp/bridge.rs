//! Tests of `deed mcp`, which connects a client on stdin and stdout to a host.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use deed_test_support::shared::{locked_out, scim, user};
use deed_tests::proxy::Fault;
use deed_tests::world::{BOB, HELPDESK, World, edit};
use deed_tests::{host, wait};
use serde_json::{Value, json};

use super::{NEW, OLD, READ, arguments, call, request, start};

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
    let unread = with(&answers, &Value::Null);
    assert_eq!(unread["error"]["code"], -32700);
    let said = unread["error"]["message"].as_str().unwrap();
    assert!(said.starts_with("the line is not JSON: "), "{unread:#}");
}

/// A configuration of an MCP client over HTTP has this address.
#[test]
fn the_address_may_be_that_of_the_mcp_server() {
    let world = start();
    let url = format!("{}/mcp", world.url());
    let args = ["mcp", "--url", &url, "--token", HELPDESK];
    let output = host::run(&args, &line(1, NEW, "tools/list", &json!({}))).unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(answer["result"]["tools"].is_array(), "{answer:#}");
    let listed = host::run(&["ls", "--url", &format!("{url}/"), "--token", BOB], "").unwrap();
    assert!(listed.status.success(), "{listed:?}");
}

#[test]
fn a_request_that_the_host_refuses_has_an_error() {
    let world = start();
    for (token, words) in [("deed_unknown", "does not know the token"), (BOB, "agent")] {
        let answers = carried(&world, token, &[line(1, NEW, "tools/list", &json!({}))]);
        let error = &with(&answers, &json!(1))["error"];
        let said = error["message"].as_str().unwrap();
        assert!(said.contains(words) && !said.starts_with("error: "), "{error:#}");
    }
}

#[test]
fn more_requests_than_are_carried_at_once_all_have_answers() {
    let (world, user) = (start(), locked_out());
    let proposed = world.propose(&World::proposal("idp.restore_access", &user)).unwrap();
    // Each of these waits for a second, because the action waits for a person.
    let wait = json!({"action": proposed.text("/id"), "wait_s": 1});
    let wait = json!({"name": "deed_status", "arguments": wait});
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": {"requestId": 100}});
    let mut lines: Vec<String> = (0..40).map(|id| line(id, OLD, "tools/call", &wait)).collect();
    lines.insert(20, cancel.to_string());
    let answers = carried(&world, HELPDESK, &lines);
    assert_eq!(answers.len(), 40, "{answers:#?}");
    for id in 0..40 {
        let answer = with(&answers, &json!(id));
        assert_eq!(answer["result"]["structuredContent"]["status"], "waiting", "{answer:#}");
    }
}

/// The client does not read the answer to a call that it cancelled, so that answer must not count as a report of the
/// end.
#[test]
fn a_call_that_the_client_cancels_is_joined_by_its_repetition() {
    let patient = |dir: &Path| edit(dir, "deed.toml", "timeout = \"2s\"", "timeout = \"60s\"");
    let world = World::with(scim(), "scim", patient).unwrap();
    let given = arguments(&user("mcp-bridge-cancel", Some(true)));
    world.proxy.set("GET", Fault::Hold);
    let mut child = Command::new(host::binary().unwrap())
        .args(["mcp", "--url", world.url(), "--token", HELPDESK])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut stdout = BufReader::new(stdout).lines();
    let params = json!({"name": READ, "arguments": given});
    writeln!(stdin, "{}", line(1, OLD, "tools/call", &params)).unwrap();
    wait::until("the action reads", || world.proxy.count("GET") > 0);
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": {"requestId": 1}});
    writeln!(stdin, "{cancel}\n{}", line(2, OLD, "tools/list", &json!({}))).unwrap();
    let first: Value = serde_json::from_str(&stdout.next().unwrap().unwrap()).unwrap();
    assert_eq!(first["id"], 2, "{first:#}");
    world.proxy.set("GET", Fault::None);
    let listed = world.client(HELPDESK).get("/v1/actions").unwrap().json();
    let action = listed["actions"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(world.settled(&action).unwrap()["status"], "verified");
    drop(stdin);
    assert!(stdout.next().is_none(), "a call that was cancelled has no answer");
    assert!(child.wait().unwrap().success());
    let again = call(&world, OLD, READ, &given)["structuredContent"].clone();
    assert_eq!((&again["joined"], &again["outcome"]), (&json!(action), &json!("verified")));
}

#[test]
fn a_line_that_is_too_long_has_an_error_and_the_next_line_is_carried() {
    let world = start();
    let filled = |id: u64, length: usize| {
        line(id, NEW, "tools/call", &json!({"name": READ, "fill": "x".repeat(length)}))
    };
    let lines = [
        filled(1, 300 * 1024),
        line(2, NEW, "tools/list", &json!({})),
        filled(3, 5 * 1024 * 1024),
        "x".repeat(300 * 1024),
    ];
    let answers = carried(&world, HELPDESK, &lines);
    assert_eq!(answers.len(), 4, "{answers:#?}");
    assert!(with(&answers, &json!(2))["result"]["tools"].is_array());
    let errors: Vec<&Value> = answers.iter().filter(|one| one["id"] != 2).collect();
    for answer in &errors {
        assert_eq!(answer["error"]["code"], -32600, "{answer:#}");
        assert!(answer["error"]["message"].as_str().unwrap().contains("256 KiB"), "{answer:#}");
    }
    // The id of a line that is much too long, or not JSON, is not known.
    let mut ids: Vec<String> = errors.iter().map(|answer| answer["id"].to_string()).collect();
    ids.sort();
    assert_eq!(ids, ["1", "null", "null"]);
}

#[test]
fn a_text_that_no_header_can_have_is_named_in_the_error() {
    let world = start();
    let long = json!({"name": "x".repeat(200_000), "arguments": {}});
    let odd = json!({"_meta": {"io.modelcontextprotocol/protocolVersion": "a\nb"}});
    let lines = [line(1, OLD, "tools/call", &long), line(3, OLD, "tools/list", &odd)];
    let answers = carried(&world, HELPDESK, &lines);
    for (id, words) in [(1, "`/params/name` is too long"), (3, "is not a revision of the protocol")]
    {
        let error = &with(&answers, &json!(id))["error"];
        assert_eq!(error["code"], -32600, "{error:#}");
        let said = error["message"].as_str().unwrap();
        assert!(said.contains(words) && !said.contains("deed serve"), "{error:#}");
    }
}

/// The host cannot tell the id of a message that it cannot read, but the client waits for an answer with that id.
#[test]
fn an_error_without_an_id_gets_the_id_of_its_request() {
    let world = start();
    let twice = "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"ping\",\"method\":\"ping\"}";
    let answers = carried(&world, HELPDESK, &[twice.to_owned()]);
    assert_eq!(with(&answers, &json!(5))["error"]["code"], -32700, "{answers:#?}");
}
