//! The word that stands for a private value in every record.
//!
//! A word is `private:hmac-sha256:` and the hex HMAC-SHA-256 (RFC 2104) of the value's canonical JSON under
//! its salt. Values and salts stand in the journal and in what an approver is shown, and nowhere else;
//! nothing here prints one, and what was made of them ([`Live`]) cannot be written into a record.

use std::fmt;

use deed_spec::json as canonical;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;

/// How every word begins.
pub const PREFIX: &str = "private:hmac-sha256:";
/// What every word looks like; no other text may stand for a private parameter in a record.
pub const PATTERN: &str = "^private:hmac-sha256:[0-9a-f]{64}$";
/// Shorter values are not looked for in texts and answers: they stand in ordinary text by chance.
pub const SEARCHED_MIN: usize = 8;

/// 32 random bytes, one salt for each parameter of each action.
pub type Salt = [u8; 32];

/// What was made of private values. It has no serialised form, and prints nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Live<T>(T);

impl<T> Live<T> {
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself: for what leaves, for the guest, for policy and for the approver's eyes.
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

/// A private value; its commitment is HMAC-SHA-256 under the salt, of the value's canonical JSON.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// 64 hex digits.
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

    /// The word that stands for the value; `None` if the salt is invalid.
    pub fn word(&self) -> Option<String> {
        let salt = data_encoding::HEXLOWER.decode(self.salt.as_bytes()).ok()?;
        let value = canonical::canonical(&Value::from(self.value.as_str())).ok()?;
        let salt = Salt::try_from(salt).ok()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&salt).ok()?;
        mac.update(&value);
        Some(format!("{PREFIX}{}", data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes())))
    }
}
