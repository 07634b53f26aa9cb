//! Keys of signed notes (C2SP signed-note, Ed25519, type 0x01): writes signature lines, and parses and writes the text
//! form of verifier keys. A private key is never printed.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64, HEXLOWER};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

/// Signature type of Ed25519 in a signed note.
const ED25519: u8 = 0x01;

/// A log's signing key. The name of the key is the log's origin.
#[derive(Debug)]
pub struct LogKey {
    signing: SigningKey,
    verifier: VerifierKey,
}

impl LogKey {
    /// Creates a log's signing key from its name and private key.
    ///
    /// # Errors
    ///
    /// Fails when the name is empty or contains white space, control characters or `+`.
    pub fn new(name: &str, signing: SigningKey) -> Result<Self, KeyError> {
        let verifier = VerifierKey::new(name, signing.verifying_key())?;
        Ok(Self { signing, verifier })
    }

    pub fn name(&self) -> &str {
        self.verifier.name()
    }

    /// The public key, for verifiers of this log.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The signature line over exactly this text: `— <name> <base64(key id || signature)>` and a newline.
    pub(super) fn signature_line(&self, text: &str) -> String {
        let signature = self.signing.sign(text.as_bytes()).to_bytes();
        let blob = [self.verifier.id().as_slice(), &signature].concat();
        format!("— {} {}\n", self.name(), BASE64.encode(&blob))
    }
}

/// A log's public key. The text form of the key is `<name>+<8 hex digits of key id>+<base64(0x01 || key)>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

impl VerifierKey {
    /// Creates a log's public key from its name and key.
    ///
    /// # Errors
    ///
    /// Fails for a name that a signed note cannot contain, and for a key of small order.
    pub fn new(name: &str, key: VerifyingKey) -> Result<Self, KeyError> {
        if !is_name(name) {
            return Err(KeyError::Name { name: name.to_owned() });
        }
        if key.is_weak() {
            return Err(KeyError::Key(ED25519));
        }
        Ok(Self { name: name.to_owned(), id: key_id(name, ED25519, &key), key })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first 4 bytes of `SHA-256(name || 0x0A || 0x01 || public key)`.
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// Whether this verifier key has the given public key, under any name.
    pub fn wraps(&self, key: &VerifyingKey) -> bool {
        self.key == *key
    }

    pub fn public(&self) -> &VerifyingKey {
        &self.key
    }

    pub(super) fn accepts(&self, text: &str, signature: &Signature) -> bool {
        self.key.verify_strict(text.as_bytes(), signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data = [[ED25519].as_slice(), self.key.as_bytes()].concat();
        write!(f, "{}+{}+{}", self.name, HEXLOWER.encode(&self.id), BASE64.encode(&data))
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, id, key) = parts(text, ED25519)?;
        let key = Self::new(name, key)?;
        if HEXLOWER.encode(&key.id) == id { Ok(key) } else { Err(KeyError::Id) }
    }
}

/// Why a text, or a name together with a key, is not a key of a signed note.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("a verifier key must have the form `NAME+KEYID+KEY`")]
    Shape,
    #[error("`{name}` is not a key name; write a name without spaces, control characters or `+`")]
    Name { name: String },
    #[error(
        "the key is not Ed25519; write base64 of the byte {0:02x} and the 32 bytes of the public key"
    )]
    Key(u8),
    #[error("the key id does not match this name and key; was one of them edited?")]
    Id,
}

/// Whether a signed note can contain this name. A name must be one word without `+`.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

/// The first 4 bytes of `SHA-256(name || 0x0A || kind || public key)`.
pub(super) fn key_id(name: &str, kind: u8, key: &VerifyingKey) -> [u8; 4] {
    let digest = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', kind])
        .chain_update(key.as_bytes())
        .finalize();
    let [a, b, c, d, ..] = <[u8; 32]>::from(digest);
    [a, b, c, d]
}

/// Name, key id and key of a text `NAME+KEYID+KEY` whose key begins with the type byte `kind`.
pub(super) fn parts(text: &str, kind: u8) -> Result<(&str, &str, VerifyingKey), KeyError> {
    // The base64 alphabet contains `+`, so only the first two `+` are separators.
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(data)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(KeyError::Shape);
    };
    let key = || {
        let bytes = super::base64(data)?;
        let (_, key) = bytes.split_first().filter(|(first, _)| **first == kind)?;
        VerifyingKey::from_bytes(key.try_into().ok()?).ok()
    };
    Ok((name, id, key().ok_or(KeyError::Key(kind))?))
}
