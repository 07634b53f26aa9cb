//! JSON Merge Patch (RFC 7396): the changes of a document as a document.

use serde_json::{Map, Value};

use crate::Failure;

/// Applies a merge patch to a document. A member that is null in the patch is removed, an object is merged, and any
/// other value replaces what was there.
///
/// ```
/// use deed_adapter_sdk::merge_patch;
/// use serde_json::json;
///
/// let document = json!({"title": "Draft", "author": {"name": "Ann", "phone": "1"}});
/// let patch = json!({"title": "Final", "author": {"phone": null}});
/// let changed = json!({"title": "Final", "author": {"name": "Ann"}});
/// assert_eq!(merge_patch::apply(document, &patch), changed);
/// ```
#[must_use]
pub fn apply(document: Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut members = match document {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    for (name, change) in patch {
        let old = members.remove(name).unwrap_or_default();
        if !change.is_null() {
            members.insert(name.clone(), apply(old, change));
        }
    }
    Value::Object(members)
}

/// The smallest merge patch that makes `to` from `from`. The result has only what changes, so people who read the plan
/// see only that.
///
/// ```
/// use deed_adapter_sdk::{Failure, merge_patch};
/// use serde_json::json;
///
/// # fn main() -> Result<(), Failure> {
/// let from = json!({"title": "Draft", "tags": ["a"], "pages": 3});
/// let to = json!({"title": "Draft", "tags": ["a", "b"]});
/// assert_eq!(merge_patch::diff(&from, &to)?, json!({"tags": ["a", "b"], "pages": null}));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Fails with [`Failure::Invalid`] if a member of `to` is null and the patch would have to set it: in a merge patch,
/// null removes the member.
pub fn diff(from: &Value, to: &Value) -> Result<Value, Failure> {
    changes(from, to, "")
}

fn changes(from: &Value, to: &Value, at: &str) -> Result<Value, Failure> {
    let Value::Object(new) = to else { return Ok(to.clone()) };
    let none = Map::new();
    let old = from.as_object().unwrap_or(&none);
    let mut patch = Map::new();
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    for (name, value) in new {
        let before = old.get(name);
        if before == Some(value) {
            continue;
        }
        let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        if value.is_null() {
            return Err(cannot_be_null(&at));
        }
        patch.insert(name.clone(), changes(before.unwrap_or(&Value::Null), value, &at)?);
    }
    Ok(Value::Object(patch))
}

fn cannot_be_null(at: &str) -> Failure {
    Failure::Invalid(format!(
        "a merge patch cannot set `{at}` to null, because null removes a member; leave the member out, or send the \
         whole document"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The test cases of RFC 7396, appendix A.
    #[test]
    fn the_examples_of_the_rfc_hold() {
        for (document, patch, result) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
            (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a":"b"}), json!(["c"]), json!(["c"])),
            (json!({"a":"foo"}), json!(null), json!(null)),
            (json!({"a":"foo"}), json!("bar"), json!("bar")),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!([1, 2]), json!({"a":"b","c":null}), json!({"a":"b"})),
            (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
        ] {
            assert_eq!(apply(document.clone(), &patch), result, "{document} {patch}");
        }
    }

    #[test]
    fn a_difference_leads_from_one_document_to_the_other() {
        for (from, to, patch) in [
            (json!({"a":1}), json!({"a":1}), json!({})),
            (json!({"a":{"b":1,"c":2}}), json!({"a":{"b":1,"c":3}}), json!({"a":{"c":3}})),
            (json!({"a":{"b":1}}), json!({"a":{}}), json!({"a":{"b":null}})),
            (json!({"a":1}), json!({"a":{"b":[null]}}), json!({"a":{"b":[null]}})),
            (json!([1]), json!({}), json!({})),
            (json!({"a":null}), json!({"a":null,"b":1}), json!({"b":1})),
            (json!({"a":1}), json!(7), json!(7)),
        ] {
            assert_eq!(diff(&from, &to).unwrap(), patch, "{from} {to}");
            assert_eq!(apply(from, &patch), to);
        }
    }

    #[test]
    fn null_cannot_be_set() {
        for (from, to, at) in [
            (json!({"a":1}), json!({"a":null}), "`/a`"),
            (json!({}), json!({"a":{"b~/c":null}}), "`/a/b~0~1c`"),
        ] {
            let Err(Failure::Invalid(why)) = diff(&from, &to) else { unreachable!("{to}") };
            assert!(why.contains(at), "{why}");
        }
    }
}
