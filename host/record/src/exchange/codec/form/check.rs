//! Checks the names of a nested form: however a server interprets brackets, each name must denote exactly one position.

use serde_json::{Map, Value};

use super::FormError;

/// Checks a form-urlencoded body, or the template of one, that may contain lists and tables.
///
/// # Errors
///
/// Fails at a name with a bracket, at a name that a server could read as a list index, at an empty list or table, and
/// at a value that a form-urlencoded body cannot contain.
pub(in super::super) fn check(body: &Value) -> Result<(), FormError> {
    let members = body.as_object().ok_or(FormError::NotFlat)?;
    if members.contains_key("") {
        return Err(FormError::Name(String::new()));
    }
    names(members)
}

fn names(members: &Map<String, Value>) -> Result<(), FormError> {
    for (name, value) in members {
        if name.contains(['[', ']']) {
            return Err(FormError::Bracket(name.clone()));
        }
        inside(name, value)?;
    }
    Ok(())
}

fn inside(name: &str, value: &Value) -> Result<(), FormError> {
    match value {
        Value::String(_) | Value::Bool(_) => Ok(()),
        Value::Number(number) if !number.is_f64() => Ok(()),
        Value::Array(items) if !items.is_empty() => {
            items.iter().try_for_each(|item| inside(name, item))
        }
        Value::Object(members) if !members.is_empty() => {
            let numbered = |name: &&String| name.bytes().all(|b| b.is_ascii_digit());
            match members.keys().find(numbered) {
                Some(name) => Err(FormError::Name(name.clone())),
                None => names(members),
            }
        }
        Value::Array(_) | Value::Object(_) => Err(FormError::Empty(name.to_owned())),
        _ => Err(FormError::Leaf(name.to_owned())),
    }
}
