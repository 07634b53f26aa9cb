//! Tests of `GET /v1/tools`: the contracts of an agent as tool definitions for other interfaces.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use deed_test_support::shared::scim;
use deed_tests::client::Answer;
use deed_tests::services::venv;
use deed_tests::world::{BOB, HELPDESK, STRANGER, World};
use serde_json::{Value, json};

/// Each format, and the JSON pointers to the tools, to the name of a tool and to the schema of its arguments.
const FORMATS: [(&str, &str, &str, &str); 6] = [
    ("openai", "/tools", "/function/name", "/function/parameters"),
    ("openai-responses", "/tools", "/name", "/parameters"),
    ("anthropic", "/tools", "/name", "/input_schema"),
    ("gemini", "/tools/0/functionDeclarations", "/name", "/parametersJsonSchema"),
    ("mcp", "/tools", "/name", "/inputSchema"),
    ("langchain", "/tools", "/function/name", "/function/parameters"),
];

/// Checks that a result fits the schema of its tool.
const CHECK_RESULT: &str = r#"
import json, sys
from jsonschema import Draft202012Validator as Schema
given = json.load(sys.stdin)
for error in Schema(given["schema"]).iter_errors(given["result"]):
    sys.exit(error.message)
"#;

/// Checks schemas with an implementation of JSON Schema that shares no code with the host.
const CHECK_SCHEMAS: &str = r#"
import json, sys
from jsonschema import Draft202012Validator as Schema
tools = {tool["name"]: tool for tool in json.load(sys.stdin)["tools"]}
for tool in tools.values():
    Schema.check_schema(tool["inputSchema"])
    Schema.check_schema(tool["outputSchema"])
good = {"user_id": "0" * 32, "intent": "x", "sources": [{"uri": "ticket:1"}]}
schema = Schema(tools["idp_suspend_user"]["inputSchema"])
assert schema.is_valid(good)
more = {"expect": {"/user/active": False}, "idempotency_key": "k"}
assert schema.is_valid(good | more)
# The host refuses numbers in `expect` that are not safe integers.
for value in (2**53 - 1, -(2**53) + 1, "1.5", None, [1], True):
    assert schema.is_valid(good | {"expect": {"/user/active": value}}), value
for value in (1.5, 2**53, -(2**53), 1e300):
    assert not schema.is_valid(good | {"expect": {"/user/active": value}}), value
wrong = [{"user_id": "short"}, {"admin": True}, {"intent": ""}, {"sources": []}, {"idempotency_key": "two words"}]
for one in wrong:
    assert not schema.is_valid(good | one), one
for name in good:
    assert not schema.is_valid({key: value for key, value in good.items() if key != name}), name
result = Schema(tools["idp_suspend_user"]["outputSchema"])
assert result.is_valid({"action": "act_1", "status": "waiting", "waits_for": ["approve:1:support-lead"]})
assert not result.is_valid({"action": "act_1", "status": "approved"})
"#;

fn list(world: &World, token: &str, query: &str) -> Answer {
    world.client(token).get(&format!("/v1/tools{query}")).unwrap()
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn every_format_has_the_contracts_of_the_agent() {
    let world = World::start(scim()).unwrap();
    let names = BTreeSet::from(["idp_read_user", "idp_restore_access", "idp_suspend_user"]);
    for (format, tools, name, schema) in FORMATS {
        let answer = list(&world, HELPDESK, &format!("?format={format}"));
        assert_eq!(answer.status, 200, "{format}: {answer:?}");
        let body = answer.json();
        let tools = body.pointer(tools).unwrap().as_array().unwrap();
        let found: Vec<&str> =
            tools.iter().map(|tool| tool.pointer(name).unwrap().as_str().unwrap()).collect();
        assert_eq!(found, names.iter().copied().collect::<Vec<_>>(), "{format}");
        for tool in tools {
            let schema = tool.pointer(schema).unwrap();
            assert_eq!(schema["type"], "object", "{format}: {schema:#}");
            assert!(keys(&schema["properties"]).contains("intent"), "{format}: {schema:#}");
        }
        assert_eq!(keys(&body["contracts"]), names, "{format}");
        assert_eq!(body["contracts"]["idp_read_user"], "idp.read_user", "{format}");
        let again = list(&world, HELPDESK, &format!("?format={format}"));
        assert_eq!(again.bytes, answer.bytes, "{format}: the list is stable");
    }
}

#[test]
fn definitions_have_the_members_that_each_interface_knows() {
    let world = World::start(scim()).unwrap();
    let first = |format: &str| {
        list(&world, HELPDESK, &format!("?format={format}")).json()["tools"][0].clone()
    };
    let function = ["name", "description", "parameters"];
    for format in ["openai", "langchain"] {
        let tool = first(format);
        assert_eq!(keys(&tool), BTreeSet::from(["type", "function"]), "{tool:#}");
        assert_eq!(keys(&tool["function"]), BTreeSet::from(function), "{tool:#}");
    }
    let tool = first("openai-responses");
    let flat = ["type", "name", "description", "parameters", "strict"];
    assert_eq!((keys(&tool), &tool["strict"]), (BTreeSet::from(flat), &json!(false)));
    let tool = first("anthropic");
    assert_eq!(keys(&tool), BTreeSet::from(["name", "description", "input_schema"]));
    let tool = first("gemini");
    let declaration = &tool["functionDeclarations"][0];
    let known = BTreeSet::from(["name", "description", "parametersJsonSchema"]);
    assert_eq!((keys(&tool).len(), keys(declaration)), (1, known), "{tool:#}");
    let tool = first("mcp");
    let members = ["name", "title", "description", "inputSchema", "outputSchema", "annotations"];
    assert_eq!(keys(&tool), BTreeSet::from(members));
    let hints = json!({
        "title": "Read a user of the directory",
        "readOnlyHint": true,
        "destructiveHint": false,
        "idempotentHint": true,
        "openWorldHint": true,
    });
    assert_eq!(tool["annotations"], hints);
}

#[test]
fn schemas_hold_for_another_implementation() {
    let world = World::start(scim()).unwrap();
    python(CHECK_SCHEMAS, &list(&world, HELPDESK, "?format=mcp").bytes);
}

/// Some clients validate every structured result against the schema, also that of an error.
#[test]
fn a_refusal_fits_the_schema_of_the_result() {
    let world = World::start(scim()).unwrap();
    let listed = list(&world, HELPDESK, "?format=mcp").json();
    let good = json!({"user_id": "0".repeat(32), "intent": "x", "sources": [{"uri": "ticket:1"}]});
    let mut keyed = good.clone();
    keyed["idempotency_key"] = json!("two words");
    for arguments in [json!({}), json!({"user_id": "short", "admin": true}), keyed] {
        for tool in listed["tools"].as_array().unwrap() {
            let params = json!({"name": tool["name"], "arguments": arguments});
            let message =
                json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
            let accept = ("accept", "application/json, text/event-stream");
            let headers = [accept, ("mcp-protocol-version", "2025-11-25")];
            let body = message.to_string().into_bytes();
            let answer = world.client(HELPDESK).send("POST", "/mcp", &headers, body).unwrap();
            let result = answer.json()["result"]["structuredContent"].clone();
            assert!(result["refused"].is_string(), "{answer:?}");
            let known = keys(&tool["outputSchema"]["properties"]);
            assert!(keys(&result).is_subset(&known), "every member is described: {result:#}");
            let given = json!({"schema": tool["outputSchema"], "result": result});
            python(CHECK_RESULT, given.to_string().as_bytes());
        }
    }
}

/// Runs a script with this text on stdin.
fn python(script: &str, input: &[u8]) {
    let mut python = Command::new(venv().join("bin/python"))
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(input).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn any_other_request_is_refused() {
    let world = World::start(scim()).unwrap();
    for (query, words) in [
        ("", "`format` is missing"),
        ("?format=", "invalid format ``"),
        (
            "?format=OpenAI",
            "use one of openai, openai-responses, anthropic, gemini, mcp, langchain",
        ),
        ("?format=%ff", "invalid format"),
        ("?format=mcp&format=mcp", "`format` occurs twice"),
        ("?format=mcp&limit=1", "`limit` is unknown"),
    ] {
        let answer = list(&world, HELPDESK, query);
        assert_eq!(answer.status, 400, "{query}: {answer:?}");
        assert!(answer.text("/detail").contains(words), "{query}: {}", answer.json());
    }
    assert_eq!(list(&world, BOB, "?format=mcp").status, 403, "tools are for agents");
    assert_eq!(list(&world, "", "?format=mcp").status, 401);
    let posted = world.client(HELPDESK).post("/v1/tools?format=mcp", &json!({})).unwrap();
    assert_eq!(posted.status, 405);
    assert_eq!(list(&world, STRANGER, "?format=mcp").status, 200);
    assert!(world.proxy.requests().is_empty(), "a list sends nothing");
}
