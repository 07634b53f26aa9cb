//! The `.deed` file. This module assembles a bundle from the story of an ended action and its log proofs, and reads the
//! parts of a bundle.
//!
//! The reader accepts a file only if `write` would produce exactly the same bytes for the parts of the file.

mod assemble;
mod container;

use std::collections::BTreeMap;

pub use self::assemble::{AssembleError, assemble, sigstore};

/// The parts of a bundle by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Writes these parts as a `.deed` file: an uncompressed zip (PKWARE APPNOTE 6.3) with entries sorted by name, all
/// times 1980-01-01 and no extra fields. The same parts always result in the same bytes.
///
/// # Errors
///
/// Fails for an unknown part name, and if a size limit is exceeded.
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

/// Reads the parts of a `.deed` file.
///
/// # Errors
///
/// Fails unless writing the parts again results in the same bytes.
pub fn read(bytes: &[u8]) -> Result<Files, BundleError> {
    if bytes.len() > FILE_MAX {
        return Err(BundleError::TooLarge);
    }
    let files = container::decode(bytes).ok_or(BundleError::NotCanonical)?;
    if write(&files)? == bytes { Ok(files) } else { Err(BundleError::NotCanonical) }
}

/// The action: the subject of every statement in the bundle.
pub const ACTION: &str = "action.json";
pub const CONTRACT: &str = "contract.json";
/// The [`crate::lifecycle::event::GrantRecord`]; absent if nothing was granted.
pub const GRANT: &str = "grant.json";
/// The receipt as a Sigstore bundle v0.3, which `cosign verify-blob-attestation` reads.
pub const RECEIPT: &str = "receipt.sigstore.json";
/// All envelopes, one per line, in log order: answers and decisions, the receipt, and the statements that settled the
/// outcome later.
pub const CHAIN: &str = "chain.intoto.jsonl";
pub const POLICIES: &str = "policy/policies.cedar";
pub const SCHEMA: &str = "policy/schema.cedarschema";
pub const ENTITIES: &str = "policy/entities.json";
/// The policy request; an agent's copy omits this file if the request contained the state before the action.
pub const REQUEST: &str = "policy/request.json";
/// The state that the host read before the action, as an [`crate::lifecycle::observation::Observation`].
pub const PRE: &str = "evidence/pre.json";
/// The state that the host read after the action.
pub const POST: &str = "evidence/post.json";
/// The later observation that settled an indeterminate outcome.
pub const LATER: &str = "evidence/later.json";
/// The latest rehearsal, as a [`crate::plan::Rehearsal`]; present if the action was rehearsed.
pub const REHEARSAL: &str = "evidence/rehearsal.json";
/// The attempts with every exchange in full; present in every bundle that has evidence.
pub const EXCHANGES: &str = "evidence/exchanges.json";

/// The names of all parts that are not log proofs.
pub const NAMES: [&str; 14] = [
    ACTION, CONTRACT, GRANT, RECEIPT, CHAIN, POLICIES, SCHEMA, ENTITIES, REQUEST, PRE, POST, LATER,
    REHEARSAL, EXCHANGES,
];

/// The maximum size of a bundle in bytes. This limit and the next two bound the cost of reading a hostile file.
pub const FILE_MAX: usize = 64 << 20;

/// The maximum size of a part in bytes.
pub const ENTRY_MAX: usize = 16 << 20;

/// The maximum number of parts.
const ENTRIES_MAX: usize = 64;

/// The maximum number of envelopes in one bundle. The number is limited because each envelope has a log proof, which is
/// a separate part of the bundle.
pub const CHAIN_MAX: usize = ENTRIES_MAX - NAMES.len();

/// The name of the log proof of the `n`th envelope of the chain, from 0.
pub fn proof_name(n: usize) -> String {
    format!("{n}.tlog-proof")
}

/// Why bytes are not a bundle, or parts cannot be written as a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    #[error("the bundle is larger than 64 MiB")]
    TooLarge,
    #[error("`{0}` is larger than 16 MiB, the limit for one part of a bundle")]
    EntryTooLarge(String),
    #[error("the bundle has more than {ENTRIES_MAX} parts")]
    TooMany,
    #[error("`{0}` is not a part of a bundle")]
    UnknownName(String),
    #[error(
        "the file is not a bundle as `deed` writes it: an uncompressed zip with sorted entries and fixed times"
    )]
    NotCanonical,
}

fn is_known(name: &str) -> bool {
    let proof = || (0..ENTRIES_MAX).any(|n| name == proof_name(n));
    NAMES.contains(&name) || proof()
}

#[cfg(test)]
mod tests;
