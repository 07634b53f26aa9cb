//! Takes the secrets that an upstream created out of its answer. This happens before anything else reads the answer.

use deed_record::exchange::Rendered;
use deed_record::exchange::secret::placeholder;
use serde_json::Value;
use zeroize::Zeroizing;

use super::super::redact::{REDACTED, Redactor};
use crate::credentials::{Found, SECRET_MAX};

/// Replaces each secret of the rule in the answer by a fixed text, and tells the redactor its value. Returns the
/// secrets, and the JSON pointers of the replaced places. If a value has too many parts to search for, the whole answer is
/// replaced.
pub(super) fn take(
    redactor: &Redactor,
    rule: &Rendered,
    body: Option<&mut Value>,
) -> (Vec<Found>, Vec<String>) {
    let (mut found, mut places, mut is_hidden) = (Vec::new(), Vec::new(), true);
    let mut nothing = Value::Null;
    let body = body.unwrap_or(&mut nothing);
    for (name, pointer) in &rule.secrets {
        let Some(place) = body.pointer_mut(pointer) else {
            let value = Err(format!("the answer has nothing at `{pointer}`"));
            found.push(Found { name: name.clone(), value });
            continue;
        };
        let value = std::mem::replace(place, Value::String(placeholder(name)));
        is_hidden &= learn(redactor, name, &value);
        found.push(Found { name: name.clone(), value: text(value, pointer) });
        places.push(pointer.clone());
    }
    if !is_hidden {
        *body = Value::String(REDACTED.to_owned());
        places = vec![String::new()];
    }
    (found, places)
}

/// Tells the redactor a secret, or each part of a value that is no text. Returns false if there are too many parts. The
/// replacement itself is no secret.
fn learn(redactor: &Redactor, name: &str, value: &Value) -> bool {
    match value {
        Value::String(text) => {
            if *text != placeholder(name) {
                redactor.created(name, text);
            }
            true
        }
        other => hide(redactor, name, other),
    }
}

/// Tells the redactor each text, number and name of a member in a value that is not stored.
fn hide(redactor: &Redactor, name: &str, value: &Value) -> bool {
    let hide_text = |text: &str| placeholder(name).contains(text) || redactor.hide(name, text);
    match value {
        Value::String(text) => hide_text(text),
        Value::Number(number) => redactor.hide(name, &number.to_string()),
        Value::Array(items) => items.iter().all(|item| hide(redactor, name, item)),
        Value::Object(members) => {
            members.iter().all(|(key, one)| hide_text(key) && hide(redactor, name, one))
        }
        Value::Null | Value::Bool(_) => true,
    }
}

/// The text of a secret. The error does not contain the value.
fn text(value: Value, pointer: &str) -> Result<Zeroizing<String>, String> {
    let Value::String(text) = value else {
        return Err(format!("the answer has no text at `{pointer}`"));
    };
    let text = Zeroizing::new(text);
    match text.len() {
        0 => Err(format!("the answer has an empty text at `{pointer}`")),
        1..=SECRET_MAX => Ok(text),
        _ => Err(format!("the answer has a text of more than 16 KiB at `{pointer}`")),
    }
}
