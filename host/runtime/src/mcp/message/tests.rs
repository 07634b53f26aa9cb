use axum::http::{HeaderName, HeaderValue};

use super::*;

fn code(headers: &[(&'static str, &'static str)], body: &str) -> Option<i32> {
    let pairs = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    let mut map = HeaderMap::new();
    pairs.for_each(|(name, value)| {
        map.append(name, value);
    });
    check(&map, body.as_bytes()).err().map(|error| error.code)
}

#[test]
fn only_one_json_rpc_message_is_accepted() {
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    assert_eq!(code(&[], call), None);
    for (body, expected) in [
        ("", PARSE_ERROR),
        ("{", PARSE_ERROR),
        (r#"{"jsonrpc":"2.0","method":"a","method":"b"}"#, PARSE_ERROR),
        ("[]", INVALID_REQUEST),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]"#, INVALID_REQUEST),
        (r#"{"id":1,"method":"tools/list"}"#, INVALID_REQUEST),
        (r#"{"jsonrpc":"2.0","id":null,"method":"tools/list"}"#, INVALID_REQUEST),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"tools/list"}"#, INVALID_REQUEST),
        (r#"{"jsonrpc":"2.0","id":9223372036854775808,"method":"tools/list"}"#, INVALID_REQUEST),
        (r#"{"jsonrpc":2.0,"id":1,"method":"tools/list"}"#, INVALID_REQUEST),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"a":1e999}}"#, PARSE_ERROR),
        ("7", INVALID_REQUEST),
    ] {
        assert_eq!(code(&[], body), Some(expected), "{body}");
    }
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    assert_eq!(code(&[], &deep), Some(PARSE_ERROR));
}

#[test]
fn parameters_have_the_types_of_the_protocol() {
    let body = |method: &str, params: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
    };
    let call = |params: &str| code(&[], &body("tools/call", params));
    for good in [r#"{"name":"a"}"#, r#"{"name":"a","arguments":{}}"#] {
        assert_eq!(call(good), None, "{good}");
    }
    for bad in [
        "[]",
        "7",
        "null",
        r#""{}""#,
        r#"{"arguments":{}}"#,
        r#"{"name":7}"#,
        r#"{"name":"a","arguments":"{}"}"#,
        r#"{"name":"a","arguments":[]}"#,
        r#"{"name":"a","_meta":"{}"}"#,
    ] {
        assert_eq!(call(bad), Some(INVALID_PARAMS), "{bad}");
    }
    assert_eq!(code(&[], &body("tools/list", "null")), None);
    assert_eq!(code(&[], &body("tools/list", "[]")), Some(INVALID_PARAMS));
}

#[test]
fn a_revision_that_the_server_does_not_speak_is_refused() {
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let note = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let begin = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#;
    for spoken in ["2025-06-18", "2025-11-25", "2026-07-28"] {
        assert_eq!(code(&[(REVISION, spoken)], list), None, "{spoken}");
    }
    for other in ["2024-11-05", "2025-03-26", "2030-01-01", "", "x"] {
        for body in [list, note] {
            assert_eq!(code(&[(REVISION, other)], body), Some(UNSUPPORTED_REVISION), "{other}");
        }
        assert_eq!(code(&[(REVISION, other)], begin), None, "{other}");
    }
    let twice = [(REVISION, "2025-11-25"), (REVISION, "2025-11-25")];
    assert_eq!(code(&twice, list), Some(HEADER_MISMATCH));
    let declares = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":
        {"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
    assert_eq!(code(&[(REVISION, "2026-07-28")], declares), None);
    for other in ["2025-11-25", "2030-01-01"] {
        assert_eq!(code(&[(REVISION, other)], declares), Some(HEADER_MISMATCH), "{other}");
    }
}

#[test]
fn headers_say_what_the_body_says() {
    let read =
        r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"u","name":"n"}}"#;
    assert_eq!(code(&[("mcp-name", "u")], read), None);
    assert_eq!(code(&[("mcp-name", "n")], read), Some(HEADER_MISMATCH));
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"#;
    for good in [
        &[][..],
        &[("mcp-method", "tools/call")],
        &[("mcp-method", "tools/call"), ("mcp-name", "a")],
        &[("mcp-name", "=?base64?YQ==?=")],
    ] {
        assert_eq!(code(good, call), None, "{good:?}");
    }
    for bad in [
        &[("mcp-method", "tools/list")][..],
        &[("mcp-method", "")],
        &[("mcp-method", "tools/call"), ("mcp-method", "tools/call")],
        &[("mcp-name", "b")],
        &[("mcp-name", "=?base64?Yg==?=")],
        &[("mcp-name", "=?base64?%?=")],
    ] {
        assert_eq!(code(bad, call), Some(HEADER_MISMATCH), "{bad:?}");
    }
}
