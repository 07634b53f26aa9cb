//! JSON bodies with decimals that are kept as text and sent as numbers.

use std::collections::BTreeSet;
use std::ops::Bound;

use deed_spec::json::{self, child};
use serde_json::Value;

use crate::contract::schema::decimal;

/// Encodes a body in canonical form, except that the texts at the pointers are written as numbers. Fails when the body
/// has no canonical form, or the value at a pointer is not a decimal.
pub(super) fn encode(body: &Value, numbers: &[String]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let numbers: BTreeSet<&str> = numbers.iter().map(String::as_str).collect();
    write(body, "", &numbers, &mut out)?;
    Ok(out)
}

/// Whether a number is inside of the value at the pointer.
fn has_inside(numbers: &BTreeSet<&str>, at: &str) -> bool {
    let inside = format!("{at}/");
    let next = numbers.range::<str, _>((Bound::Included(inside.as_str()), Bound::Unbounded)).next();
    next.is_some_and(|pointer| pointer.starts_with(&inside))
}

fn write(
    value: &Value,
    at: &str,
    numbers: &BTreeSet<&str>,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    if numbers.contains(at) {
        let digits = value.as_str().filter(|text| decimal::parse(text).is_some());
        out.extend(digits.ok_or_else(|| format!("the value at `{at}` is not a decimal"))?.bytes());
        return Ok(());
    }
    match value {
        Value::Object(members) if has_inside(numbers, at) => {
            let mut members: Vec<_> = members.iter().collect();
            // Members are written in the order of canonical JSON (RFC 8785 section 3.2.3).
            members.sort_by(|one, other| one.0.encode_utf16().cmp(other.0.encode_utf16()));
            out.push(b'{');
            for (n, (name, member)) in members.into_iter().enumerate() {
                separate(n, out);
                out.extend(
                    json::canonical(&Value::from(name.as_str())).map_err(|e| e.to_string())?,
                );
                out.push(b':');
                write(member, &child(at, name), numbers, out)?;
            }
            out.push(b'}');
        }
        Value::Array(items) if has_inside(numbers, at) => {
            out.push(b'[');
            for (n, item) in items.iter().enumerate() {
                separate(n, out);
                write(item, &child(at, &n.to_string()), numbers, out)?;
            }
            out.push(b']');
        }
        other => out.extend(json::canonical(other).map_err(|error| error.to_string())?),
    }
    Ok(())
}

fn separate(n: usize, out: &mut Vec<u8>) {
    if n > 0 {
        out.push(b',');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(body: &Value, numbers: &[&str]) -> Result<String, String> {
        let numbers: Vec<String> = numbers.iter().map(|one| (*one).to_owned()).collect();
        encode(body, &numbers).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn only_the_named_texts_become_numbers() {
        let body =
            json!({"b": ["1.5", "2.5"], "a/~": {"x": "10.25", "y": "10.25"}, "é": "q\"", "c": 1});
        assert_eq!(
            text(&body, &["/a~1~0/x", "/b/1"]).unwrap(),
            r#"{"a/~":{"x":10.25,"y":"10.25"},"b":["1.5",2.5],"c":1,"é":"q\""}"#
        );
        assert_eq!(text(&body, &[]).unwrap().into_bytes(), json::canonical(&body).unwrap());
        assert_eq!(text(&json!("-0.5"), &[""]).unwrap(), "-0.5");
    }

    #[test]
    fn what_is_not_a_decimal_is_never_written_bare() {
        for value in [json!("1,\"admin\":true"), json!("1e"), json!(null), json!({}), json!("NaN")]
        {
            assert!(text(&json!({"a": value}), &["/a"]).is_err());
        }
    }
}
