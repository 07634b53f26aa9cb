//! The headers that describe a message: its revision, its method, and the tool or resource that it is about.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The name and the value of a header.
pub(super) type Header = (&'static str, String);

/// The pointer to the revision of a request, in revisions without `initialize`.
const REVISION: &str = "/params/_meta/io.modelcontextprotocol~1protocolVersion";
/// The maximum length of a value, in bytes. Hosts, and proxies before them, limit the size of all headers.
const VALUE_MAX: usize = 4 * 1024;

/// The headers of a message. `agreed` is the revision that `initialize` agreed on. Fails if the message has a text that
/// a header cannot have.
pub(super) fn of(message: &Value, agreed: Option<String>) -> Result<Vec<Header>, String> {
    let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str);
    let mut headers = Vec::new();
    let method = text("/method");
    if method != Some("initialize")
        && let Some(revision) = text(REVISION).map(str::to_owned).or(agreed)
    {
        headers.push(("mcp-protocol-version", plain(REVISION, revision)?));
    }
    if let Some(method) = method {
        headers.push(("mcp-method", short("/method", encoded(method))?));
    }
    let about = method.and_then(about);
    if let Some((pointer, value)) = about.and_then(|pointer| Some((pointer, text(pointer)?))) {
        headers.push(("mcp-name", short(pointer, encoded(value))?));
    }
    Ok(headers)
}

/// The pointer to the name of what a request with this method is about.
fn about(method: &str) -> Option<&'static str> {
    match method {
        "tools/call" | "prompts/get" => Some("/params/name"),
        method if method.starts_with("resources/") => Some("/params/uri"),
        method if method.starts_with("tasks/") => Some("/params/taskId"),
        _ => None,
    }
}

fn short(pointer: &str, value: String) -> Result<String, String> {
    if value.len() <= VALUE_MAX {
        return Ok(value);
    }
    Err(format!(
        "`{pointer}` is too long: as a header, it can have at most {VALUE_MAX} bytes, and has {}",
        value.len()
    ))
}

/// A text that is not encoded. The names of revisions have only printable ASCII characters.
fn plain(pointer: &str, value: String) -> Result<String, String> {
    if value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return short(pointer, value);
    }
    Err(format!("`{pointer}` is not a revision of the protocol, such as `2026-07-28`"))
}

/// A text as the value of a header. A text that a header cannot have is sent as base64.
fn encoded(text: &str) -> String {
    let fits = !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
        && text.trim() == text
        && !text.starts_with("=?base64?");
    if fits { text.to_owned() } else { format!("=?base64?{}?=", STANDARD.encode(text)) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_that_a_header_cannot_have_is_encoded() {
        assert_eq!(encoded("tools/call"), "tools/call");
        for text in ["", " a", "ä", "a\nb", "=?base64?YQ==?="] {
            assert!(encoded(text).starts_with("=?base64?"), "{text:?}");
        }
    }

    #[test]
    fn a_message_is_described() {
        let call = json!({"method": "tools/call", "params": {"name": "a"}});
        let agreed = || Some("2025-11-25".to_owned());
        let value = |value: &str| value.to_owned();
        let method = ("mcp-method", value("tools/call"));
        let version = ("mcp-protocol-version", value("2025-11-25"));
        assert_eq!(of(&call, None), Ok(vec![method.clone(), ("mcp-name", value("a"))]));
        assert_eq!(of(&call, agreed()), Ok(vec![version, method, ("mcp-name", value("a"))]));
        let begin = json!({"method": "initialize"});
        assert_eq!(of(&begin, agreed()), Ok(vec![("mcp-method", value("initialize"))]));
    }

    #[test]
    fn a_text_that_no_header_can_have_is_named() {
        let long = "x".repeat(VALUE_MAX + 1);
        let meta = |revision: &str| json!({"io.modelcontextprotocol/protocolVersion": revision});
        for (message, pointer) in [
            (json!({"method": long}), "`/method`"),
            (json!({"method": "tools/call", "params": {"name": long}}), "`/params/name`"),
            (json!({"method": "resources/read", "params": {"uri": long}}), "`/params/uri`"),
            (json!({"method": "tasks/get", "params": {"taskId": long}}), "`/params/taskId`"),
            (json!({"method": "ping", "params": {"_meta": meta("a\nb")}}), "`/params/_meta/"),
            (json!({"method": "ping", "params": {"_meta": meta(&long)}}), "`/params/_meta/"),
        ] {
            let why = of(&message, None).unwrap_err();
            assert!(why.starts_with(pointer), "{why}");
        }
        let longest = "x".repeat(VALUE_MAX);
        assert!(of(&json!({"method": longest}), None).is_ok());
    }
}
