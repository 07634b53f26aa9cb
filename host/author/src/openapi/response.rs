//! Answers of operations: the object or the list of objects in an answer of 2xx.

use std::collections::BTreeSet;

use serde_json::Value;

use super::error::OpenApiError;
use super::names::is_plain;
use super::operation::Operation;
use super::secret;
use super::walk::{Flat, Walk};

/// Names of the member that holds the whole object or list in an answer.
const WRAPPERS: [&str; 10] = [
    "data",
    "item",
    "items",
    "result",
    "results",
    "value",
    "values",
    "records",
    "resources",
    "content",
];

/// How deep secrets are searched for in an answer.
const SECRETS_DEPTH: usize = 3;

/// An object in an answer.
pub(super) struct Shape<'d> {
    pub(super) flat: Flat<'d>,
    /// The pointer to the object, or to the list that contains it; empty for the whole answer.
    pub(super) at: String,
}

/// The object in the answer of an operation; `None` if the answer is none.
pub(super) fn object<'d>(
    walk: &Walk<'d>,
    operation: &Operation<'d>,
) -> Result<Option<Shape<'d>>, OpenApiError> {
    let Some(schema) = schema(walk, operation)? else { return Ok(None) };
    let flat = walk.flat(schema)?;
    if !flat.is_object() {
        return Ok(None);
    }
    if let Some((name, inner)) = wrapped(walk, &flat, Flat::is_object)? {
        return Ok(Some(Shape { flat: inner, at: deed_spec::json::child("", name) }));
    }
    Ok(Some(Shape { flat, at: String::new() }))
}

/// The list of objects in the answer of an operation; `None` if the answer has none.
pub(super) fn list<'d>(
    walk: &Walk<'d>,
    operation: &Operation<'d>,
) -> Result<Option<Shape<'d>>, OpenApiError> {
    let Some(schema) = schema(walk, operation)? else { return Ok(None) };
    let flat = walk.flat(schema)?;
    if flat.is_list() {
        return elements(walk, &flat, String::new());
    }
    let mut lists = Vec::new();
    for (name, schema) in flat.properties.iter().copied().filter(|(name, _)| is_plain(name)) {
        let inner = walk.flat(schema)?;
        if inner.is_list() {
            lists.push((name, inner));
        }
    }
    let known = lists.iter().find(|(name, _)| is_wrapper(name));
    let one = if let [one] = lists.as_slice() { Some(one) } else { None };
    match known.or(one) {
        Some((name, inner)) => elements(walk, inner, deed_spec::json::child("", name)),
        None => Ok(None),
    }
}

fn elements<'d>(
    walk: &Walk<'d>,
    list: &Flat<'d>,
    at: String,
) -> Result<Option<Shape<'d>>, OpenApiError> {
    let Some(items) = list.get("items") else { return Ok(None) };
    let flat = walk.flat(items)?;
    Ok(flat.is_object().then_some(Shape { flat, at }))
}

/// The only member of an answer that holds everything.
fn wrapped<'d>(
    walk: &Walk<'d>,
    flat: &Flat<'d>,
    is: fn(&Flat<'d>) -> bool,
) -> Result<Option<(&'d str, Flat<'d>)>, OpenApiError> {
    let &[(name, schema)] = flat.properties.as_slice() else { return Ok(None) };
    let inner = walk.flat(schema)?;
    Ok(if is_wrapper(name) && is(&inner) { Some((name, inner)) } else { None })
}

fn is_wrapper(name: &str) -> bool {
    WRAPPERS.contains(&name.to_ascii_lowercase().as_str())
}

/// The schema of the JSON in the first answer of 2xx that has one.
fn schema<'d>(
    walk: &Walk<'d>,
    operation: &Operation<'d>,
) -> Result<Option<&'d Value>, OpenApiError> {
    for code in successes(operation) {
        let Some(content) = content(walk, operation, code)? else { continue };
        let json = content.iter().find(|(kind, _)| is_json(kind));
        if let Some(schema) = json.and_then(|(_, media)| media.get("schema")) {
            return Ok(Some(schema));
        }
    }
    Ok(None)
}

/// The codes of 2xx that the document describes, 200 first.
fn successes<'d>(operation: &Operation<'d>) -> Vec<&'d str> {
    let mut codes: Vec<&str> = operation.codes();
    codes.retain(|code| code.len() == 3 && code.starts_with('2'));
    codes.sort_unstable();
    codes
}

fn content<'d>(
    walk: &Walk<'d>,
    operation: &Operation<'d>,
    code: &str,
) -> Result<Option<&'d serde_json::Map<String, Value>>, OpenApiError> {
    let answer = operation.value.get("responses").and_then(|all| all.get(code));
    let Some(answer) = answer else { return Ok(None) };
    Ok(walk.resolve(answer)?.get("content").and_then(Value::as_object))
}

/// Whether an answer of 2xx has a body that is not JSON, which the host could not read.
pub(super) fn has_other_body<'d>(
    walk: &Walk<'d>,
    operation: &Operation<'d>,
) -> Result<bool, OpenApiError> {
    for code in successes(operation) {
        let content = content(walk, operation, code)?;
        if content.is_some_and(|all| !all.is_empty() && !all.keys().any(|kind| is_json(kind))) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the answer of an operation has a member that looks like a secret. An answer that is too large to be searched
/// counts as one that has.
pub(super) fn has_secret<'d>(
    walk: &Walk<'d>,
    operation: &Operation<'d>,
) -> Result<bool, OpenApiError> {
    let Some(schema) = schema(walk, operation)? else { return Ok(false) };
    // The search has a bound of its own, so that it does not use up that of the draft.
    Ok(is_secret_in(&Walk::new(walk.document), schema))
}

/// Whether a value of this schema has a member that looks like a secret, or is too large to be searched by this walk.
pub(super) fn is_secret_in<'d>(search: &Walk<'d>, schema: &'d Value) -> bool {
    secret_in(search, schema, 0, &mut BTreeSet::new()).unwrap_or(true)
}

fn secret_in<'d>(
    walk: &Walk<'d>,
    schema: &'d Value,
    depth: usize,
    seen: &mut BTreeSet<*const Value>,
) -> Result<bool, OpenApiError> {
    let schema = walk.resolve(schema)?;
    if depth > SECRETS_DEPTH || !seen.insert(std::ptr::from_ref(schema)) {
        return Ok(false);
    }
    let flat = walk.flat(schema)?;
    for (name, schema) in flat.properties.iter().copied() {
        if secret::is_member(name, &walk.flat(schema)?) || secret_in(walk, schema, depth + 1, seen)?
        {
            return Ok(true);
        }
    }
    for inner in flat.variants.iter().copied().chain(flat.get("items")) {
        if secret_in(walk, inner, depth + 1, seen)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a media type is JSON, or a range of media types that contains it.
pub(super) fn is_json(kind: &str) -> bool {
    let essence = essence(kind);
    matches!(essence.as_str(), "application/json" | "*/*" | "application/*")
        || essence.ends_with("+json")
}

/// A media type without its parameters.
pub(super) fn essence(kind: &str) -> String {
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
