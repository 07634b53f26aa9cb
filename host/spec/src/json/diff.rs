//! The differences between two JSON values, leaf by leaf.
//!
//! Array elements are not matched: an array is one leaf, because its order may have a meaning.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::child;

/// The leaf-level differences from `old` to `new`, sorted by pointer. Objects are descended, arrays compared whole.
pub fn diff(old: &Value, new: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    collect(Some(old), Some(new), String::new(), &mut changes);
    changes.sort_by(|left, right| left.pointer.cmp(&right.pointer));
    changes
}

/// One leaf that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// RFC 6901, into the state.
    pub pointer: String,
    /// Any JSON; absent when the leaf was added.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub old: Option<Value>,
    /// Any JSON; absent when the leaf was removed.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub new: Option<Value>,
}

/// A field that is there is a value, even when that value is null: null and absent are different facts.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn collect(old: Option<&Value>, new: Option<&Value>, pointer: String, changes: &mut Vec<Change>) {
    if old == new {
        return;
    }
    let Some((left, right)) = both_objects(old, new) else {
        changes.push(Change { pointer, old: old.cloned(), new: new.cloned() });
        return;
    };
    let empty = Map::new();
    let (left, right) = (left.unwrap_or(&empty), right.unwrap_or(&empty));
    let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    for key in keys {
        collect(left.get(key), right.get(key), child(&pointer, key), changes);
    }
}

type MaybeMap<'a> = Option<&'a Map<String, Value>>;

/// Both sides as objects, where an absent side counts as one. An empty object that came or went is itself the leaf.
fn both_objects<'a>(
    old: Option<&'a Value>,
    new: Option<&'a Value>,
) -> Option<(MaybeMap<'a>, MaybeMap<'a>)> {
    match (old, new) {
        (Some(Value::Object(left)), Some(Value::Object(right))) => Some((Some(left), Some(right))),
        (Some(Value::Object(left)), None) if !left.is_empty() => Some((Some(left), None)),
        (None, Some(Value::Object(right))) if !right.is_empty() => Some((None, Some(right))),
        _ => None,
    }
}
