//! Takes a schema and an upstream's answer, gives what the contract keeps of it and what it misses.
//!
//! Never lets an undeclared property through, and never invents a missing one.

use serde_json::{Map, Value};

use super::{Schema, Violation, check};
use crate::json::child;

pub(super) fn project(schema: &Schema, value: &Value) -> Result<Value, Violation> {
    keep(schema, value, "")
}

pub(super) fn missing(schema: &Schema, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    lacks(schema, value, "", &mut found);
    found.sort();
    found
}

fn keep(schema: &Schema, value: &Value, at: &str) -> Result<Value, Violation> {
    let kept = match (value, &schema.items) {
        (Value::Object(map), _) => Value::Object(keep_object(schema, map, at)?),
        (Value::Array(items), Some(inner)) => {
            let kept = items
                .iter()
                .enumerate()
                .map(|(index, item)| keep(inner, item, &child(at, &index.to_string())));
            Value::Array(kept.collect::<Result<_, _>>()?)
        }
        _ => value.clone(),
    };
    let mut found = Vec::new();
    check::own(schema, &kept, at, &mut found);
    found.into_iter().next().map_or(Ok(kept), Err)
}

fn keep_object(
    schema: &Schema,
    map: &Map<String, Value>,
    at: &str,
) -> Result<Map<String, Value>, Violation> {
    let mut kept = Map::new();
    for (name, inner) in &schema.properties {
        if let Some(value) = map.get(name).filter(|value| !value.is_null()) {
            kept.insert(name.clone(), keep(inner, value, &child(at, name))?);
        }
    }
    Ok(kept)
}

fn lacks(schema: &Schema, value: &Value, at: &str, found: &mut Vec<String>) {
    match (value, &schema.items) {
        (Value::Object(map), _) => {
            for (name, inner) in &schema.properties {
                match map.get(name) {
                    Some(value) => lacks(inner, value, &child(at, name), found),
                    None if schema.required.contains(name) => found.push(child(at, name)),
                    None => {}
                }
            }
        }
        (Value::Array(items), Some(inner)) => {
            for (index, item) in items.iter().enumerate() {
                lacks(inner, item, &child(at, &index.to_string()), found);
            }
        }
        _ => {}
    }
}
