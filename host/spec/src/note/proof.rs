//! Parses, writes and checks offline proofs that an entry is in a log (C2SP tlog-proof@v1). The `extra` line of a proof
//! is never trusted, because it is not authenticated.

use std::fmt;

use data_encoding::BASE64;

use super::{Checkpoint, NoteError, VerifierKey, base64, decimal, hash, verify};
use crate::merkle::{Hash, verify_inclusion};

/// The first line of every proof in this format.
const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Maximum length of a path: a tree of 2^63 leaves has paths of 63 hashes.
const MAX_HASHES: usize = 63;

/// An inclusion proof with its signed checkpoint; `Display` writes the text of a `.tlog-proof` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogProof {
    /// Opaque, unauthenticated bytes that accompany the proof.
    pub extra: Option<Vec<u8>>,
    /// The entry's position in the log, from 0.
    pub index: u64,
    /// The audit path, from the leaf's sibling upwards (RFC 6962 §2.1.1).
    pub hashes: Vec<Hash>,
    /// The signed note, verbatim, with the signatures of witnesses if there are any.
    pub checkpoint: String,
}

impl LogProof {
    /// Parses the text of a proof.
    ///
    /// # Errors
    ///
    /// Fails unless `Display` would write the parsed proof as exactly this text.
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        let (head, checkpoint) = text.split_once("\n\n").ok_or(ProofError::Shape)?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(ProofError::Header);
        }
        let extra = lines.next_if(|line| line.starts_with("extra ")).map(extra).transpose()?;
        let index = lines.next().and_then(index).ok_or(ProofError::Index)?;
        let hashes = lines.map(proof_hash).collect::<Result<Vec<_>, _>>()?;
        if hashes.len() > MAX_HASHES {
            return Err(ProofError::TooLong);
        }
        Ok(Self { extra, index, hashes, checkpoint: checkpoint.to_owned() })
    }

    /// Checks that the log signed a tree that has the entry with this leaf hash at `index`, and fails otherwise.
    ///
    /// Returns the checkpoint that was signed.
    ///
    /// # Errors
    ///
    /// Fails when the log did not sign a tree that has the entry at `index`.
    pub fn verify(&self, leaf: &Hash, key: &VerifierKey) -> Result<Checkpoint, ProofError> {
        let checkpoint = verify(&self.checkpoint, key)?;
        self.leads_to(leaf, &checkpoint)?;
        Ok(checkpoint)
    }

    /// Checks only the path of the proof, against a checkpoint that was already verified. Proofs that share a
    /// checkpoint need its signature checked only once.
    ///
    /// # Errors
    ///
    /// Fails when the path does not lead to the root in the checkpoint.
    pub fn leads_to(&self, leaf: &Hash, checkpoint: &Checkpoint) -> Result<(), ProofError> {
        let Checkpoint { size, root, .. } = checkpoint;
        if verify_inclusion(self.index, *size, leaf, &self.hashes, root) {
            return Ok(());
        }
        Err(ProofError::NotIncluded { index: self.index, size: *size })
    }
}

impl fmt::Display for LogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", BASE64.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", BASE64.encode(hash))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

/// Why a text is not a proof, or a proof is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    #[error("the proof has no blank line before its checkpoint")]
    Shape,
    #[error("the proof does not begin with `{HEADER}`")]
    Header,
    #[error("the extra line is not standard base64")]
    Extra,
    #[error("the index line is missing; write `index N` in decimal without leading zeros")]
    Index,
    #[error("`{line}` is not a hash of the path; write 32 bytes in standard base64")]
    Hash { line: String },
    #[error("the path has more than {MAX_HASHES} hashes")]
    TooLong,
    #[error(
        "the path does not lead from the entry at index {index} to the root of the tree of {size} leaves"
    )]
    NotIncluded { index: u64, size: u64 },
    #[error(transparent)]
    Note(#[from] NoteError),
}

fn extra(line: &str) -> Result<Vec<u8>, ProofError> {
    let encoded = line.strip_prefix("extra ").ok_or(ProofError::Extra)?;
    base64(encoded).ok_or(ProofError::Extra)
}

fn index(line: &str) -> Option<u64> {
    decimal(line.strip_prefix("index ")?)
}

fn proof_hash(line: &str) -> Result<Hash, ProofError> {
    hash(line).ok_or_else(|| ProofError::Hash { line: line.chars().take(80).collect() })
}
