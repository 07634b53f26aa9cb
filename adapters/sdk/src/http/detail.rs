//! Takes the body of an upstream's error answer, gives the reason in it, for people to read.
//!
//! Never more than [`MAX`] bytes: the body is the upstream's text.

use serde_json::Value;

/// Bytes of a reason.
const MAX: usize = 300;

/// Members that hold the reason as a text, most telling first: RFC 9457 and SCIM (RFC 7644), OAuth 2.0
/// (RFC 6749), and what JSON APIs usually have.
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

/// Members that hold an object, or a list of them, with such a member.
const NESTED: [&str; 4] = ["error", "errors", "fault", "Error"];

/// Levels that are searched.
const DEPTH: usize = 4;

/// The reason of an error answer: a usual member, else the beginning of the body as compact JSON. None
/// for an empty body.
pub(super) fn of(body: &Value) -> Option<String> {
    let found = reason(body, DEPTH).map(str::to_owned);
    let text = found.or_else(|| (!is_empty(body)).then(|| body.to_string()))?;
    Some(bounded(&text))
}

fn reason(value: &Value, depth: usize) -> Option<&str> {
    let depth = depth.checked_sub(1)?;
    match value {
        Value::String(text) => Some(text.trim()).filter(|text| !text.is_empty()),
        Value::Array(items) => items.first().and_then(|first| reason(first, depth)),
        Value::Object(members) => {
            let text = |name: &&str| {
                let text = members.get(*name)?.as_str()?.trim();
                (!text.is_empty()).then_some(text)
            };
            let nested = |name: &&str| reason(members.get(*name)?, depth);
            TEXTS.iter().find_map(text).or_else(|| NESTED.iter().find_map(nested))
        }
        _ => None,
    }
}

fn is_empty(body: &Value) -> bool {
    match body {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// The first bytes of a text, with a sign that there is more.
fn bounded(text: &str) -> String {
    if text.len() <= MAX {
        return text.to_owned();
    }
    let starts = text.char_indices().map(|(start, _)| start);
    let end = starts.take_while(|start| *start <= MAX).last().unwrap_or_default();
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
            (json!("a text alone"), "a text alone"),
            (json!({"code": 7, "field": "name"}), r#"{"code":7,"field":"name"}"#),
            (json!([1, 2]), "[1,2]"),
        ] {
            assert_eq!(of(&body).as_deref(), Some(reason), "{body}");
        }
    }

    #[test]
    fn an_empty_body_has_no_reason() {
        for body in [json!(null), json!({}), json!([]), json!(" ")] {
            assert_eq!(of(&body), None, "{body}");
        }
    }

    #[test]
    fn a_reason_is_bounded() {
        let long = of(&json!({"detail": "é".repeat(1_000)})).unwrap();
        assert!(long.len() <= MAX + '…'.len_utf8() && long.ends_with("é…"), "{long}");
        let deep = (0..100).fold(json!("deep"), |inner, _| json!({ "error": inner }));
        assert!(of(&deep).unwrap().starts_with(r#"{"error":{"error":"#));
    }
}
