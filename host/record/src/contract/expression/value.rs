//! Converts JSON values to CEL values with the same meaning.
//!
//! The conversion never creates an unsigned integer or a float, because CEL does not mix those with signed integer
//! literals.

use std::collections::HashMap;
use std::sync::Arc;

use cel::objects::{Key, Map};
use serde_json::Value;

/// Recursion is bounded by the depth limit of the JSON parser. Fails for a number that is not a 64-bit signed integer.
pub(super) fn of(json: &Value) -> Result<cel::Value, String> {
    Ok(match json {
        Value::Null => cel::Value::Null,
        Value::Bool(truth) => cel::Value::Bool(*truth),
        Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        Value::Number(number) => cel::Value::Int(
            number.as_i64().ok_or_else(|| format!("`{number}` is not a 64-bit signed integer"))?,
        ),
        Value::Array(items) => {
            cel::Value::List(Arc::new(items.iter().map(of).collect::<Result<_, _>>()?))
        }
        Value::Object(fields) => {
            let entries = fields
                .iter()
                .map(|(name, value)| Ok((Key::String(Arc::new(name.clone())), of(value)?)));
            cel::Value::Map(Map {
                map: Arc::new(entries.collect::<Result<HashMap<_, _>, String>>()?),
            })
        }
    })
}
