//! Cosignatures of witnesses on checkpoints (C2SP tlog-cosignature, Ed25519, type 0x04). This module finds out whether
//! and when a witness cosigned a note. A malformed signature line is an error and is never corrected.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64, HEXLOWER};
use ed25519_dalek::{Signature, VerifyingKey};

use super::key::{self, KeyError};
use super::{NoteError, signature_line, split};

/// Signature type of a timestamped Ed25519 cosignature.
const COSIGNATURE: u8 = 0x04;
/// The latest time that C2SP tlog-cosignature allows: 2^63 - 1.
const TIME_MAX: u64 = u64::MAX >> 1;

/// A witness's public key. The text form of the key is `<name>+<8 hex digits of key id>+<base64(0x04 || key)>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

impl WitnessKey {
    /// Creates a witness key from its name and public key.
    ///
    /// # Errors
    ///
    /// Fails for a name that a signed note cannot contain, and for a key of small order.
    pub fn new(name: &str, key: VerifyingKey) -> Result<Self, KeyError> {
        if !key::is_name(name) {
            return Err(KeyError::Name { name: name.to_owned() });
        }
        if key.is_weak() {
            return Err(KeyError::Key(COSIGNATURE));
        }
        Ok(Self { name: name.to_owned(), id: key::key_id(name, COSIGNATURE, &key), key })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first 4 bytes of `SHA-256(name || 0x0A || 0x04 || public key)`.
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// Whether this witness key has the given public key, under any name.
    pub fn wraps(&self, key: &VerifyingKey) -> bool {
        self.key == *key
    }

    pub fn public(&self) -> &VerifyingKey {
        &self.key
    }

    /// The time in a blob `u64 time || signature`, if this key signed the time together with `text`.
    fn time(&self, text: &str, blob: &[u8]) -> Option<u64> {
        let (time, signature) = blob.split_first_chunk::<8>()?;
        let time = Some(u64::from_be_bytes(*time)).filter(|time| *time <= TIME_MAX)?;
        let signature = Signature::from_bytes(signature.try_into().ok()?);
        let message = format!("cosignature/v1\ntime {time}\n{text}");
        self.key.verify_strict(message.as_bytes(), &signature).ok().map(|()| time)
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data = [[COSIGNATURE].as_slice(), self.key.as_bytes()].concat();
        write!(f, "{}+{}+{}", self.name, HEXLOWER.encode(&self.id), BASE64.encode(&data))
    }
}

impl FromStr for WitnessKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, id, key) = key::parts(text, COSIGNATURE)?;
        let key = Self::new(name, key)?;
        if HEXLOWER.encode(&key.id) == id { Ok(key) } else { Err(KeyError::Id) }
    }
}

/// A witness's statement about the tree in a note: at this time, it was the largest tree of the log that the witness
/// had seen, and it was consistent with all smaller trees that the witness had seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cosignature<'a> {
    /// The Unix time of the cosignature in seconds, by the witness's clock.
    pub time: u64,
    /// The signature line of the note, including the trailing newline.
    pub line: &'a str,
}

/// The first cosignature of this witness on a note; `None` if the witness did not cosign the note.
///
/// Neither the lines of other keys nor the log's own signature is checked.
///
/// # Errors
///
/// Fails when the note is malformed or has an invalid signature line by this key, as C2SP signed-note requires.
pub fn cosignature<'a>(
    note: &'a str,
    key: &WitnessKey,
) -> Result<Option<Cosignature<'a>>, NoteError> {
    let (text, lines) = split(note)?;
    let mut found = None;
    for line in lines.split_inclusive('\n') {
        let (name, id, blob) = signature_line(line.trim_end_matches('\n'))?;
        if name == key.name && id == key.id {
            let bad = || NoteError::BadSignature { name: name.to_owned() };
            let time = key.time(text, &blob).ok_or_else(bad)?;
            found = found.or(Some(Cosignature { time, line }));
        }
    }
    Ok(found)
}

/// Returns the note with only the signatures under this name, for example the log's signature without those of
/// witnesses.
///
/// # Errors
///
/// Fails when the note is malformed.
pub fn only(note: &str, name: &str) -> Result<String, NoteError> {
    let (text, lines) = split(note)?;
    let kept = lines.split_inclusive('\n').filter(|line| {
        signature_line(line.trim_end_matches('\n')).is_ok_and(|(signer, ..)| signer == name)
    });
    Ok(kept.fold(format!("{text}\n"), |note, line| note + line))
}
