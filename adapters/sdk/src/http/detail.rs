//! The reason in the body of an upstream's error answer, for people to read.
//!
//! A reason has at most [`MAX`] bytes. A reason from a JSON body contains only the value of a member such as `detail`,
//! or the names of the members. Other values may be data that an agent must not see.

use serde_json::{Map, Value};

/// Maximum size of a reason in bytes.
const MAX: usize = 300;

/// Maximum size in bytes of a reason from a body that is plain text or HTML.
const TEXT: usize = 100;

/// Members that hold the reason as a text, most specific first: RFC 9457 and SCIM (RFC 7644), OAuth 2.0 (RFC 6749), and
/// the usual names of JSON APIs.
const TEXTS: [&str; 10] = [
    "detail",
    "error_description",
    "message",
    "Message",
    "error_message",
    "errorMessage",
    "faultstring",
    "description",
    "title",
    "reason",
];

/// Members whose value is an object or a list of objects, in which a member named in [`TEXTS`] may hold the reason.
const NESTED: [&str; 4] = ["error", "errors", "fault", "Error"];

/// How many levels of nested members are searched for a reason.
const DEPTH: usize = 4;

/// Returns the reason in an error answer: the text of a member such as `detail`, or else the names of the body's
/// members. For a text body, the reason is the beginning of plain text or the title of HTML. Returns `None` if no
/// reason can be formed from the body.
///
/// The reason becomes part of the claim and so reaches agents and receipts. A body without a member such as `detail`
/// may be a user's record, so only the names of its members are used.
pub(super) fn of(body: &Value, headers: &[(String, String)]) -> Option<String> {
    match body {
        Value::String(text) => text_of(text, &kind(headers)).map(|text| bounded(&text, TEXT)),
        Value::Array(items) => items.first()?.as_object().and_then(told),
        Value::Object(members) => told(members).or_else(|| names(members)),
        _ => None,
    }
}

fn told(members: &Map<String, Value>) -> Option<String> {
    Some(bounded(member(members, DEPTH)?, MAX))
}

fn names(members: &Map<String, Value>) -> Option<String> {
    let names = members.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    (!names.is_empty()).then(|| bounded(&format!("members: {names}"), MAX))
}

/// Returns the text of the first member named in [`TEXTS`], or else of a member named in [`NESTED`], at most `depth`
/// levels down.
fn member(members: &Map<String, Value>, depth: usize) -> Option<&str> {
    let text = |name: &&str| filled(members.get(*name)?.as_str()?);
    let nested = |name: &&str| reason(members.get(*name)?, depth);
    TEXTS.iter().find_map(text).or_else(|| NESTED.iter().find_map(nested))
}

/// Returns the reason in the value of a member named in [`NESTED`].
fn reason(value: &Value, depth: usize) -> Option<&str> {
    let depth = depth.checked_sub(1)?;
    match value {
        Value::String(text) => filled(text),
        Value::Array(items) => items.first().and_then(|first| reason(first, depth)),
        Value::Object(members) => member(members, depth),
        _ => None,
    }
}

fn filled(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// The media type of an answer, in lower case and without parameters (RFC 9110 section 8.3.1).
fn kind(headers: &[(String, String)]) -> String {
    let value = headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value);
    let kind = value.and_then(|value| value.split(';').next()).unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

fn text_of(text: &str, kind: &str) -> Option<String> {
    let text = match kind {
        "text/plain" => text,
        "text/html" => title(text)?,
        _ => return None,
    };
    filled(text).map(str::to_owned)
}

/// The text between `<title>` and `</title>`, unchanged.
fn title(html: &str) -> Option<&str> {
    let lower = html.to_ascii_lowercase();
    let start = lower.find("<title>")? + "<title>".len();
    let end = lower.get(start..)?.find("</title")?;
    html.get(start..)?.get(..end)
}

/// Returns the beginning of a text, followed by `…` if the text is longer than `max` bytes.
fn bounded(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let starts = text.char_indices().map(|(start, _)| start);
    let end = starts.take_while(|start| *start <= max).last().unwrap_or_default();
    format!("{}…", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_reason_is_found_where_apis_put_it() {
        for (body, reason) in [
            (json!({"detail": "no such user", "title": "Not Found"}), "no such user"),
            (
                json!({"type": "about:blank", "title": "Out of credit", "status": 403}),
                "Out of credit",
            ),
            (json!({"message": "Bad credentials", "documentation_url": "u"}), "Bad credentials"),
            (json!({"error": "no such room"}), "no such room"),
            (json!({"error": {"code": 404, "message": "not here"}}), "not here"),
            (json!({"error": "invalid_grant", "error_description": "it expired"}), "it expired"),
            (json!({"errors": [{"message": "first"}, {"message": "second"}]}), "first"),
            (json!({"errors": ["plain"]}), "plain"),
            (
                json!({"fault": {"faultstring": "Rate limit", "detail": {"errorcode": "x"}}}),
                "Rate limit",
            ),
            (json!({"Error": {"Code": "NoSuchEntity", "Message": "unknown"}}), "unknown"),
            (json!({"message": "", "errors": [{"detail": "deep"}]}), "deep"),
            (json!([{"message": "of a list", "errorCode": "X"}]), "of a list"),
        ] {
            assert_eq!(json_of(&body).as_deref(), Some(reason), "{body}");
        }
    }

    fn json_of(body: &Value) -> Option<String> {
        of(body, &typed("application/json"))
    }

    fn typed(kind: &str) -> Vec<(String, String)> {
        vec![("etag".to_owned(), "x".to_owned()), ("content-type".to_owned(), kind.to_owned())]
    }

    #[test]
    fn a_body_without_a_reason_is_told_by_the_names_of_its_members() {
        for (body, told) in [
            (json!({"code": 7, "record": {"ssn": "078-05-1120"}}), "members: code, record"),
            (json!({"error": {"code": 7, "user": "Zaphod"}}), "members: error"),
            (json!({"detail": {"user": "Zaphod"}, "message": 7}), "members: detail, message"),
            (json!({"errors": [], "title": " "}), "members: errors, title"),
        ] {
            assert_eq!(json_of(&body).as_deref(), Some(told), "{body}");
        }
        for body in [
            json!("Zaphod"),
            json!(["Zaphod"]),
            json!([[{"detail": "x"}]]),
            json!([1, 2]),
            json!(7),
        ] {
            assert_eq!(json_of(&body), None, "{body}");
        }
    }

    #[test]
    fn of_a_text_only_what_is_for_people_is_told() {
        let html = "<!doctype html><HTML><Title>\n 403 Forbidden </TITLE><body>Zaphod";
        for (kind, text, told) in [
            ("text/plain", " no such user ", Some("no such user")),
            ("Text/Plain; charset=utf-8", "no", Some("no")),
            ("text/html", html, Some("403 Forbidden")),
            ("text/html", "<p>Zaphod</p>", None),
            ("text/html", "<title>Zaphod", None),
            ("text/html", "<title></title>", None),
            ("application/json", "Zaphod", None),
            ("application/octet-stream", "Zaphod", None),
            ("", "Zaphod", None),
        ] {
            assert_eq!(of(&json!(text), &typed(kind)).as_deref(), told, "{kind}: {text}");
        }
        assert_eq!(of(&json!("Zaphod"), &[]), None);
        let long = of(&json!("x".repeat(9_999)), &typed("text/plain")).unwrap();
        assert_eq!(long, format!("{}…", "x".repeat(TEXT)));
    }

    #[test]
    fn an_empty_body_has_no_reason() {
        for body in [json!(null), json!({}), json!([]), json!(" ")] {
            assert_eq!(json_of(&body), None, "{body}");
        }
    }

    #[test]
    fn a_reason_is_bounded() {
        let many: Map<String, Value> = (0..999).map(|n| (n.to_string(), json!(n))).collect();
        for body in [json!({"detail": "é".repeat(1_000)}), Value::Object(many)] {
            let long = json_of(&body).unwrap();
            assert!(long.len() <= MAX + '…'.len_utf8() && long.ends_with('…'), "{long}");
        }
        let deep = (0..100).fold(json!("deep"), |inner, _| json!({ "error": inner }));
        assert_eq!(json_of(&deep).as_deref(), Some("members: error"));
    }
}
