//! Messages that must not reach a method, and messages about requests of others.

use std::thread;

use deed_test_support::shared::{locked_out, scim, user};
use deed_tests::client::Answer;
use deed_tests::world::{HELPDESK, STRANGER, World};
use serde_json::{Value, json};

use super::{own_host, say};
use crate::callers::mcp::{message, proposal, send};
use crate::callers::unharmed;

const REVISIONS: [&str; 3] = ["2025-06-18", "2025-11-25", NEW];
const NEW: &str = "2026-07-28";
const TOOL: &str = "idp_read_user";
/// The largest body.
const BODY_MAX: usize = 256 * 1024;

/// The parameters of a call of the tool that reads a user, in this revision.
fn call(revision: &str, user: &str) -> Value {
    let mut params = json!({"name": TOOL, "arguments": proposal(user)});
    if revision == NEW {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": NEW,
            "io.modelcontextprotocol/clientCapabilities": {},
        });
    }
    params
}

/// DNS rebinding: the browser of a user sends requests to the address of the host under the name of another site.
pub(super) fn host_names() {
    let world = World::start(scim()).unwrap();
    let own = own_host(&world);
    let body = message("tools/list", &json!({}));
    assert_eq!(say(&world, &[&own], HELPDESK, &body).status(), 200);
    for name in [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "localhost.",
        "127.0.0.1@evil.example",
        "evil.example@127.0.0.1",
        "[::1].evil.example",
        "0x7f000001",
        "2130706433",
        "127.1",
        "localhost:99999",
    ] {
        let line = format!("Host: {name}");
        for token in [HELPDESK, "wrong"] {
            let said = say(&world, &[&line], token, &body);
            assert!([400, 403].contains(&said.status()), "{name}: {said:?}");
        }
    }
    for lines in [
        vec![],
        vec![own.as_str(), "Host: evil.example"],
        vec!["Host: evil.example", "X-Forwarded-Host: 127.0.0.1", "Forwarded: host=127.0.0.1"],
        vec![own.as_str(), "Origin: http://evil.example"],
        vec![own.as_str(), "Origin: http://127.0.0.1"],
        vec![own.as_str(), "Origin: null"],
        vec![own.as_str(), "Origin: file://"],
        vec![own.as_str(), "Origin: chrome-extension://abcdefghijklmnop"],
    ] {
        let said = say(&world, &lines, HELPDESK, &body);
        assert!([400, 403].contains(&said.status()), "{lines:?}: {said:?}");
    }
    assert!(world.proxy.requests().is_empty());
    unharmed(&world);
}

/// A party between the agent and the host counts and routes by the headers, and the host acts on the body.
pub(super) fn other_headers() {
    let (world, user) = (World::start(scim()).unwrap(), user("headers", Some(true)));
    for revision in REVISIONS {
        let body = message("tools/call", &call(revision, &user));
        let right =
            [("mcp-protocol-version", revision), ("mcp-method", "tools/call"), ("mcp-name", TOOL)];
        for wrong in [
            ("mcp-method", "tools/list"),
            ("mcp-method", "TOOLS/CALL"),
            ("mcp-method", ""),
            ("mcp-name", "deed_status"),
            ("mcp-name", "IDP_READ_USER"),
            ("mcp-name", "=?base64?ZGVlZF9zdGF0dXM=?="),
            ("mcp-name", "=?base64?!?="),
        ] {
            let headers = right.map(|one| if one.0 == wrong.0 { wrong } else { one });
            mismatch(&send(&world, HELPDESK, &headers, &body), revision);
        }
        // A header that occurs twice is read differently by different parties.
        for twice in right {
            let headers = [&right[..], &[twice]].concat();
            mismatch(&send(&world, HELPDESK, &headers, &body), revision);
        }
    }
    let body = message("tools/call", &call(NEW, &user));
    for other in ["2025-11-25", "2030-01-01"] {
        let headers =
            [("mcp-protocol-version", other), ("mcp-method", "tools/call"), ("mcp-name", TOOL)];
        mismatch(&send(&world, HELPDESK, &headers, &body), other);
    }
    assert!(world.proxy.requests().is_empty());
    unharmed(&world);
}

fn mismatch(answer: &Answer, revision: &str) {
    let code = answer.json()["error"]["code"].clone();
    assert_eq!((answer.status, code), (400, json!(-32020)), "{revision}: {answer:?}");
}

/// Bodies that two readers understand differently, or that take much memory to read.
pub(super) fn bodies() {
    let (world, user) = (World::start(scim()).unwrap(), user("bodies", Some(true)));
    let good = message("tools/call", &call("2025-11-25", &user));
    let list = message("tools/list", &json!({}));
    let deep = |open: &str, close: &str| {
        let inner = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{{\"a\":{inner}}}}}"
        )
    };
    let twice = |name: &str| {
        good.replacen(&format!("\"{name}\":"), &format!("\"{name}\":null,\"{name}\":"), 1)
    };
    let mut bad: Vec<Vec<u8>> = [
        format!("[{good}]"),
        format!("[{list},{good}]"),
        format!("{list}\n{good}"),
        format!("\u{feff}{good}"),
        deep("[", "]"),
        deep("{\"a\":", "}"),
        twice("method"),
        twice("params"),
        twice("name"),
        twice("arguments"),
        twice("user_id"),
        good.replacen("\"jsonrpc\":\"2.0\"", "\"jsonrpc\":2.0", 1),
        good.replacen("\"id\":1", "\"id\":1.5", 1),
        good.replacen("\"id\":1", "\"id\":{}", 1),
    ]
    .into_iter()
    .map(String::into_bytes)
    .collect();
    bad.push([good.as_bytes(), b"\0"].concat());
    bad.push([good.as_bytes(), b"\xff"].concat());
    let accept = [("accept", "application/json, text/event-stream")];
    let ask = |body: Vec<u8>| world.client(HELPDESK).send("POST", "/mcp", &accept, body).unwrap();
    for body in bad {
        let answer = ask(body.clone());
        let shown = String::from_utf8_lossy(&body).chars().take(200).collect::<String>();
        let code = answer.json()["error"]["code"].as_i64().unwrap();
        assert!(answer.status == 400 && [-32700, -32600].contains(&code), "{shown}: {answer:?}");
    }
    let padded = |length: usize| format!("{list}{}", " ".repeat(length - list.len())).into_bytes();
    assert_eq!(ask(padded(BODY_MAX)).status, 200);
    assert_eq!(ask(padded(BODY_MAX + 1)).status, 413);
    assert!(world.proxy.requests().is_empty());
    unharmed(&world);
}

/// Every client numbers its requests from the same number. A cancellation must not reach a request of another.
pub(super) fn cancels() {
    let world = World::start(scim()).unwrap();
    let waiting = world.propose(&World::proposal("idp.restore_access", &locked_out())).unwrap();
    let arguments = json!({"action": waiting.text("/id"), "wait_s": 3});
    let wait = message("tools/call", &json!({"name": "deed_status", "arguments": arguments}));
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": {"requestId": 1, "reason": "not needed"}});
    let cancel = cancel.to_string();
    thread::scope(|scope| {
        let asking = scope.spawn(|| send(&world, HELPDESK, &[], &wait));
        while !asking.is_finished() {
            for token in [HELPDESK, STRANGER] {
                let answer = send(&world, token, &[], &cancel);
                assert_eq!((answer.status, answer.bytes.len()), (202, 0), "{answer:?}");
            }
        }
        let answer = asking.join().unwrap().json();
        let structured = &answer["result"]["structuredContent"];
        assert_eq!((&answer["id"], &structured["status"]), (&json!(1), &json!("waiting")));
    });
    unharmed(&world);
}
