//! Checkpoints of a log as signed notes (C2SP signed-note, tlog-checkpoint v1.0.0), the words of
//! witnesses on them (tlog-cosignature, tlog-policy) and the proofs that carry them (tlog-proof@v1): takes keys and texts, gives texts and checked values. It never
//! corrects a text: what does not read exactly as the format says is refused.

use std::fmt;

use data_encoding::BASE64;
use ed25519_dalek::Signature;

use crate::merkle::Hash;
pub use cosignature::{Cosignature, WitnessKey, cosignature, only};
pub use key::{KeyError, LogKey, VerifierKey};
pub use policy::{Fault as PolicyFault, LogPolicy, PolicyError, Witnessed};
pub use proof::{LogProof, ProofError};

mod cosignature;
mod key;
mod policy;
mod proof;

#[cfg(test)]
mod tests;

/// Signs a checkpoint: the note with one signature line, ready to be published.
///
/// The key must be the one of this log: its name is the checkpoint's origin.
pub fn sign(checkpoint: &Checkpoint, key: &LogKey) -> Result<String, NoteError> {
    check_origin(checkpoint, key.name())?;
    let text = checkpoint.to_string();
    Ok(format!("{text}\n{}", key.signature_line(&text)))
}

/// Checks a signed checkpoint against the log's key.
///
/// Signatures of other keys (witnesses) are ignored, one of this key that is not good refuses the
/// note (C2SP signed-note). Ed25519 is checked strictly: no small-order keys, canonical scalars.
pub fn verify(note: &str, key: &VerifierKey) -> Result<Checkpoint, NoteError> {
    let (text, lines) = split(note)?;
    let mut signed = false;
    for line in lines.lines() {
        let (name, id, signature) = signature_line(line)?;
        if name == key.name() && id == key.id() {
            let signature: [u8; 64] =
                signature.try_into().ok().ok_or_else(|| bad_signature(key))?;
            if !key.accepts(text, &Signature::from_bytes(&signature)) {
                return Err(bad_signature(key));
            }
            signed = true;
        }
    }
    if !signed {
        return Err(NoteError::NotSigned { name: key.name().to_owned() });
    }
    let checkpoint = Checkpoint::parse(text)?;
    check_origin(&checkpoint, key.name())?;
    Ok(checkpoint)
}

/// A tree head. Its text is three lines: origin, size in decimal, root in base64; `Display` gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name: a URL without scheme, without spaces and `+`.
    pub origin: String,
    /// Leaves in the tree.
    pub size: u64,
    pub root: Hash,
}

impl Checkpoint {
    /// Reads the unsigned text. Extension lines (which tlog-checkpoint discourages) are refused.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let body = text.strip_suffix('\n').ok_or(NoteError::Lines)?;
        let lines: Vec<&str> = body.split('\n').collect();
        let [origin, size, root] = lines.as_slice() else {
            return Err(NoteError::Lines);
        };
        if !key::is_name(origin) {
            return Err(NoteError::Origin { origin: (*origin).to_owned() });
        }
        let size = decimal(size).ok_or_else(|| NoteError::Size { text: (*size).to_owned() })?;
        let root = hash(root).ok_or_else(|| NoteError::Root { text: (*root).to_owned() })?;
        Ok(Self { origin: (*origin).to_owned(), size, root })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(&self.root))
    }
}

/// Why a note is no checkpoint of this log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    #[error("the note has no blank line before its signatures, or no newline at its end")]
    Shape,
    #[error("the note holds a control character; only newlines are allowed")]
    Control,
    #[error("the note has more than {MAX_SIGNATURES} signatures")]
    TooManySignatures,
    #[error("`{line}` is no signature line; it reads `— NAME BASE64`")]
    SignatureLine { line: String },
    #[error("the signature of `{name}` is not good")]
    BadSignature { name: String },
    #[error("the note has no signature of `{name}`")]
    NotSigned { name: String },
    #[error("a checkpoint is three lines: origin, size, root")]
    Lines,
    #[error("`{origin}` is no origin; write a URL without scheme, spaces and `+`")]
    Origin { origin: String },
    #[error("`{text}` is no tree size; write decimal digits without leading zeros")]
    Size { text: String },
    #[error("`{text}` is no root hash; write 32 bytes in standard base64")]
    Root { text: String },
    #[error("the checkpoint is of `{origin}`, the key of `{name}`; they must be the same")]
    OtherLog { origin: String, name: String },
}

/// C2SP asks verifiers to accept 16 at least; more than this is somebody's attempt to keep us busy.
const MAX_SIGNATURES: usize = 64;

/// The signed text, with its final newline, and the signature lines.
fn split(note: &str) -> Result<(&str, &str), NoteError> {
    if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
        return Err(NoteError::Control);
    }
    let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::Shape)?;
    if !lines.ends_with('\n') {
        return Err(NoteError::Shape);
    }
    if lines.lines().count() > MAX_SIGNATURES {
        return Err(NoteError::TooManySignatures);
    }
    // The text keeps the newline that the separator begins with.
    Ok((note.get(..=text.len()).ok_or(NoteError::Shape)?, lines))
}

/// Name, key id and signature of a line `— <name> <base64(id || signature)>`.
fn signature_line(line: &str) -> Result<(&str, [u8; 4], Vec<u8>), NoteError> {
    let parts = || {
        let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
        let bytes = base64(encoded)?;
        let (id, signature) = bytes.split_first_chunk::<4>()?;
        let good = key::is_name(name) && !signature.is_empty();
        good.then(|| (name, *id, signature.to_vec()))
    };
    parts().ok_or_else(|| NoteError::SignatureLine { line: line.chars().take(200).collect() })
}

fn check_origin(checkpoint: &Checkpoint, name: &str) -> Result<(), NoteError> {
    if checkpoint.origin == name {
        return Ok(());
    }
    Err(NoteError::OtherLog { origin: checkpoint.origin.clone(), name: name.to_owned() })
}

fn bad_signature(key: &VerifierKey) -> NoteError {
    NoteError::BadSignature { name: key.name().to_owned() }
}

/// An unsigned number written the one way that C2SP allows.
fn decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

/// 32 bytes in canonical, padded standard base64.
fn hash(text: &str) -> Option<Hash> {
    base64(text)?.try_into().ok()
}

/// Bytes from the one base64 text that they have: the decoder alone also takes padded pieces in a row.
fn base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.as_bytes()).ok().filter(|bytes| BASE64.encode(bytes) == text)
}
