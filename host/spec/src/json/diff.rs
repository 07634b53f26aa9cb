//! The differences between two JSON values, leaf by leaf.
//!
//! An array counts as one leaf. The elements of two arrays are not matched with each other, because their order may
//! have a meaning.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::child;

/// The leaf-level differences from `old` to `new`, sorted by pointer. Objects are compared member by member, arrays as
/// a whole.
pub fn diff(old: &Value, new: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    collect(Some(old), Some(new), String::new(), &mut changes);
    changes.sort_by(|left, right| left.pointer.cmp(&right.pointer));
    changes
}

/// One leaf that differs between two states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// RFC 6901 pointer into the state.
    pub pointer: String,
    /// Any JSON; absent when the leaf was added.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub old: Option<Value>,
    /// Any JSON; absent when the leaf was removed.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub new: Option<Value>,
}

/// Deserialises a field with the value null as `Some(null)`, because it differs from an absent field.
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

/// Returns both sides if they can be compared member by member as objects. An absent side counts as an object without
/// members. If the other side is an empty object, however, the function returns `None`, because adding or removing an
/// empty object is itself a change of one leaf.
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
