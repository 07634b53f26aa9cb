//! Action ids and names. Ids and names are checked once, where they enter the program. From then on, an id is an
//! [`ActionId`] and not a text.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The id of an action: `act_` and 26 base32 digits (48 bits of Unix milliseconds, 80 bits of randomness).
///
/// Sorting ids as text sorts them by creation time.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("pattern" = "^act_[0-9a-v]{26}$")))]
pub struct ActionId(String);

const PREFIX: &str = "act_";
/// Every character that an id can have.
pub(crate) const CHARACTERS: &str = "_0123456789abcdefghijklmnopqrstuvwxyz";
const DIGITS: usize = 26;

impl ActionId {
    /// The beginning of every id.
    pub const PREFIX: &str = PREFIX;
    /// The number of bytes of an id.
    pub const LENGTH: usize = PREFIX.len() + DIGITS;

    /// Builds an id from a time in Unix milliseconds and ten random bytes; the caller supplies both.
    pub fn new(at_ms: u64, random: [u8; 10]) -> Self {
        let time = at_ms.to_be_bytes();
        let bytes: Vec<u8> = time.into_iter().skip(2).chain(random).collect();
        let digits = data_encoding::BASE32HEX_NOPAD.encode(&bytes).to_ascii_lowercase();
        Self(format!("{PREFIX}{digits}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The time that the id was made from, in Unix milliseconds.
    pub fn created_ms(&self) -> u64 {
        let digits = self.0.get(PREFIX.len()..).unwrap_or_default().to_ascii_uppercase();
        let bytes = data_encoding::BASE32HEX_NOPAD.decode(digits.as_bytes()).unwrap_or_default();
        bytes.iter().take(6).fold(0, |time, byte| (time << 8) | u64::from(*byte))
    }
}

impl FromStr for ActionId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits = text.strip_prefix(PREFIX).ok_or(IdError)?;
        let known = |b: u8| b.is_ascii_digit() || (b'a'..=b'v').contains(&b);
        if digits.len() == DIGITS && digits.bytes().all(known) {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError)
        }
    }
}

/// The text is not an action id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an action id must be `act_` and 26 characters of 0-9 and a-v")]
pub struct IdError;

impl fmt::Display for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ActionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ActionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Whether a text is a valid name of a tenant, upstream, agent, person, role, secret, adapter or state.
///
/// A valid name has 1 to 64 characters of `a-z`, `0-9`, `_` and `-` and starts with a letter or digit. A valid name is
/// safe in a path, a URL and a log line.
pub fn is_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    (1..=64).contains(&text.len())
        && text.bytes().all(fits)
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
}

/// Whether a text is a valid contract name: names joined by dots, such as `idp.restore_access`.
pub fn is_contract_name(text: &str) -> bool {
    text.len() <= 128 && text.split('.').all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_parse_back() {
        let early = ActionId::new(1, [255; 10]);
        let late = ActionId::new(2, [0; 10]);
        assert!(early < late);
        assert_eq!(early.as_str().parse(), Ok(early.clone()));
        for bad in ["", "act_", "act_ABC", "../etc", "act_0000000000000000000000000w"] {
            assert_eq!(bad.parse::<ActionId>(), Err(IdError), "{bad}");
        }
    }

    #[test]
    fn names_are_safe_in_paths() {
        assert!(is_name("idp") && is_contract_name("idp.restore_access"));
        for bad in ["", ".", "..", "a/b", "A", "a b", "-a"] {
            assert!(!is_name(bad) && !is_contract_name(bad), "{bad}");
        }
    }
}
