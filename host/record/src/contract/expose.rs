//! The `expose` setting of a rule: reduces a response to the values at the given JSON pointers (RFC 6901).
//!
//! Exposed array items keep their index: an item that is not exposed becomes null if a later item is exposed.

use deed_spec::json::{self, ParseError, covers};
use serde_json::{Map, Value};

/// The maximum number of pointers in a rule, and the maximum size of a pointer in bytes.
const POINTERS: usize = 64;
const POINTER: usize = 256;

/// Why a list of pointers cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExposeError {
    #[error(
        "`{0}` in `expose` is not a JSON pointer; write, for example, `/name/0`, with `~1` for `/` and `~0` for `~`"
    )]
    Pointer(String),
    #[error("`{0}` in `expose` is covered by another pointer or listed twice; keep one of them")]
    Covered(String),
    #[error("`expose` can have at most 64 pointers of at most 256 bytes")]
    Many,
}

/// Checks the syntax of the pointers. Whether a response has a value at a pointer is known only when the response
/// arrives.
pub(crate) fn check(pointers: &[String]) -> Result<(), ExposeError> {
    check_pointers(pointers)?;
    for (n, one) in pointers.iter().enumerate() {
        let mut others = pointers.iter().enumerate().filter(|(other, _)| *other != n);
        if others.any(|(_, other)| covers(other, one)) {
            return Err(ExposeError::Covered(one.clone()));
        }
    }
    Ok(())
}

/// Checks the syntax, the number and the length of pointers.
pub(crate) fn check_pointers(pointers: &[String]) -> Result<(), ExposeError> {
    if pointers.len() > POINTERS || pointers.iter().any(|one| one.len() > POINTER) {
        return Err(ExposeError::Many);
    }
    match pointers.iter().find(|one| !is_pointer(one)) {
        Some(one) => Err(ExposeError::Pointer(one.clone())),
        None => Ok(()),
    }
}

/// Reads the exposed part of a JSON text. A value that is not exposed must be well-formed JSON, but may be nested too
/// deeply or have duplicate keys.
///
/// # Errors
///
/// Fails at the first place that is not JSON, or that is exposed and not strict JSON.
pub fn read(bytes: &[u8], pointers: &[String]) -> Result<Value, ParseError> {
    let paths: Vec<Vec<String>> = pointers.iter().map(|one| tokens(one)).collect();
    Ok(only(json::parse_part(bytes, &paths)?, pointers))
}

/// The exposed part of a response; an empty value of the same kind if nothing is exposed.
pub fn only(value: Value, pointers: &[String]) -> Value {
    let paths: Vec<Vec<String>> = pointers.iter().map(|one| tokens(one)).collect();
    let paths: Vec<&[String]> = paths.iter().map(Vec::as_slice).collect();
    let empty = match &value {
        Value::Object(_) => Value::Object(Map::new()),
        Value::Array(_) => Value::Array(Vec::new()),
        _ => Value::Null,
    };
    keep(value, &paths).unwrap_or(empty)
}

/// Whether a text is a JSON pointer. The empty pointer is invalid, because a rule without `expose` already exposes the
/// whole response.
fn is_pointer(text: &str) -> bool {
    let escaped = |token: &str| token.replace("~0", "").replace("~1", "").contains('~');
    text.starts_with('/') && !text.split('/').any(escaped) && !text.contains(char::is_control)
}

fn tokens(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect()
}

fn keep(value: Value, paths: &[&[String]]) -> Option<Value> {
    if paths.iter().any(|path| path.is_empty()) {
        return Some(value);
    }
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter_map(|(key, member)| {
                let member = keep(member, &below(paths, &key))?;
                Some((key, member))
            });
            let kept: Map<String, Value> = kept.collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(items) => {
            let items = items.into_iter().enumerate();
            let kept = items.map(|(n, item)| keep(item, &below(paths, &n.to_string())));
            let kept: Vec<Option<Value>> = kept.collect();
            let last = kept.iter().rposition(Option::is_some)?;
            let kept = kept.into_iter().take(last + 1).map(Option::unwrap_or_default);
            Some(Value::Array(kept.collect()))
        }
        _ => None,
    }
}

/// For each path that leads through this member or item, the steps of the path after it.
fn below<'a>(paths: &[&'a [String]], token: &str) -> Vec<&'a [String]> {
    let through = |path: &&'a [String]| {
        let (first, rest) = path.split_first()?;
        (first == token).then_some(rest)
    };
    paths.iter().filter_map(through).collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn list(pointers: &[&str]) -> Vec<String> {
        pointers.iter().map(|one| (*one).to_owned()).collect()
    }

    #[test]
    fn what_no_pointer_leads_to_is_not_there() {
        let answer = json!({
            "id": "1", "a/b": {"~": 2, "no": 3}, "list": [{"x": 1, "y": 2}, {"x": 3}, {"x": 4, "y": 5}, 6],
            "secret": {"deep": "s"}
        });
        let seen = only(answer.clone(), &list(&["/id", "/a~1b/~0", "/list/2/x", "/secret/other"]));
        let wanted = json!({"id": "1", "a/b": {"~": 2}, "list": [null, null, {"x": 4}]});
        assert_eq!(seen, wanted);
        assert_eq!(only(answer.clone(), &list(&["/list"]))["list"], answer["list"]);
        assert_eq!(only(answer, &[]), json!({}));
        assert_eq!(only(json!(["s"]), &list(&["/7"])), json!([]));
        assert_eq!(only(json!("s"), &list(&["/id"])), json!(null));
        assert_eq!(only(json!({"list": ["s"]}), &list(&["/list/00"])), json!({}));
    }

    /// Generates a JSON text and pointers, some of which lead to a value in the text.
    fn documents() -> impl Strategy<Value = (String, Vec<String>)> {
        let leaf =
            prop_oneof![Just("1".to_owned()), Just("\"x\"".to_owned()), Just("null".to_owned())];
        let text = leaf.prop_recursive(4, 24, 4, |inner| {
            let member =
                ("[ab]", inner.clone()).prop_map(|(key, value)| format!("\"{key}\": {value}"));
            prop_oneof![
                vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(" , "))),
                vec(member, 0..3).prop_map(|members| format!("{{{}}}", members.join(","))),
            ]
        });
        (text, vec("(/[ab01]){1,3}", 0..4))
    }

    proptest! {
        /// If the whole answer can be parsed, reading only the exposed part has the same result as dropping the rest
        /// afterwards.
        #[test]
        fn reading_a_part_is_reading_all_and_dropping_the_rest((text, pointers) in documents()) {
            let part = read(text.as_bytes(), &pointers);
            if let Ok(whole) = deed_spec::json::parse(text.as_bytes()) {
                prop_assert_eq!(part, Ok(only(whole, &pointers)), "{}", text);
            }
        }
    }

    #[test]
    fn pointers_are_strict_and_none_is_said_twice() {
        assert_eq!(check(&list(&["/id", "/ids", "/a~01", "/"])), Ok(()));
        for wrong in ["", "id", "/a~", "/a~2", "/a\n"] {
            assert_eq!(check(&list(&[wrong])), Err(ExposeError::Pointer(wrong.into())));
        }
        let twice = check(&list(&["/a", "/b", "/b/c"]));
        assert_eq!(twice, Err(ExposeError::Covered("/b/c".into())));
        assert_eq!(check(&list(&["/a", "/a"])), Err(ExposeError::Covered("/a".into())));
        assert_eq!(check(&vec!["/a".into(); 65]), Err(ExposeError::Many));
    }
}
