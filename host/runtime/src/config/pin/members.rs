//! The differences between two contracts, shown to the operator who accepts the new contract.
//!
//! Every leaf that differs is listed by JSON pointer. Lists are compared index by index even if their lengths differ,
//! so each leaf of an added item gets its own line.

use std::collections::BTreeSet;

use deed_spec::json::{Change, child};
use serde_json::{Map, Value};

pub(super) fn differ(old: &Value, new: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    compare("", Some(old), Some(new), &mut found);
    found
}

fn compare(pointer: &str, old: Option<&Value>, new: Option<&Value>, found: &mut Vec<Change>) {
    match (old, new) {
        (old, new) if old == new => {}
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for index in 0..old.len().max(new.len()) {
                let pointer = child(pointer, &index.to_string());
                compare(&pointer, old.get(index), new.get(index), found);
            }
        }
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            for key in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
                compare(&child(pointer, key), old.get(key), new.get(key), found);
            }
        }
        // An added or removed list or table is compared with an empty one, leaf by leaf.
        (Some(one), None) | (None, Some(one)) if has_members(one) => {
            let empty = match one {
                Value::Array(_) => Value::Array(Vec::new()),
                _ => Value::Object(Map::new()),
            };
            compare(pointer, old.or(Some(&empty)), new.or(Some(&empty)), found);
        }
        (old, new) => {
            let pointer = pointer.to_owned();
            found.push(Change { pointer, old: old.cloned(), new: new.cloned() });
        }
    }
}

fn has_members(value: &Value) -> bool {
    match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(old: &Value, new: &Value) -> Vec<String> {
        let side = |value: Option<Value>| value.map_or("-".to_owned(), |value| value.to_string());
        let line = |one: Change| format!("{} {} {}", one.pointer, side(one.old), side(one.new));
        differ(old, new).into_iter().map(line).collect()
    }

    #[test]
    fn each_leaf_that_differs_is_named() {
        for (old, new, expected) in [
            (json!({"a": [1, 2]}), json!({"a": [1, 3]}), &["/a/1 2 3"][..]),
            (json!({"a": [1]}), json!({"a": [1, 2, 3]}), &["/a/1 - 2", "/a/2 - 3"]),
            (json!({"a": [1, 2]}), json!({"a": []}), &["/a/0 1 -", "/a/1 2 -"]),
            (
                json!({"http": [{"body": {"ops": [1]}}]}),
                json!({"http": [{"body": {"ops": [1, {"role": "admin"}]}}, {"path": "/x"}]}),
                &["/http/0/body/ops/1/role - \"admin\"", "/http/1/path - \"/x\""],
            ),
            (json!({}), json!({"a": {"b": [[1]], "c": {}}}), &["/a/b/0/0 - 1", "/a/c - {}"]),
            (json!({"a": [{"b": 1}]}), json!({}), &["/a/0/b 1 -"]),
            // A value whose type changed is listed as a whole, not member by member.
            (json!({"a": [1]}), json!({"a": {"0": 1}}), &["/a [1] {\"0\":1}"]),
            (json!({"a": []}), json!({"a": {}}), &["/a [] {}"]),
            (json!({"a": null}), json!({}), &["/a null -"]),
            (json!({"a/b": [1]}), json!({"a/b": [2]}), &["/a~1b/0 1 2"]),
        ] {
            assert_eq!(lines(&old, &new), expected, "{old} {new}");
        }
    }
}
