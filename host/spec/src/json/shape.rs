//! Converts a JSON value to the record that it describes. An error names the pointer of the first part that does not
//! match.
//!
//! Unknown fields are errors if the record's type denies them.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

use super::{child, diff};

/// Deserialises a record from a JSON value.
///
/// # Errors
///
/// Fails at the first member that does not fit the type.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, ShapeError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let around =
            error.path().iter().fold(String::new(), |pointer, segment| step(&pointer, segment));
        let reason = plain(&error.inner().to_string());
        // For a missing member, serde reports the path of the object that lacks it.
        let pointer = missing(&reason).map_or_else(|| around.clone(), |name| child(&around, name));
        ShapeError { pointer, reason }
    })
}

/// Like [`from_value`], for a record that must have exactly one form. An object whose members are listed in an array,
/// and a member that is `null` instead of absent, are errors, because other readers do not accept these forms.
///
/// # Errors
///
/// Fails as [`from_value`] does, and if the record would be written in another way.
pub fn from_exact<T: DeserializeOwned + Serialize>(value: Value) -> Result<T, ShapeError> {
    let given = value.clone();
    let record: T = from_value(value)?;
    let again = serde_json::to_value(&record)
        .map_err(|error| ShapeError { pointer: String::new(), reason: error.to_string() })?;
    if again == given {
        return Ok(record);
    }
    let pointer = diff(&given, &again).into_iter().next().map(|change| change.pointer);
    Err(ShapeError { pointer: pointer.unwrap_or_default(), reason: NOT_EXACT.to_owned() })
}

const NOT_EXACT: &str = "the record has another form than the one in which it is written; write each object with the \
                         names of its members, and leave out absent members";

/// Where (RFC 6901 pointer, `""` is the whole value) and why a value does not have the record's shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at {}: {reason}", place(.pointer))]
pub struct ShapeError {
    pub pointer: String,
    pub reason: String,
}

/// The pointer as it appears in an error text. For the whole value it is `the top level`, because an empty pointer
/// would look like a mistake.
fn place(pointer: &str) -> String {
    if pointer.is_empty() { "the top level".to_owned() } else { format!("`{pointer}`") }
}

/// The name of the member that serde's error reports as missing; `None` for any other error.
fn missing(reason: &str) -> Option<&str> {
    reason.strip_prefix("missing field `")?.strip_suffix('`')
}

/// Replaces the name of a Rust struct in serde's error text by `an object`, because users do not know Rust types.
fn plain(reason: &str) -> String {
    match reason.split_once(", expected struct ") {
        Some((head, name)) if !name.contains(' ') => format!("{head}, expected an object"),
        _ => reason.to_owned(),
    }
}

fn step(pointer: &str, segment: &Segment) -> String {
    match segment {
        Segment::Seq { index } => child(pointer, &index.to_string()),
        Segment::Map { key } => child(pointer, key),
        Segment::Enum { variant } => child(pointer, variant),
        Segment::Unknown => child(pointer, "?"),
    }
}
