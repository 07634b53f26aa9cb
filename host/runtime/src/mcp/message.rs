//! Checks the form of a message, and compares the headers that describe it with the message itself.
//!
//! Parties between the caller and the host may route or count by the headers, so they must say what the body says. The
//! host itself uses only the body.

use std::fmt::Display;

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_spec::json as strict;
use serde_json::{Value, json};

use super::revisions;

/// Why a message is refused before a method is called, with the id of the request if the message has one.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(super) struct MessageError {
    status: StatusCode,
    code: i32,
    id: Value,
    what: String,
    data: Option<Box<Value>>,
}

/// JSON-RPC 2.0: the body is not JSON.
const PARSE_ERROR: i32 = -32700;
/// JSON-RPC 2.0: the body is not a request or notification.
const INVALID_REQUEST: i32 = -32600;
/// JSON-RPC 2.0: the parameters of the method do not fit.
const INVALID_PARAMS: i32 = -32602;
/// MCP: a header differs from the body.
const HEADER_MISMATCH: i32 = -32020;
/// MCP: the server does not speak the revision.
const UNSUPPORTED_REVISION: i32 = -32022;

const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";
const REVISION: &str = "mcp-protocol-version";
/// The revision of a request in the body, in revisions without `initialize`.
const DECLARED: &str = "/params/_meta/io.modelcontextprotocol~1protocolVersion";
/// The first request of a client of an older revision. It has the revision that the client asks for.
const INITIALIZE: &str = "initialize";

impl MessageError {
    fn new(code: i32, what: impl Into<String>) -> Self {
        let status = StatusCode::BAD_REQUEST;
        Self { status, code, id: Value::Null, what: what.into(), data: None }
    }

    /// An error of a well-formed request. Every revision reports it with status 200, so that the client passes it to the
    /// caller of the method and does not take it for a fault of the connection.
    fn of_method(what: impl Into<String>) -> Self {
        Self { status: StatusCode::OK, ..Self::new(INVALID_PARAMS, what) }
    }

    fn unsupported(revision: &str) -> Self {
        let data = json!({"requested": revision, "supported": revisions::names()});
        let what = "the server does not speak this revision of the protocol";
        Self { data: Some(Box::new(data)), ..Self::new(UNSUPPORTED_REVISION, what) }
    }
}

impl IntoResponse for MessageError {
    fn into_response(self) -> Response {
        let mut error = json!({"code": self.code, "message": self.what});
        if let (Some(data), Some(members)) = (self.data, error.as_object_mut()) {
            members.insert("data".to_owned(), *data);
        }
        let body = json!({"jsonrpc": "2.0", "id": self.id, "error": error});
        (self.status, Json(body)).into_response()
    }
}

/// Checks a message. Strict JSON has no duplicate keys and at most 64 levels, so the message means the same to every
/// reader. The members are then read as the crate reads them, because the strict parser gives some numbers as text.
pub(super) fn check(headers: &HeaderMap, body: &[u8]) -> Result<(), MessageError> {
    let unreadable = |why: &dyn Display| MessageError::new(PARSE_ERROR, why.to_string());
    strict::parse(body).map_err(|e| unreadable(&e))?;
    let message: Value = serde_json::from_slice(body).map_err(|e| unreadable(&e))?;
    form(&message)?;
    let checked = described(headers, &message)
        .and_then(|()| revision(headers, &message))
        .and_then(|()| parameters(&message));
    checked.map_err(|error| MessageError { id: id(&message), ..error })
}

/// Checks that the body is one JSON-RPC 2.0 message.
fn form(message: &Value) -> Result<(), MessageError> {
    let error = |what: &str| Err(MessageError::new(INVALID_REQUEST, what));
    if message.is_array() {
        return error("batches are not supported; send one message in each request");
    }
    if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return error("the body must be one JSON-RPC 2.0 message");
    }
    let id_is_valid = |id: &Value| id.is_string() || id.is_i64();
    if !message.get("id").is_none_or(id_is_valid) {
        return error("`id` must be a string or an integer; a notification has no `id`");
    }
    Ok(())
}

/// Compares the headers that name the method and its object with the body.
fn described(headers: &HeaderMap, message: &Value) -> Result<(), MessageError> {
    for (header, is) in [(METHOD, message.get("method")), (NAME, name(message))] {
        agrees(headers, header, is.and_then(Value::as_str))
            .map_err(|what| MessageError::new(HEADER_MISMATCH, what))?;
    }
    Ok(())
}

/// Compares the revision in the header with the body, and refuses a revision that the server does not speak. A request
/// without the header is one of an older revision. `initialize` has the revision in its parameters, and its answer names
/// one that the server speaks.
fn revision(headers: &HeaderMap, message: &Value) -> Result<(), MessageError> {
    let value = one(headers, REVISION).map_err(|what| MessageError::new(HEADER_MISMATCH, what))?;
    let Some(value) = value else { return Ok(()) };
    let declared = message.pointer(DECLARED).and_then(Value::as_str);
    if declared.is_some_and(|declared| declared != value) {
        return Err(MessageError::new(HEADER_MISMATCH, differs(REVISION)));
    }
    let begins = message.get("method").and_then(Value::as_str) == Some(INITIALIZE);
    if begins || revisions::is_spoken(value) {
        return Ok(());
    }
    Err(MessageError::unsupported(value))
}

/// Checks the types of the parameters. The crate takes a request with parameters of another type for one of an unknown
/// method, and its error would not say what is wrong.
fn parameters(message: &Value) -> Result<(), MessageError> {
    let params = message.get("params").unwrap_or(&Value::Null);
    if !params.is_object() && !params.is_null() {
        return Err(MessageError::new(INVALID_PARAMS, "`/params` must be an object"));
    }
    if !params.get("_meta").is_none_or(Value::is_object) {
        return Err(MessageError::new(INVALID_PARAMS, "`/params/_meta` must be an object"));
    }
    if message.get("method").and_then(Value::as_str) != Some("tools/call") {
        return Ok(());
    }
    if !params.get("name").is_some_and(Value::is_string) {
        let what = "`/params/name` must be a string, the name of a tool";
        return Err(MessageError::of_method(what));
    }
    match params.get("arguments") {
        None | Some(Value::Null | Value::Object(_)) => Ok(()),
        Some(Value::String(_)) => Err(MessageError::of_method(
            "`/params/arguments` must be an object, and is a string; send the object itself, not its text",
        )),
        Some(_) => Err(MessageError::of_method("`/params/arguments` must be an object")),
    }
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
    let Some(value) = one(headers, header)? else { return Ok(()) };
    let value = decoded(value);
    if value.is_some() && value.as_deref() == body { Ok(()) } else { Err(differs(header)) }
}

/// The value of a header that may occur only once.
fn one<'a>(headers: &'a HeaderMap, header: &str) -> Result<Option<&'a str>, String> {
    let mut all = headers.get_all(header).iter();
    let Some(value) = all.next() else { return Ok(None) };
    if all.next().is_some() {
        return Err(format!("`{header}` occurs twice"));
    }
    let value =
        value.to_str().map_err(|_| format!("`{header}` must be visible ASCII characters"))?;
    Ok(Some(value))
}

fn differs(header: &str) -> String {
    format!("`{header}` differs from the body")
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
mod tests;
