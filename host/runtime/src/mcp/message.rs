//! Checks the form of a message, and compares the headers that describe it with the message itself.
//!
//! Parties between the caller and the host may route or count by the headers, so they must say what the body says. The
//! host itself uses only the body.

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_spec::json as strict;
use serde_json::{Value, json};

/// Why a message is refused before a method is called, with the id of the request if the message has one.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(super) struct MessageError {
    code: i32,
    id: Value,
    what: String,
}

/// JSON-RPC 2.0: the body is not JSON.
const PARSE_ERROR: i32 = -32700;
/// JSON-RPC 2.0: the body is not a request or notification.
const INVALID_REQUEST: i32 = -32600;
/// MCP: a header differs from the body.
const HEADER_MISMATCH: i32 = -32020;

const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";

impl IntoResponse for MessageError {
    fn into_response(self) -> Response {
        let error = json!({"code": self.code, "message": self.what});
        let body = json!({"jsonrpc": "2.0", "id": self.id, "error": error});
        (StatusCode::BAD_REQUEST, Json(body)).into_response()
    }
}

/// Checks a message. Strict JSON has no duplicate keys and at most 64 levels, so the message means the same to every
/// reader.
pub(super) fn check(headers: &HeaderMap, body: &[u8]) -> Result<(), MessageError> {
    let error = |code, what| MessageError { code, id: Value::Null, what };
    let message = strict::parse(body).map_err(|e| error(PARSE_ERROR, e.to_string()))?;
    if message.is_array() {
        let what = "batches are not supported; send one message in each request";
        return Err(error(INVALID_REQUEST, what.to_owned()));
    }
    if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        let what = "the body must be one JSON-RPC 2.0 message";
        return Err(error(INVALID_REQUEST, what.to_owned()));
    }
    let id_is_valid = |id: &Value| id.is_string() || id.is_i64() || id.is_u64();
    if !message.get("id").is_none_or(id_is_valid) {
        let what = "`id` must be a string or an integer; a notification has no `id`";
        return Err(error(INVALID_REQUEST, what.to_owned()));
    }
    let described = [(METHOD, message.get("method")), (NAME, name(&message))];
    for (header, is) in described {
        if let Err(what) = agrees(headers, header, is.and_then(Value::as_str)) {
            return Err(MessageError { code: HEADER_MISMATCH, id: id(&message), what });
        }
    }
    Ok(())
}

/// The id of a request; null if the message has none.
fn id(message: &Value) -> Value {
    let id = message.get("id").filter(|id| id.is_string() || id.is_number());
    id.cloned().unwrap_or_default()
}

/// What the message is about: a tool, a prompt, a resource or a task. The method says which member names it.
fn name(message: &Value) -> Option<&Value> {
    let key = match message.get("method")?.as_str()? {
        "tools/call" | "prompts/get" => "name",
        method if method.starts_with("resources/") => "uri",
        method if method.starts_with("tasks/") => "taskId",
        _ => return None,
    };
    message.get("params")?.get(key)
}

/// Compares a header, if the request has it, with the text in the body.
fn agrees(headers: &HeaderMap, header: &str, body: Option<&str>) -> Result<(), String> {
    let mut all = headers.get_all(header).iter();
    let Some(value) = all.next() else { return Ok(()) };
    if all.next().is_some() {
        return Err(format!("`{header}` occurs twice"));
    }
    let value = value.to_str().ok().and_then(decoded);
    if value.is_some() && value.as_deref() == body {
        Ok(())
    } else {
        Err(format!("`{header}` differs from the body"))
    }
}

/// The text of a header. A text that is not visible ASCII is sent as `=?base64?…?=`.
fn decoded(value: &str) -> Option<String> {
    let Some(inner) = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?="))
    else {
        return Some(value.to_owned());
    };
    String::from_utf8(STANDARD.decode(inner).ok()?).ok()
}

#[cfg(test)]
mod tests {
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
            ("7", INVALID_REQUEST),
        ] {
            assert_eq!(code(&[], body), Some(expected), "{body}");
        }
        let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
        assert_eq!(code(&[], &deep), Some(PARSE_ERROR));
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
}
