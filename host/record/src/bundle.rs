//! Takes an ended story and its proofs, gives the `.deed` file; takes the file, gives its parts.
//!
//! Never reads what it would not write: every byte of a file that is read is one that `write` makes.

mod assemble;
mod container;

use std::collections::BTreeMap;

pub use self::assemble::{AssembleError, assemble, sigstore};

/// A bundle's parts by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The `.deed` file of these parts: a stored zip (PKWARE APPNOTE 6.3), sorted by name, all times
/// 1980-01-01, no extra fields. The same parts always give the same bytes.
pub fn write(files: &Files) -> Result<Vec<u8>, BundleError> {
    if files.len() > ENTRIES_MAX {
        return Err(BundleError::TooMany);
    }
    for (name, content) in files {
        if !is_known(name) {
            return Err(BundleError::UnknownName(name.chars().take(80).collect()));
        }
        if content.len() > ENTRY_MAX {
            return Err(BundleError::EntryTooLarge(name.clone()));
        }
    }
    let bytes = container::encode(files);
    if bytes.len() > FILE_MAX { Err(BundleError::TooLarge) } else { Ok(bytes) }
}

/// The parts of a `.deed` file. Writing them again must give the same bytes.
pub fn read(bytes: &[u8]) -> Result<Files, BundleError> {
    if bytes.len() > FILE_MAX {
        return Err(BundleError::TooLarge);
    }
    let files = container::decode(bytes).ok_or(BundleError::NotCanonical)?;
    if write(&files)? == bytes { Ok(files) } else { Err(BundleError::NotCanonical) }
}

/// The action: subject of every statement in the bundle.
pub const ACTION: &str = "action.json";
pub const CONTRACT: &str = "contract.json";
/// The [`crate::lifecycle::event::GrantRecord`]; absent when nothing was granted.
pub const GRANT: &str = "grant.json";
/// The receipt as a Sigstore bundle v0.3, which `cosign verify-blob-attestation` reads.
pub const RECEIPT: &str = "receipt.sigstore.json";
/// All envelopes, one per line, in the order of the log: answers and decisions, the receipt, and what
/// settled it later.
pub const CHAIN: &str = "chain.intoto.jsonl";
pub const POLICIES: &str = "policy/policies.cedar";
pub const SCHEMA: &str = "policy/schema.cedarschema";
pub const ENTITIES: &str = "policy/entities.json";
/// Absent from an agent's copy when policy was asked about the state before.
pub const REQUEST: &str = "policy/request.json";
/// The look before, an [`crate::lifecycle::observation::Observation`].
pub const PRE: &str = "evidence/pre.json";
/// The look after.
pub const POST: &str = "evidence/post.json";
/// The look that settled an indeterminate outcome.
pub const LATER: &str = "evidence/later.json";
/// The attempts with every exchange in full; there in every bundle that has evidence at all.
pub const EXCHANGES: &str = "evidence/exchanges.json";

/// Every part that is no log proof.
pub const NAMES: [&str; 13] = [
    ACTION, CONTRACT, GRANT, RECEIPT, CHAIN, POLICIES, SCHEMA, ENTITIES, REQUEST, PRE, POST, LATER,
    EXCHANGES,
];

/// Largest bundle, largest part in it and most parts; a hostile file costs no more than this.
const FILE_MAX: usize = 64 << 20;
const ENTRY_MAX: usize = 16 << 20;
const ENTRIES_MAX: usize = 64;

/// Envelopes that the chain of one bundle can have: each has a proof among its parts.
pub const CHAIN_MAX: usize = ENTRIES_MAX - NAMES.len();

/// The name of the log proof of the `n`th envelope of the chain, from 0.
pub fn proof_name(n: usize) -> String {
    format!("{n}.tlog-proof")
}

/// Why bytes are no bundle, or parts make none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    #[error("the bundle is larger than 64 MiB")]
    TooLarge,
    #[error("`{0}` is larger than 16 MiB, the most for one part of a bundle")]
    EntryTooLarge(String),
    #[error("the bundle has more than {ENTRIES_MAX} parts")]
    TooMany,
    #[error("`{0}` is no part of a bundle")]
    UnknownName(String),
    #[error("it is no bundle as `deed` writes it: a stored zip, sorted, with fixed times")]
    NotCanonical,
}

fn is_known(name: &str) -> bool {
    let proof = || (0..ENTRIES_MAX).any(|n| name == proof_name(n));
    NAMES.contains(&name) || proof()
}

#[cfg(test)]
mod tests;
