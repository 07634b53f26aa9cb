//! Collects every violation of a schema in a value, with its pointer.
//!
//! The check does not stop at the first violation, so the author of the value sees all violations at once.

use deed_spec::json::{MAX_INTEGER, child};
use serde_json::{Map, Value};

use super::{Kind, Schema, decimal};

/// One violation of a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", place(.pointer))]
pub struct Violation {
    /// The JSON pointer (RFC 6901) of the violation; `""` is the whole value.
    pub pointer: String,
    pub reason: String,
}

/// The place of a violation before its reason; nothing for the whole value.
fn place(pointer: &str) -> String {
    if pointer.is_empty() { String::new() } else { format!("at `{pointer}`: ") }
}

pub(super) fn violations(schema: &Schema, value: &Value) -> Vec<Violation> {
    let mut found = Vec::new();
    walk(schema, value, "", &mut found);
    found
}

/// Finds the first violation, in the order of [`violations`].
pub(super) fn first(schema: &Schema, value: &Value, at: &str) -> Option<Violation> {
    let mut found = Vec::new();
    own(schema, value, at, &mut found);
    let inner = || match value {
        Value::Object(map) if schema.kind() == Some(Kind::Object) => first_in(schema, map, at),
        Value::Array(items) if schema.kind() == Some(Kind::Array) => {
            let inner = schema.items.as_deref()?;
            let mut items = items.iter().enumerate();
            items.find_map(|(index, item)| first(inner, item, &child(at, &index.to_string())))
        }
        _ => None,
    };
    found.into_iter().next().or_else(inner)
}

fn first_in(schema: &Schema, map: &Map<String, Value>, at: &str) -> Option<Violation> {
    let mut found = Vec::new();
    names(schema, map, at, &mut found);
    let inner = || {
        let mut inner = schema.properties.iter();
        inner.find_map(|(name, inner)| first(inner, map.get(name)?, &child(at, name)))
    };
    found.into_iter().next().or_else(inner)
}

/// Finds the violations of this value itself; violations of nested values are found separately.
pub(super) fn own(schema: &Schema, value: &Value, at: &str, found: &mut Vec<Violation>) {
    if schema.nullable && value.is_null() {
        return;
    }
    let Some(kind) = schema.kind().filter(|kind| fits(*kind, value)) else {
        let wanted = wanted(schema);
        // A private value must not be shown, whatever its type.
        let shown =
            if schema.private { "the value".into() } else { format!("`{}`", shorten(value)) };
        return add(found, at, format!("{shown} is not {wanted}"));
    };
    if schema.constant.as_ref().is_some_and(|constant| constant != value) {
        add(found, at, "differs from the only value allowed".into());
    }
    if let Some(choices) = schema.choices.as_ref().filter(|choices| !choices.contains(value)) {
        let listed: Vec<String> =
            choices.iter().take(20).map(|choice| format!("`{}`", shorten(choice))).collect();
        add(found, at, format!("`{}` is none of {}", shorten(value), listed.join(", ")));
    }
    match (kind, value) {
        (Kind::String, Value::String(text)) => string(schema, text, at, found),
        (Kind::Integer, value) => integer(schema, value.as_i64().unwrap_or_default(), at, found),
        (Kind::Decimal, Value::String(text)) => bounds(schema, text, at, found),
        (Kind::Array, Value::Array(items)) => {
            length(items.len(), (schema.min_items, schema.max_items), "items", at, found);
        }
        _ => {}
    }
}

/// The type with its article. A decimal is named with its range, because a text with the form of a decimal can be out
/// of range.
pub(super) fn wanted(schema: &Schema) -> String {
    match schema.kind() {
        None => "a value of a declared type".to_owned(),
        Some(Kind::Decimal) => {
            let (least, most) = schema.decimal_range();
            format!("a decimal from {least} to {most} with at most 4 fraction digits")
        }
        Some(kind) => kind.name().to_owned(),
    }
}

/// Whether the value has the type. Only integers that every JSON reader represents exactly count as integers.
pub(super) fn fits(kind: Kind, value: &Value) -> bool {
    match (kind, value) {
        (Kind::Object, Value::Object(_))
        | (Kind::Array, Value::Array(_))
        | (Kind::String, Value::String(_))
        | (Kind::Boolean, Value::Bool(_)) => true,
        (Kind::Decimal, value) => decimal::is_canonical(value),
        (Kind::Integer, Value::Number(number)) => {
            number.as_i64().is_some_and(|found| found.unsigned_abs() <= MAX_INTEGER.unsigned_abs())
        }
        _ => false,
    }
}

fn walk(schema: &Schema, value: &Value, at: &str, found: &mut Vec<Violation>) {
    own(schema, value, at, found);
    match value {
        Value::Object(map) if schema.kind() == Some(Kind::Object) => object(schema, map, at, found),
        Value::Array(items) if schema.kind() == Some(Kind::Array) => {
            let Some(inner) = &schema.items else { return };
            for (index, item) in items.iter().enumerate() {
                walk(inner, item, &child(at, &index.to_string()), found);
            }
        }
        _ => {}
    }
}

fn object(schema: &Schema, map: &Map<String, Value>, at: &str, found: &mut Vec<Violation>) {
    names(schema, map, at, found);
    for (name, inner) in &schema.properties {
        if let Some(value) = map.get(name) {
            walk(inner, value, &child(at, name), found);
        }
    }
}

/// Finds names that are missing and names that are not declared.
fn names(schema: &Schema, map: &Map<String, Value>, at: &str, found: &mut Vec<Violation>) {
    for name in schema.required.iter().filter(|name| !map.contains_key(*name)) {
        add(found, &child(at, name), "is required but absent".into());
    }
    let mut undeclared: Vec<&String> =
        map.keys().filter(|name| !schema.properties.contains_key(*name)).collect();
    undeclared.sort();
    for name in undeclared {
        add(found, &child(at, name), "is not declared by the contract".into());
    }
}

fn string(schema: &Schema, text: &str, at: &str, found: &mut Vec<Violation>) {
    length(text.chars().count(), (schema.min_length, schema.max_length), "characters", at, found);
    if let Some(pattern) = schema.pattern.as_ref().filter(|pattern| !pattern.matches(text)) {
        add(found, at, format!("does not match the pattern `{}`", pattern.as_str()));
    }
}

fn integer(schema: &Schema, value: i64, at: &str, found: &mut Vec<Violation>) {
    if let Some(minimum) = schema.minimum.filter(|minimum| value < *minimum) {
        add(found, at, format!("`{value}` is below {minimum}"));
    }
    if let Some(maximum) = schema.maximum.filter(|maximum| value > *maximum) {
        add(found, at, format!("`{value}` is above {maximum}"));
    }
}

/// The bounds of a decimal are whole numbers.
fn bounds(schema: &Schema, text: &str, at: &str, found: &mut Vec<Violation>) {
    let value = i128::from(decimal::parse(text).unwrap_or_default());
    let scaled = |bound: &i64| i128::from(*bound) * i128::from(decimal::ONE);
    if let Some(minimum) = schema.minimum.filter(|minimum| value < scaled(minimum)) {
        add(found, at, format!("`{text}` is below {minimum}"));
    }
    if let Some(maximum) = schema.maximum.filter(|maximum| value > scaled(maximum)) {
        add(found, at, format!("`{text}` is above {maximum}"));
    }
}

fn length(
    count: usize,
    (least, most): (Option<u64>, Option<u64>),
    what: &str,
    at: &str,
    found: &mut Vec<Violation>,
) {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    if let Some(least) = least.filter(|least| count < *least) {
        add(found, at, format!("has {count} {what}, at least {least} are wanted"));
    }
    if let Some(most) = most.filter(|most| count > *most) {
        add(found, at, format!("has {count} {what}, at most {most} are allowed"));
    }
}

fn add(found: &mut Vec<Violation>, at: &str, reason: String) {
    found.push(Violation { pointer: at.into(), reason });
}

pub(super) fn shorten(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 { text } else { text.chars().take(60).chain(['…']).collect() }
}
