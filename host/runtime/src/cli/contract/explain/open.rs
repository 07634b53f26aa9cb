//! What an open contract leaves to the adapter: the computed parts of a request with their schemas, and the bytes of a
//! request in which values are not known yet.

use deed_record::contract::template::{RenderError, Rule};
use deed_record::exchange::Rendered;
use serde::Serialize;
use serde_json::Value;

use super::super::super::shown::Marked;

/// A part of the body that the adapter computes.
#[derive(Debug, Serialize)]
pub(super) struct Computed {
    pub(super) name: String,
    /// JSON pointer into the rendered body; empty for the whole body.
    pub(super) at: String,
    pub(super) schema: Value,
}

/// The parts of a request that the adapter computes.
pub(super) fn computed(rule: &Rule, rendered: &Rendered) -> Result<Vec<Computed>, RenderError> {
    if rendered.any.is_empty() {
        return Ok(vec![]);
    }
    let parts = rule.open_parts()?;
    let one = |(at, name): (&String, &String)| {
        let part = parts.iter().find(|part| part.name == *name)?;
        let schema = serde_json::to_value(&part.schema).unwrap_or_default();
        Some(Computed { name: name.clone(), at: at.clone(), schema })
    };
    Ok(rendered.any.iter().filter_map(one).collect())
}

/// The bytes of a request as text, with `<computed: NAME>` and `<answer.NAME.MEMBER>` in place of the values that only a
/// plan or an answer will have. The length of such a body is not known either.
pub(super) fn raw(marked: &Marked, bytes: &[u8]) -> String {
    let text = marked.named(&String::from_utf8_lossy(bytes));
    if marked.is_complete() {
        return text;
    }
    let when = if marked.request.awaited.is_empty() {
        "<known after the rehearsal>"
    } else {
        "<known after an earlier write>"
    };
    let (head, body) = text.split_once(END_OF_HEAD).unwrap_or((text.as_str(), ""));
    let line = |line: &str| match line.split_once(": ") {
        Some((name, _)) if name == "content-length" => format!("{name}: {when}"),
        _ => line.to_owned(),
    };
    let head: Vec<String> = head.split("\r\n").map(line).collect();
    format!("{}{END_OF_HEAD}{body}", head.join("\r\n"))
}

/// What separates the head of a request from its body.
const END_OF_HEAD: &str = "\r\n\r\n";
