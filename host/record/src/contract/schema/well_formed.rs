//! Finds the first keyword of a schema that does not fit, with its pointer inside the schema.
//!
//! This check rejects every keyword that could not be enforced.

use deed_spec::json::{MAX_INTEGER, child};
use serde_json::Value;

use super::check::fits;
use super::{Kind, Schema};

/// The maximum nesting of a schema, which suffices for real resources and keeps generated policy schemas and messages
/// readable.
const MAX_DEPTH: usize = 16;

/// Why a schema is refused, and the RFC 6901 pointer to the fault inside the schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("schema{}: {reason}", place(.pointer))]
pub struct SchemaError {
    pub pointer: String,
    pub reason: String,
}

/// The place of a fault inside a schema; nothing for the whole schema.
fn place(pointer: &str) -> String {
    if pointer.is_empty() { String::new() } else { format!(" at `{pointer}`") }
}

pub(super) fn check(schema: &Schema) -> Result<(), SchemaError> {
    walk(schema, "", 0)
}

fn walk(schema: &Schema, at: &str, depth: usize) -> Result<(), SchemaError> {
    if depth > MAX_DEPTH {
        return refuse(
            at,
            format!("nested deeper than {MAX_DEPTH} levels; declare a flatter value"),
        );
    }
    let Some(kind) = schema.kind() else {
        return refuse(
            at,
            "has no `type`; write one of object, array, string, integer, boolean, decimal".into(),
        );
    };
    foreign_keyword(schema, kind, at)?;
    names(schema, at)?;
    bounds(schema, at)?;
    key(schema, at)?;
    choices(schema, kind, at)?;
    for (name, inner) in &schema.properties {
        walk(inner, &child(&format!("{at}/properties"), name), depth + 1)?;
    }
    if schema.nullable && schema.private {
        return refuse(
            at,
            "a private value cannot be `nullable`: a record would show that it is null".into(),
        );
    }
    match (&schema.items, kind) {
        // In policies a list is a Cedar set, which cannot contain null.
        (Some(inner), _) if inner.nullable => {
            refuse(&format!("{at}/items"), "an element of a list cannot be `nullable`".into())
        }
        (Some(inner), _) => walk(inner, &format!("{at}/items"), depth + 1),
        (None, Kind::Array) => {
            refuse(at, "an array needs `items`, the schema of its elements".into())
        }
        (None, _) => Ok(()),
    }
}

/// Rejects a keyword that belongs to another type, because such a keyword would silently have no effect.
fn foreign_keyword(schema: &Schema, kind: Kind, at: &str) -> Result<(), SchemaError> {
    let written = [
        ("properties", Kind::Object, !schema.properties.is_empty()),
        ("required", Kind::Object, !schema.required.is_empty()),
        ("items", Kind::Array, schema.items.is_some()),
        ("minItems", Kind::Array, schema.min_items.is_some()),
        ("maxItems", Kind::Array, schema.max_items.is_some()),
        ("unordered", Kind::Array, schema.unordered),
        ("key", Kind::Array, schema.key.is_some()),
        ("pattern", Kind::String, schema.pattern.is_some()),
        ("minLength", Kind::String, schema.min_length.is_some()),
        ("maxLength", Kind::String, schema.max_length.is_some()),
        ("minimum", Kind::Integer, schema.minimum.is_some() && kind != Kind::Decimal),
        ("maximum", Kind::Integer, schema.maximum.is_some() && kind != Kind::Decimal),
        ("private", Kind::String, schema.private),
        ("as", Kind::Decimal, schema.sent_as.is_some()),
    ];
    match written.into_iter().find(|(_, owner, present)| *present && *owner != kind) {
        Some((keyword, owner, _)) => refuse(
            &child(at, keyword),
            format!(
                "`{keyword}` does not apply to {}; it belongs to {}",
                kind.name(),
                owner.name()
            ),
        ),
        None => Ok(()),
    }
}

/// Checks that the key of an array is a plain property that every element has.
fn key(schema: &Schema, at: &str) -> Result<(), SchemaError> {
    let items = schema.items.as_deref();
    if schema.unordered && items.and_then(Schema::kind) == Some(Kind::Array) {
        return refuse(
            &child(at, "unordered"),
            "an element of an unordered array cannot be an array".into(),
        );
    }
    if schema.is_set() && items.is_some_and(Schema::has_set) {
        let reason = "an unordered array cannot contain another one; declare one of them without `unordered` or `key`";
        return refuse(at, reason.into());
    }
    let Some(pointer) = &schema.key else { return Ok(()) };
    let at = child(at, "key");
    if schema.unordered {
        return refuse(&at, "an array with `key` is unordered; remove `unordered`".into());
    }
    let found = schema.key_name().and_then(|name| {
        let (inner, required) = items?.at(&[&name])?;
        let plain = matches!(inner.kind(), Some(Kind::String | Kind::Integer));
        (required && plain && !inner.nullable).then_some(())
    });
    found.map_or_else(
        || {
            let reason = format!(
                "`{pointer}` must point to a required string or integer of the elements, such as `/value`"
            );
            refuse(&at, reason)
        },
        Ok,
    )
}

fn names(schema: &Schema, at: &str) -> Result<(), SchemaError> {
    if let Some(name) =
        schema.properties.keys().find(|name| name.is_empty() || name.starts_with("__"))
    {
        // `__entity` and `__extn` have a special meaning in Cedar's JSON, so no property may have such a name.
        let reason = format!(
            "property name `{name}` is reserved; a name must not be empty or start with `__`"
        );
        return refuse(&format!("{at}/properties"), reason);
    }
    match schema.required.iter().find(|name| !schema.properties.contains_key(*name)) {
        Some(name) => refuse(
            &format!("{at}/required"),
            format!("`{name}` is required but not declared in `properties`"),
        ),
        None => Ok(()),
    }
}

fn bounds(schema: &Schema, at: &str) -> Result<(), SchemaError> {
    let outside = |bound: Option<i64>| {
        bound.is_some_and(|bound| bound.unsigned_abs() > MAX_INTEGER.unsigned_abs())
    };
    if outside(schema.minimum) || outside(schema.maximum) {
        return refuse(at, "bounds must be within ±(2^53 − 1)".into());
    }
    let crossed = crosses(schema.minimum, schema.maximum)
        || crosses(schema.min_length, schema.max_length)
        || crosses(schema.min_items, schema.max_items);
    if crossed {
        refuse(at, "the lower bound is above the upper bound, so no value would conform".into())
    } else {
        Ok(())
    }
}

fn crosses<T: PartialOrd>(least: Option<T>, most: Option<T>) -> bool {
    matches!((least, most), (Some(least), Some(most)) if least > most)
}

/// Checks that `enum` and `const` contain only plain values of the schema's own type.
fn choices(schema: &Schema, kind: Kind, at: &str) -> Result<(), SchemaError> {
    let listed: Vec<&Value> = schema.choices.iter().flatten().chain(&schema.constant).collect();
    if matches!(kind, Kind::Object | Kind::Array)
        && (schema.choices.is_some() || schema.constant.is_some())
    {
        return refuse(
            at,
            "`enum` and `const` are for strings, integers, booleans and decimals".into(),
        );
    }
    if schema.choices.as_ref().is_some_and(Vec::is_empty) {
        return refuse(&child(at, "enum"), "is empty, so no value would conform".into());
    }
    match listed.into_iter().find(|value| !fits(kind, value)) {
        Some(value) if kind == Kind::Decimal => {
            let reason = format!(
                "`{value}` in `enum` or `const` is not a decimal in its shortest form, such as `\"10.5\"` for 10.50"
            );
            refuse(at, reason)
        }
        Some(value) => refuse(at, format!("`{value}` in `enum` or `const` is not {}", kind.name())),
        None => Ok(()),
    }
}

fn refuse(at: &str, reason: String) -> Result<(), SchemaError> {
    Err(SchemaError { pointer: at.into(), reason })
}
