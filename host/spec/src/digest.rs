//! SHA-256 digests. The text form of a digest is `sha256:<64 lower-case hex digits>`.

use std::fmt;
use std::str::FromStr;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

const PREFIX: &str = "sha256:";

/// A SHA-256 digest (FIPS 180-4). Its text form is `sha256:` and 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("pattern" = "^sha256:[0-9a-f]{64}$")))]
pub struct Digest(#[cfg_attr(feature = "schema", schemars(with = "String"))] [u8; 32]);

impl Digest {
    /// The digest of exactly these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 lower-case hex digits of the digest without the prefix `sha256:`, as in in-toto digest sets and log
    /// entries.
    pub fn hex(&self) -> String {
        text(&self.digits()).to_owned()
    }

    fn digits(&self) -> [u8; 64] {
        let mut digits = [0; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            if let [high, low] = pair {
                (*high, *low) = (digit(byte >> 4), digit(byte & 15));
            }
        }
        digits
    }

    /// Parses 64 lower-case hex digits.
    ///
    /// # Errors
    ///
    /// Fails for any other text.
    pub fn from_hex(text: &str) -> Result<Self, DigestError> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).map_err(|_| bad(text))?;
        Ok(Self(bytes.try_into().map_err(|_| bad(text))?))
    }
}

/// Computes the digest of bytes that arrive in parts.
#[derive(Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    pub fn update(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    /// The digest of all parts in their order.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").finish_non_exhaustive()
    }
}

fn digit(half: u8) -> u8 {
    if half < 10 { b'0' + half } else { b'a' + (half - 10) }
}

/// The hex digits as a string; they are always ASCII.
fn text(digits: &[u8]) -> &str {
    std::str::from_utf8(digits).unwrap_or_default()
}

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a digest; write `sha256:` and 64 lower-case hex digits")]
pub struct DigestError {
    text: String,
}

fn bad(text: &str) -> DigestError {
    DigestError { text: text.chars().take(80).collect() }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_hex(text.strip_prefix(PREFIX).ok_or_else(|| bad(text))?)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        f.write_str(text(&self.digits()))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut written = [0; PREFIX.len() + 64];
        let (prefix, digits) = written.split_at_mut(PREFIX.len());
        prefix.copy_from_slice(PREFIX.as_bytes());
        digits.copy_from_slice(&self.digits());
        serializer.serialize_str(text(&written))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text)
    }
}

/// Parses a digest without allocating memory for each one, because the history of an action contains dozens of digests.
struct Text;

impl Visitor<'_> for Text {
    type Value = Digest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Digest, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_text_is_prefix_and_hex_everywhere() {
        let bytes: [u8; 32] = std::array::from_fn(|n| u8::try_from(n * 8 + n / 4).unwrap());
        let digest = Digest::from_bytes(bytes);
        assert_eq!(digest.hex(), data_encoding::HEXLOWER.encode(&bytes));
        let text = format!("sha256:{}", digest.hex());
        assert_eq!(digest.to_string(), text);
        let written = serde_json::to_value(digest).unwrap();
        assert_eq!(written, serde_json::json!(text));
        assert_eq!(serde_json::from_value::<Digest>(written).unwrap(), digest);
        assert_eq!(serde_json::from_str::<Digest>(&format!("\"{text}\"")).unwrap(), digest);
        for bad in [text.to_uppercase(), digest.hex(), format!("{text}0"), "sha256:".to_owned()] {
            assert!(serde_json::from_value::<Digest>(bad.clone().into()).is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<Digest>("7").is_err());
    }
}
