//! `accepted/`: the contracts that `deed pin` wrote into grants, as canonical JSON by digest.
//!
//! They let the next pin show what changed. Nothing else reads them: a host works the same without them.

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

/// The contract with this digest; `None` when it is not kept, or when the file holds something else.
pub(super) fn read(files: &Files, digest: Digest) -> Option<Value> {
    let bytes = files.bytes(&path(digest), PEM_MAX).ok()?;
    if Digest::of(&bytes) != digest {
        return None;
    }
    serde_json::from_slice(&bytes).ok()
}

/// Keeps a contract by its canonical bytes; false when the file could not be given to the owner of `deed.toml`. Fails
/// when it cannot be written.
pub(super) fn keep(files: &Files, canonical: &[u8]) -> Result<bool, FileError> {
    files.keep(FOLDER, &name(Digest::of(canonical)), canonical)
}
