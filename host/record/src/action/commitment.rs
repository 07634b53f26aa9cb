//! The commitment that replaces a private value in every record.
//!
//! A commitment is `private:hmac-sha256:` followed by the hex HMAC-SHA-256 (RFC 2104) of the value's canonical JSON,
//! keyed with its salt. Values and salts occur only in the journal and in what an approver is shown. This module never
//! prints a private value or its salt, and data derived from them ([`Live`]) cannot be serialised into a record.

use std::fmt;

use deed_spec::json as canonical;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;

/// The prefix of every commitment.
pub const PREFIX: &str = "private:hmac-sha256:";
/// The pattern that every commitment matches. In a record, only a text that matches this pattern may replace a private
/// value.
pub const PATTERN: &str = "^private:hmac-sha256:[0-9a-f]{64}$";
/// The minimum length in bytes of a private value that is searched for in texts and responses. Shorter values occur in
/// ordinary text by chance.
pub const SEARCHED_MIN: usize = 8;

/// A salt of 32 random bytes. Each private parameter of each action has its own salt.
pub type Salt = [u8; 32];

/// Data derived from private values. It cannot be serialised, and its `Debug` output hides the content.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Live<T>(T);

impl<T> Live<T> {
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The hidden data itself, which is used in requests that are sent, and is shown to the guest, to policy and to the
    /// approver.
    pub fn reveal(&self) -> &T {
        &self.0
    }

    pub(super) fn into_revealed(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Live(…)")
    }
}

/// A private value and its salt; the commitment is the HMAC-SHA-256 of the value's canonical JSON, keyed with the salt.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// The salt as 64 hex digits.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9a-f]{64}$")))]
    pub salt: String,
    pub value: String,
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opening(…)")
    }
}

impl Opening {
    pub(super) fn new(salt: &Salt, value: &str) -> Self {
        Self { salt: data_encoding::HEXLOWER.encode(salt), value: value.to_owned() }
    }

    /// The commitment to the value; `None` if the salt is invalid.
    pub fn word(&self) -> Option<String> {
        let salt = data_encoding::HEXLOWER.decode(self.salt.as_bytes()).ok()?;
        let value = canonical::canonical(&Value::from(self.value.as_str())).ok()?;
        let salt = Salt::try_from(salt).ok()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&salt).ok()?;
        mac.update(&value);
        Some(format!("{PREFIX}{}", data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes())))
    }
}
