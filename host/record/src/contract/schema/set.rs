//! Arrays whose order has no meaning: sorted in the state, and compared element by element.

use deed_spec::digest::Digest;
use deed_spec::json::{self, child};
use serde_json::{Map, Value};

use super::{Schema, Violation};

/// The maximum size of a key in bytes. Keys are limited because every recorded change of an element contains its key,
/// and all changes of a state must fit into one record.
const KEY_MAX: usize = 128;

/// Sorts the elements of an array by their key, or by their canonical bytes if the array has no `key`. Fails when an
/// element lacks the key, or two elements have the same key.
pub(super) fn sorted(schema: &Schema, items: &mut [Value], at: &str) -> Result<(), Violation> {
    let Some(name) = schema.key_name() else {
        // A value without a canonical form breaks its schema, which is reported elsewhere.
        items.sort_by_cached_key(|item| json::canonical(item).unwrap_or_default());
        return Ok(());
    };
    let mut keys = Vec::with_capacity(items.len());
    for (n, item) in items.iter().enumerate() {
        let place = || child(&child(at, &n.to_string()), &name);
        let key = item.get(&name).and_then(text).ok_or_else(|| Violation {
            pointer: place(),
            reason: "is absent; it is the `key` that tells the elements apart".to_owned(),
        })?;
        if key.len() > KEY_MAX {
            let reason = format!("is a `key` of more than {KEY_MAX} bytes");
            return Err(Violation { pointer: place(), reason });
        }
        keys.push((key, place()));
    }
    keys.sort();
    let twice = keys.iter().zip(keys.iter().skip(1)).find(|(one, next)| one.0 == next.0);
    if let Some((_, (_, pointer))) = twice {
        let reason =
            "equals that of another element; it is the `key` that tells the elements apart";
        return Err(Violation { pointer: pointer.clone(), reason: reason.to_owned() });
    }
    items.sort_by_cached_key(|item| item.get(&name).and_then(text));
    Ok(())
}

/// The value with its unordered arrays as objects, so that a comparison names the elements that differ. The name of an
/// element is its key. An element without a key is named by its text. A long name is replaced by its digest. Equal
/// elements become one list under their common name.
pub(crate) fn by_name(schema: &Schema, value: &Value) -> Value {
    match (value, schema.items.as_deref()) {
        (Value::Array(items), Some(inner)) if schema.is_set() => {
            Value::Object(named(schema, inner, items))
        }
        (Value::Array(items), Some(inner)) => items.iter().map(|one| by_name(inner, one)).collect(),
        (Value::Object(members), _) => {
            let named = members.iter().map(|(name, member)| {
                let inner = schema.properties.get(name);
                (name.clone(), inner.map_or_else(|| member.clone(), |one| by_name(one, member)))
            });
            Value::Object(named.collect())
        }
        _ => value.clone(),
    }
}

fn named(schema: &Schema, inner: &Schema, items: &[Value]) -> Map<String, Value> {
    let key = schema.key_name();
    let mut all: Map<String, Value> = Map::new();
    for item in items {
        let key = key.as_ref().and_then(|name| item.get(name)).and_then(text);
        let name = key.or_else(|| text(item)).unwrap_or_else(|| item.to_string());
        let name =
            if name.len() > KEY_MAX { Digest::of(name.as_bytes()).to_string() } else { name };
        let more = by_name(inner, item);
        match all.get_mut(&name) {
            None => drop(all.insert(name, more)),
            // Elements are never lists, so a list in place of an element is the list of several equal elements.
            Some(Value::Array(equal)) => equal.push(more),
            Some(one) => {
                let first = one.take();
                *one = Value::Array(vec![first, more]);
            }
        }
    }
    all
}

/// A string, number or boolean as the name of an element; `None` for any other value.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema(value: Value) -> Schema {
        serde_json::from_value(value).unwrap()
    }

    fn keyed() -> Schema {
        schema(json!({
            "type": "array", "key": "/value",
            "items": {"required": ["value"], "properties": {
                "value": {"type": "string"}, "role": {"type": "string"},
            }},
        }))
    }

    fn tags() -> Schema {
        schema(json!({"type": "array", "unordered": true, "items": {"type": "string"}}))
    }

    #[test]
    fn the_order_of_the_answer_does_not_matter() {
        let (one, other) =
            (json!([{"value": "b"}, {"value": "a"}]), json!([{"value": "a"}, {"value": "b"}]));
        assert_eq!(keyed().project(&one), Ok(other.clone()));
        assert_eq!(keyed().project(&other), Ok(other));
        assert_eq!(tags().project(&json!(["b", "a", "b"])), Ok(json!(["a", "b", "b"])));
        let both = schema(json!({"type": "array", "items": keyed()}));
        let nested = json!([[{"value": "a"}], [{"value": "z"}, {"value": "b"}]]);
        let sorted = json!([[{"value": "a"}], [{"value": "b"}, {"value": "z"}]]);
        assert_eq!(both.project(&nested), Ok(sorted));
    }

    #[test]
    fn a_key_is_there_and_is_the_only_one() {
        let why = |value: Value| keyed().project(&value).unwrap_err().to_string();
        assert_eq!(
            why(json!([{"value": "a"}, {"role": "x"}])),
            "at `/1/value`: is absent; it is the `key` that tells the elements apart"
        );
        assert_eq!(
            why(json!([{"value": "a", "role": "x"}, {"value": "b"}, {"value": "a"}])),
            "at `/2/value`: equals that of another element; it is the `key` that tells the elements apart"
        );
        assert!(why(json!([{"value": null}])).contains("is absent"));
        assert!(why(json!([{"value": "x".repeat(129)}])).contains("more than 128 bytes"));
    }

    #[test]
    fn elements_are_compared_by_name() {
        let differ = |schema: &Schema, old: Value, new: Value| {
            let changes = json::diff(&by_name(schema, &old), &by_name(schema, &new));
            changes.into_iter().map(|c| (c.pointer, c.old, c.new)).collect::<Vec<_>>()
        };
        let (old, new) = (
            json!([{"value": "a/b", "role": "x"}, {"value": "c"}]),
            json!([{"value": "a/b", "role": "y"}, {"value": "d"}]),
        );
        let found = differ(&keyed(), old, new);
        assert_eq!(
            found,
            [
                ("/a~1b/role".to_owned(), Some(json!("x")), Some(json!("y"))),
                ("/c/value".to_owned(), Some(json!("c")), None),
                ("/d/value".to_owned(), None, Some(json!("d"))),
            ]
        );
        let found = differ(&tags(), json!(["a", "b", "b"]), json!(["a", "a", "b", "c"]));
        assert_eq!(
            found,
            [
                ("/a".to_owned(), Some(json!("a")), Some(json!(["a", "a"]))),
                ("/b".to_owned(), Some(json!(["b", "b"])), Some(json!("b"))),
                ("/c".to_owned(), None, Some(json!("c"))),
            ]
        );
        assert_eq!(differ(&tags(), json!(["1", "2"]), json!(["2", "1"])), []);
        let found = differ(&tags(), json!([]), json!(["x".repeat(1_000_000)]));
        assert!(found[0].0.starts_with("/sha256:") && found[0].0.len() < 128, "{}", found[0].0);
    }
}
