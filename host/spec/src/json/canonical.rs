//! Canonical JSON (RFC 8785): the only byte string over which a value is signed and hashed.

use serde::Serialize;
use serde_json::Value;

use super::child;
use super::parse::MAX_DEPTH;
use super::write::write;

/// Returns the RFC 8785 bytes of a value: keys sorted by UTF-16 code units, no white space, integers only.
///
/// # Errors
///
/// Fails for floats and for integers beyond ±(2^53 − 1), because JSON readers do not agree on their values.
pub fn canonical(value: &Value) -> Result<Vec<u8>, NotCanonical> {
    to_canonical(value)
}

/// Like [`canonical`], for any value that serialises to JSON.
///
/// # Errors
///
/// Fails when the value does not serialise to JSON or has no canonical form.
pub fn to_canonical<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, NotCanonical> {
    write(value).map(|(bytes, _)| bytes)
}

/// Like [`to_canonical`], for a value that is signed inside another record and later parsed by [`super::parse`].
///
/// # Errors
///
/// Fails if the value is nested too deeply for the parser.
pub fn to_readable<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, NotCanonical> {
    let (bytes, levels) = write(value)?;
    if levels < MAX_DEPTH {
        return Ok(bytes);
    }
    Err(NotCanonical::new(format!(
        "the value is nested {MAX_DEPTH} levels deep or more, so it could not be parsed again"
    )))
}

/// Why a value has no canonical form, and the RFC 6901 pointer to the part that prevents it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the value at `{pointer}` has no canonical JSON form: {reason}")]
pub struct NotCanonical {
    pub pointer: String,
    pub reason: String,
}

impl NotCanonical {
    pub(super) fn new(reason: String) -> Self {
        Self { pointer: String::new(), reason }
    }

    /// The same error with `token` prepended to its pointer. The pointer is built only when a value is refused.
    pub(super) fn under(self, token: &str) -> Self {
        Self { pointer: format!("{}{}", child("", token), self.pointer), reason: self.reason }
    }
}
