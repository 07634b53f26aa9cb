//! Conversion of a JSON value to the record that it describes, or the pointer of the first place that does not fit.
//!
//! Unknown fields are errors where the record's type says so.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

use super::child;

/// Reads a record out of a value.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, ShapeError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let around =
            error.path().iter().fold(String::new(), |pointer, segment| step(&pointer, segment));
        let reason = plain(&error.inner().to_string());
        // Of a member that is absent serde names the object around it.
        let pointer = missing(&reason).map_or_else(|| around.clone(), |name| child(&around, name));
        ShapeError { pointer, reason }
    })
}

/// Where (RFC 6901 pointer, `""` is the whole value) and why a value does not have the record's shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at {}: {reason}", place(.pointer))]
pub struct ShapeError {
    pub pointer: String,
    pub reason: String,
}

/// For a sentence: an empty pointer reads like a mistake.
fn place(pointer: &str) -> String {
    if pointer.is_empty() { "the top level".to_owned() } else { format!("`{pointer}`") }
}

/// The member of which serde says that it is absent.
fn missing(reason: &str) -> Option<&str> {
    reason.strip_prefix("missing field `")?.strip_suffix('`')
}

/// Names of Rust types mean nothing to readers: a struct is an object.
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
