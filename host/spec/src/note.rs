//! Checkpoints of a log as signed notes (C2SP signed-note, tlog-checkpoint v1.0.0), the cosignatures of witnesses on
//! them (tlog-cosignature, tlog-policy) and the proofs that carry them (tlog-proof@v1). Texts are never corrected: a
//! text that does not match its format exactly is refused.

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

/// Signs a checkpoint, and returns a note with one signature line that can be published.
///
/// # Errors
///
/// Fails unless the name of the key is the checkpoint's origin.
pub fn sign(checkpoint: &Checkpoint, key: &LogKey) -> Result<String, NoteError> {
    check_origin(checkpoint, key.name())?;
    let text = checkpoint.to_string();
    Ok(format!("{text}\n{}", key.signature_line(&text)))
}

/// Checks a signed checkpoint against the log's key.
///
/// Signatures by other keys, such as those of witnesses, are ignored. A note with an invalid signature by the log's key
/// is rejected, as C2SP signed-note requires. Ed25519 is checked strictly: no small-order keys, canonical scalars.
///
/// # Errors
///
/// Fails when the note is malformed, belongs to another log, or is not signed by this key.
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

/// A tree head. `Display` writes the text of a checkpoint, which has three lines: origin, size in decimal, root in
/// base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name: a URL without a scheme, spaces or `+`.
    pub origin: String,
    /// Number of leaves in the tree.
    pub size: u64,
    pub root: Hash,
}

impl Checkpoint {
    /// Parses the unsigned text of a checkpoint.
    ///
    /// # Errors
    ///
    /// Fails for any other text, including one with extension lines, which tlog-checkpoint discourages.
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

/// Why a note is not a checkpoint of this log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    #[error("the note has no blank line before its signatures, or no trailing newline")]
    Shape,
    #[error("the note contains a control character; only newlines are allowed")]
    Control,
    #[error("the note has more than {MAX_SIGNATURES} signatures")]
    TooManySignatures,
    #[error("`{line}` is not a signature line; write `— NAME BASE64`")]
    SignatureLine { line: String },
    #[error("the signature of `{name}` is not valid")]
    BadSignature { name: String },
    #[error("the note has no signature of `{name}`")]
    NotSigned { name: String },
    #[error("a checkpoint must have three lines: origin, size, root")]
    Lines,
    #[error("`{origin}` is not an origin; write a URL without a scheme, spaces or `+`")]
    Origin { origin: String },
    #[error("`{text}` is not a tree size; write decimal digits without leading zeros")]
    Size { text: String },
    #[error("`{text}` is not a root hash; write 32 bytes in standard base64")]
    Root { text: String },
    #[error(
        "the checkpoint is of the log `{origin}`, but the key is of the log `{name}`; use the key of `{origin}`"
    )]
    OtherLog { origin: String, name: String },
}

/// C2SP requires verifiers to accept at least 16 signatures. The limit bounds the work that a hostile note can cause.
const MAX_SIGNATURES: usize = 64;

/// Splits a note into the signed text, with its final newline, and the signature lines.
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
    // The signed text includes the first newline of the separator.
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

/// Parses an unsigned number in the only form that C2SP allows: decimal, without leading zeros.
fn decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

/// 32 bytes in canonical, padded standard base64.
fn hash(text: &str) -> Option<Hash> {
    base64(text)?.try_into().ok()
}

/// Decodes canonical base64 only. The text is encoded again and compared, because the decoder also accepts several
/// padded texts in a row.
fn base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.as_bytes()).ok().filter(|bytes| BASE64.encode(bytes) == text)
}
