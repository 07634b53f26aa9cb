//! `accepted/`: the contracts that `deed pin` wrote into grants, as canonical JSON by digest.
//!
//! The next `deed pin` reads these files to show what changed in a contract. A running host does not need these files
//! and does not read them.

use deed_spec::digest::Digest;
use deed_system::files::{FileError, Files, PEM_MAX};
use serde_json::Value;

const FOLDER: &str = "accepted";

/// Where the contract with this digest is kept.
pub(super) fn path(digest: Digest) -> String {
    format!("{FOLDER}/{}", name(digest))
}

fn name(digest: Digest) -> String {
    format!("{}.json", digest.hex())
}

/// The contract with this digest; `None` when there is no file for the digest, or when the file has other content.
pub(super) fn read(files: &Files, digest: Digest) -> Option<Value> {
    let bytes = files.bytes(&path(digest), PEM_MAX).ok()?;
    if Digest::of(&bytes) != digest {
        return None;
    }
    serde_json::from_slice(&bytes).ok()
}

/// Stores the canonical bytes of a contract. Returns false when the owner of `deed.toml` could not be made the owner of
/// the file. Fails when the file cannot be written.
pub(super) fn keep(files: &Files, canonical: &[u8]) -> Result<bool, FileError> {
    files.keep(FOLDER, &name(Digest::of(canonical)), canonical)
}
