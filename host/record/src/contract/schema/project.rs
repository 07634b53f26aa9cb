//! Reduces an upstream's response to the declared properties, and lists the required properties that are missing.
//!
//! This module drops undeclared properties and never adds missing ones.

use std::collections::BTreeMap;

use deed_spec::json::child;
use serde_json::{Map, Value};

use super::{Kind, Schema, Violation, check, decimal, set};

pub(super) fn project(schema: &Schema, value: &Value) -> Result<Value, Violation> {
    keep(schema, value, "")
}

/// Like [`project`], for an object schema with these properties.
pub(super) fn project_object(
    properties: &BTreeMap<String, Schema>,
    value: &Value,
) -> Result<Value, Violation> {
    let kept = match value {
        Value::Object(map) => Value::Object(keep_object(properties, map, "")?),
        other => other.clone(),
    };
    let alone = Schema { declared: Some(Kind::Object), ..Schema::default() };
    let mut found = Vec::new();
    check::own(&alone, &kept, "", &mut found);
    found.into_iter().next().map_or(Ok(kept), Err)
}

/// Like [`missing`], for an object schema with these properties.
pub(super) fn missing_object(
    properties: &BTreeMap<String, Schema>,
    required: &[String],
    value: &Value,
) -> Vec<String> {
    let mut found = Vec::new();
    if let Value::Object(map) = value {
        lacks_members(properties, &|name| required.contains(name), map, "", &mut found);
    }
    found.sort();
    found
}

pub(super) fn missing(schema: &Schema, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    lacks(schema, value, "", &mut found);
    found.sort();
    found
}

fn keep(schema: &Schema, value: &Value, at: &str) -> Result<Value, Violation> {
    let kept = match (value, &schema.items) {
        (Value::Object(map), _) => Value::Object(keep_object(&schema.properties, map, at)?),
        (Value::Array(items), Some(inner)) => {
            let kept = items
                .iter()
                .enumerate()
                .map(|(index, item)| keep(inner, item, &child(at, &index.to_string())));
            let mut kept = kept.collect::<Result<Vec<_>, _>>()?;
            if schema.is_set() {
                set::sorted(schema, &mut kept, at)?;
            }
            Value::Array(kept)
        }
        (Value::String(_) | Value::Number(_), _) if schema.kind() == Some(Kind::Decimal) => {
            // A value that is not a decimal stays unchanged here, and `check::own` reports it below.
            decimal::canonical(value).map_or_else(|| value.clone(), Value::String)
        }
        _ => value.clone(),
    };
    let mut found = Vec::new();
    check::own(schema, &kept, at, &mut found);
    found.into_iter().next().map_or(Ok(kept), Err)
}

fn keep_object(
    properties: &BTreeMap<String, Schema>,
    map: &Map<String, Value>,
    at: &str,
) -> Result<Map<String, Value>, Violation> {
    let mut kept = Map::new();
    for (name, inner) in properties {
        if let Some(value) = map.get(name).filter(|value| inner.nullable || !value.is_null()) {
            kept.insert(name.clone(), keep(inner, value, &child(at, name))?);
        }
    }
    Ok(kept)
}

fn lacks(schema: &Schema, value: &Value, at: &str, found: &mut Vec<String>) {
    match (value, &schema.items) {
        (Value::Object(map), _) => {
            lacks_members(
                &schema.properties,
                &|name| schema.required.contains(name),
                map,
                at,
                found,
            );
        }
        (Value::Array(items), Some(inner)) => {
            for (index, item) in items.iter().enumerate() {
                lacks(inner, item, &child(at, &index.to_string()), found);
            }
        }
        _ => {}
    }
}

fn lacks_members(
    properties: &BTreeMap<String, Schema>,
    is_required: &dyn Fn(&String) -> bool,
    map: &Map<String, Value>,
    at: &str,
    found: &mut Vec<String>,
) {
    for (name, inner) in properties {
        match map.get(name) {
            Some(value) => lacks(inner, value, &child(at, name), found),
            None if is_required(name) => found.push(child(at, name)),
            None => {}
        }
    }
}
