//! Canonical JSON (RFC 8785): the one byte string that a value is signed and hashed as.

use serde::Serialize;
use serde_json::Value;

use super::child;
use super::parse::MAX_DEPTH;
use super::write::write;

/// RFC 8785 bytes: keys sorted by UTF-16 code units, no white space, integers only.
///
/// Refuses floats and integers beyond ±(2^53 − 1): their text differs between readers.
pub fn canonical(value: &Value) -> Result<Vec<u8>, NotCanonical> {
    to_canonical(value)
}

/// [`canonical`] of anything that serialises to JSON.
pub fn to_canonical<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, NotCanonical> {
    write(value).map(|(bytes, _)| bytes)
}

/// [`to_canonical`] of what is signed inside another record and is read again by [`super::parse`]: refuses what is
/// nested too deep for that.
pub fn to_readable<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, NotCanonical> {
    let (bytes, levels) = write(value)?;
    if levels < MAX_DEPTH {
        return Ok(bytes);
    }
    Err(NotCanonical::new(format!(
        "it is nested {MAX_DEPTH} levels deep or more, so it could not be parsed again"
    )))
}

/// Why a value has no canonical form, and the RFC 6901 pointer of the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pointer}` has no canonical form: {reason}")]
pub struct NotCanonical {
    pub pointer: String,
    pub reason: String,
}

impl NotCanonical {
    pub(super) fn new(reason: String) -> Self {
        Self { pointer: String::new(), reason }
    }

    /// The same, one level further out: the pointer is put together only when something is refused.
    pub(super) fn under(self, token: &str) -> Self {
        Self { pointer: format!("{}{}", child("", token), self.pointer), reason: self.reason }
    }
}
