//! Tests of the checks before a message is read, and of messages that are not what they seem.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use deed_test_support::shared::user;
use deed_tests::world::{BOB, HELPDESK, World};
use serde_json::json;

use super::{ACCEPT, BOTH, NEW, OLD, READ, arguments, call, post, request, send, start};

/// The status of a request with exactly these headers, of which `host` is the first.
fn status(world: &World, host: &str, headers: &[(&str, &str)]) -> u16 {
    let body = request(OLD, "tools/list", &json!({})).to_string();
    let authority = world.url().strip_prefix("http://").unwrap();
    let mut text = format!(
        "POST /mcp HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {HELPDESK}\r\n{}: {}\r\n\
         content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n",
        ACCEPT.0,
        ACCEPT.1,
        body.len()
    );
    for (name, value) in headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    let mut stream = TcpStream::connect(authority).unwrap();
    stream.write_all(format!("{text}\r\n{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_web_page_on_another_site_cannot_reach_the_host() {
    let world = start();
    let own = world.url().strip_prefix("http://").unwrap().to_owned();
    let port = own.rsplit(':').next().unwrap();
    for host in [own.clone(), format!("localhost:{port}"), format!("[::1]:{port}")] {
        assert_eq!(status(&world, &host, &[]), 200, "{host}");
    }
    for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "a b"] {
        assert!([400, 403].contains(&status(&world, host, &[])), "{host}");
    }
    let same = format!("http://{own}");
    assert_eq!(status(&world, &own, &[("origin", &same)]), 200);
    for origin in ["http://evil.example", "https://localhost", "null", ""] {
        assert_eq!(status(&world, &own, &[("origin", origin)]), 403, "{origin}");
    }
}

#[test]
fn only_an_agents_token_opens_the_door() {
    let world = start();
    for revision in BOTH {
        for (token, expected) in [("", 401), ("deed_unknown", 401), (BOB, 403), (HELPDESK, 200)] {
            let answer = send(&world, token, revision, "tools/list", &json!({}));
            assert_eq!(answer.status, expected, "{token}: {answer:?}");
        }
    }
    for method in ["GET", "DELETE", "PUT"] {
        let answer = world.client(HELPDESK).send(method, "/mcp", &[ACCEPT], vec![]).unwrap();
        assert_eq!(answer.status, 405, "{method}");
    }
}

#[test]
fn a_body_is_one_message_of_limited_size_and_depth() {
    let world = start();
    let one = request(OLD, "tools/list", &json!({})).to_string();
    let deep = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/list\",\"params\":{}1{}}}",
        "{\"a\":".repeat(100),
        "}".repeat(100)
    );
    let twice =
        "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/list\",\"method\":\"tools/call\"}";
    for (body, status, code) in [
        (format!("[{one}]"), 400, -32600),
        (format!("[{one},{one}]"), 400, -32600),
        ("[]".to_owned(), 400, -32600),
        ("{".to_owned(), 400, -32700),
        (deep, 400, -32700),
        (twice.to_owned(), 400, -32700),
        (format!("{one}{one}"), 400, -32700),
        ("{\"method\":\"tools/list\",\"id\":7}".to_owned(), 400, -32600),
    ] {
        let answer = post(&world, HELPDESK, &[("mcp-protocol-version", OLD)], &body);
        let shown = (answer.status, answer.json()["error"]["code"].as_i64());
        assert_eq!(shown, (status, Some(code)), "{body}");
    }
    let huge = "a".repeat(300 * 1024);
    let answer =
        post(&world, HELPDESK, &[], &request(OLD, "tools/list", &json!({"a": huge})).to_string());
    assert_eq!(answer.status, 413, "{answer:?}");
    let answer = world.client(HELPDESK).send("POST", "/mcp", &[], one.into_bytes()).unwrap();
    assert_eq!(answer.status, 406, "the client must accept both forms of an answer");
}

#[test]
fn headers_that_differ_from_the_body_are_refused() {
    let (world, user) = (start(), user("mcp-headers", Some(true)));
    let params = json!({"name": READ, "arguments": arguments(&user)});
    for revision in BOTH {
        let body = request(revision, "tools/call", &params).to_string();
        let version = ("mcp-protocol-version", revision);
        for wrong in [
            [("mcp-method", "tools/list"), ("mcp-name", READ)],
            [("mcp-method", "tools/call"), ("mcp-name", "deed_status")],
            [("mcp-method", "tools/call"), ("mcp-method", "tools/call")],
        ] {
            let answer = post(&world, HELPDESK, &[version, wrong[0], wrong[1]], &body);
            let code = answer.json()["error"]["code"].clone();
            assert_eq!((answer.status, code), (400, json!(-32020)), "{revision} {wrong:?}");
        }
    }
    // In the new revision, the headers must be there, and so must the version.
    let body = request(NEW, "tools/call", &params).to_string();
    for headers in [&[][..], &[("mcp-protocol-version", NEW)], &[("mcp-protocol-version", OLD)]] {
        let answer = post(&world, HELPDESK, headers, &body);
        assert_eq!(answer.status, 400, "{headers:?}: {answer:?}");
    }
    assert!(world.proxy.requests().is_empty());
}

/// The crate that reads messages logs them, and a message can contain private parameters.
#[test]
fn no_message_is_in_the_log() {
    let (mut world, user) = (start(), user("mcp-log", Some(true)));
    world.stop().unwrap();
    world.serve_with(&[("DEED_LOG", "trace,rmcp=trace,rmcp::service=trace")]).unwrap();
    let mut given = arguments(&user);
    given["intent"] = json!("an-intent-that-is-in-no-log");
    call(&world, NEW, READ, &given);
    call(&world, OLD, "deed_list", &json!({}));
    let log = world.host.as_ref().unwrap().log();
    for word in ["rmcp", "an-intent-that-is-in-no-log", HELPDESK] {
        assert!(!log.contains(word), "{word}");
    }
}

#[test]
fn refused_messages_use_up_the_callers_budget() {
    let world = start();
    let refused = |_: usize| post(&world, HELPDESK, &[], "[]").status;
    let first = (0..300).map(refused).find(|status| *status != 400);
    assert_eq!(first, Some(429), "the caller is told to wait");
    let answer = send(&world, BOB, OLD, "tools/list", &json!({}));
    assert_eq!(answer.status, 403, "other callers are not affected");
}

#[test]
fn refused_calls_use_up_the_callers_budget() {
    let world = start();
    let params = json!({"name": READ, "arguments": {"user_id": "../1"}});
    let refused = |_: usize| send(&world, HELPDESK, NEW, "tools/call", &params).status;
    let first = (0..300).map(refused).find(|status| *status != 200);
    assert_eq!(first, Some(429), "the caller is told to wait");
}

/// Refusals of the protocol count as refusals of the other routes do, also where they have status 200.
#[test]
fn refusals_of_the_protocol_are_charged_to_the_caller() {
    let world = start();
    let mut refused = 0;
    let limited = (0..300).any(|_| {
        let call = json!({"name": "no_such_tool", "arguments": {}});
        let answer = send(&world, HELPDESK, OLD, "tools/call", &call);
        refused += usize::from(answer.status == 200);
        answer.status == 429
    });
    assert!(limited && refused > 0, "{refused} refusals");
}
