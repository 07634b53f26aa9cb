//! Tests of what a client learns before it calls a tool.

use deed_tests::world::HELPDESK;
use serde_json::{Value, json};

use super::{BOTH, NEW, OLD, READ, RESTORE, names, post, request, result, send, start};

#[test]
fn a_client_of_the_new_revision_discovers_the_server() {
    let world = start();
    let found = result(&world, NEW, "server/discover", &json!({}));
    let versions = found["supportedVersions"].as_array().unwrap();
    assert!(BOTH.iter().all(|one| versions.contains(&json!(one))), "{found:#}");
    assert!(found["capabilities"]["tools"].is_object(), "{found:#}");
    let instructions = found["instructions"].as_str().unwrap();
    for words in ["deed_status", "only deed_propose does"] {
        assert!(instructions.contains(words), "{instructions}");
    }
}

#[test]
fn a_client_of_the_old_revision_initializes() {
    let world = start();
    let client = json!({"name": "test", "version": "1"});
    let params = json!({"protocolVersion": OLD, "capabilities": {}, "clientInfo": client});
    let body = request(OLD, "initialize", &params).to_string();
    let answer = post(&world, HELPDESK, &[], &body);
    let found = answer.json()["result"].clone();
    assert_eq!((answer.status, &found["protocolVersion"]), (200, &json!(OLD)), "{answer:?}");
    assert_eq!(found["serverInfo"]["name"], "deed", "{found:#}");
    // The host has no sessions, so the next messages need no session id.
    let done = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
    let answer = post(&world, HELPDESK, &[("mcp-protocol-version", OLD)], &done);
    assert_eq!((answer.status, answer.bytes.len()), (202, 0), "{answer:?}");
    assert!(names(&world, OLD).contains(&READ.to_owned()));
    // A client that asks for a revision without `initialize` gets the newest one with it.
    let params = json!({"protocolVersion": NEW, "capabilities": {}, "clientInfo": client});
    let answer = post(&world, HELPDESK, &[], &request(OLD, "initialize", &params).to_string());
    assert_eq!(answer.json()["result"]["protocolVersion"], OLD, "{answer:?}");
}

#[test]
fn a_revision_that_the_server_does_not_speak_is_refused() {
    let world = start();
    let mut body = request(NEW, "tools/list", &json!({}));
    body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2030-01-01");
    let headers = [("mcp-protocol-version", "2030-01-01"), ("mcp-method", "tools/list")];
    let answer = post(&world, HELPDESK, &headers, &body.to_string());
    assert_eq!(
        (answer.status, &answer.json()["error"]["code"]),
        (400, &json!(-32022)),
        "{answer:?}"
    );
}

/// The crate that reads messages knows two revisions that are older than those that the server speaks.
#[test]
fn a_header_with_a_revision_that_the_server_does_not_speak_is_refused() {
    let world = start();
    let list = request(OLD, "tools/list", &json!({})).to_string();
    let note = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
    for other in ["2024-11-05", "2025-03-26", "2030-01-01", "latest"] {
        for body in [&list, &note] {
            let answer = post(&world, HELPDESK, &[("mcp-protocol-version", other)], body);
            let error = &answer.json()["error"];
            assert_eq!((answer.status, &error["code"]), (400, &json!(-32022)), "{answer:?}");
            let supported = json!(["2025-06-18", OLD, NEW]);
            let data = json!({"requested": other, "supported": supported});
            assert_eq!(error["data"], data, "{answer:?}");
        }
    }
    // A client of the oldest of the three revisions need not send the header.
    assert_eq!(post(&world, HELPDESK, &[], &list).status, 200);
    let twice = [("mcp-protocol-version", OLD), ("mcp-protocol-version", OLD)];
    let answer = post(&world, HELPDESK, &twice, &list);
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!(-32020)));
}

#[test]
fn both_revisions_list_the_same_tools() {
    let world = start();
    let listed = BOTH.map(|revision| result(&world, revision, "tools/list", &json!({})));
    assert_eq!(listed[0]["tools"], listed[1]["tools"]);
    let [new, old] = listed;
    assert_eq!((&new["cacheScope"], &new["resultType"]), (&json!("private"), &json!("complete")));
    assert!(new["ttlMs"].as_u64().unwrap() > 0, "{new:#}");
    assert!(old.get("resultType").is_none(), "{old:#}");
    let expected = [
        READ,
        RESTORE,
        "idp_suspend_user",
        "deed_can",
        "deed_cancel",
        "deed_explain",
        "deed_list",
        "deed_status",
    ];
    assert_eq!(names(&world, NEW), expected);
}

#[test]
fn a_tool_says_what_it_takes_and_whether_it_changes_anything() {
    let world = start();
    let listed = result(&world, NEW, "tools/list", &json!({}));
    let tool = |name: &str| -> Value {
        let tools = listed["tools"].as_array().unwrap();
        tools.iter().find(|tool| tool["name"] == name).unwrap().clone()
    };
    for (name, reads) in [(READ, true), (RESTORE, false), ("deed_status", true)] {
        let tool = tool(name);
        let hints = &tool["annotations"];
        assert_eq!(hints["readOnlyHint"], reads, "{tool:#}");
        for hint in ["destructiveHint", "idempotentHint", "openWorldHint"] {
            assert!(hints[hint].is_boolean(), "{tool:#}");
        }
        assert!(tool["title"].is_string() && tool["description"].is_string(), "{tool:#}");
    }
    let input = &tool(RESTORE)["inputSchema"];
    assert!(input["properties"]["user_id"].is_object(), "{input:#}");
    let required = input["required"].as_array().unwrap();
    for name in ["user_id", "intent", "sources"] {
        assert!(required.contains(&json!(name)), "{input:#}");
    }
    assert_eq!(tool(RESTORE)["outputSchema"]["type"], "object");
}

#[test]
fn a_method_that_does_not_exist_and_a_cursor_are_refused() {
    let world = start();
    for (revision, status) in [(NEW, 404), (OLD, 200)] {
        let answer = send(&world, HELPDESK, revision, "tools/approve", &json!({}));
        let code = answer.json()["error"]["code"].clone();
        assert_eq!((answer.status, code), (status, json!(-32601)), "{answer:?}");
        let answer = send(&world, HELPDESK, revision, "tools/list", &json!({"cursor": "2"}));
        assert_eq!(answer.json()["error"]["code"], -32602, "{answer:?}");
    }
}
