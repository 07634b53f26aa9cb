//! Takes a JSON value, gives the record it describes or the pointer of the place that does not fit.
//!
//! Never guesses: unknown fields are errors where the record's type says so.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

use super::child;

/// Reads a record out of a value.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, ShapeError> {
    serde_path_to_error::deserialize(value).map_err(|error| ShapeError {
        pointer: error
            .path()
            .iter()
            .fold(String::new(), |pointer, segment| step(&pointer, segment)),
        reason: error.inner().to_string(),
    })
}

/// Where (RFC 6901 pointer, `""` is the whole value) and why a value does not have the record's shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at `{pointer}`: {reason}")]
pub struct ShapeError {
    pub pointer: String,
    pub reason: String,
}

fn step(pointer: &str, segment: &Segment) -> String {
    match segment {
        Segment::Seq { index } => child(pointer, &index.to_string()),
        Segment::Map { key } => child(pointer, key),
        Segment::Enum { variant } => child(pointer, variant),
        Segment::Unknown => child(pointer, "?"),
    }
}
