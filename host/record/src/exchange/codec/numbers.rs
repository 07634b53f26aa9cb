//! JSON bodies with decimals that are kept as text and sent as numbers.

use deed_spec::json::{self, child};
use serde_json::Value;

use crate::contract::schema::decimal;

/// Encodes a body in canonical form, except that the texts at the pointers are written as numbers. Fails when the body
/// has no canonical form, or the value at a pointer is not a decimal.
pub(super) fn encode(body: &Value, numbers: &[String]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    write(body, "", numbers, &mut out)?;
    Ok(out)
}

fn write(value: &Value, at: &str, numbers: &[String], out: &mut Vec<u8>) -> Result<(), String> {
    let inside =
        |pointer: &String| pointer.strip_prefix(at).is_some_and(|rest| rest.starts_with('/'));
    if numbers.iter().any(|pointer| pointer == at) {
        let digits = value.as_str().filter(|text| decimal::parse(text).is_some());
        out.extend(digits.ok_or_else(|| format!("the value at `{at}` is not a decimal"))?.bytes());
        return Ok(());
    }
    match value {
        Value::Object(members) if numbers.iter().any(inside) => {
            let mut members: Vec<_> = members.iter().collect();
            // Members are written in the order of canonical JSON (RFC 8785 section 3.2.3).
            members.sort_by(|one, other| one.0.encode_utf16().cmp(other.0.encode_utf16()));
            out.push(b'{');
            for (n, (name, member)) in members.into_iter().enumerate() {
                separate(n, out);
                write(&Value::from(name.as_str()), "\0", &[], out)?;
                out.push(b':');
                write(member, &child(at, name), numbers, out)?;
            }
            out.push(b'}');
        }
        Value::Array(items) if numbers.iter().any(inside) => {
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
