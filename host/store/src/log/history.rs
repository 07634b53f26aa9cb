//! The entries of a log about the host itself: activations, and added and retired keys.
//!
//! This module reads a log's directory without a lock and without writing, so it works on the log of a running host.

use std::path::Path;

use deed_record::lifecycle::event::Leaf;
use deed_record::statement::envelope::Kind;
use deed_spec::note::VerifierKey;

use super::store::Store;
use super::{LogError, Retired, open};

/// The history of a host, according to a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Number of entries in the log.
    pub size: u64,
    /// The entries about configuration and keys, oldest first.
    pub leaves: Vec<Leaf>,
}

/// Reads the log in `dir`. The history of a log that was never opened is empty.
///
/// # Errors
///
/// Fails when a file cannot be read, or the log does not match its checkpoint or `HEAD`.
pub fn history(dir: &Path, key: &VerifierKey, retired: &[Retired]) -> Result<History, LogError> {
    let store = Store::new(dir);
    // `HEAD` is read first, so that a log that grows meanwhile is never smaller than `HEAD` states.
    let Some(head) = open::stored_head(&store, key.name())? else { return Ok(History::default()) };
    let found = open::shown(&store, &head, open::Signers { key, retired })?;
    Ok(History { size: found.frontier.size(), leaves: found.history })
}

/// The leaf of an entry; `None` if the entry is not about configuration or keys.
pub(super) fn told(entry: &[u8], index: u64) -> Option<Leaf> {
    const KINDS: [Kind; 3] = [Kind::Activated, Kind::KeyAdded, Kind::KeyRetired];
    // Entries about actions must be recognised fast, because a start reads the whole log and nearly all entries are
    // about actions.
    let line = entry.split(|byte| *byte == b'\n').nth(1)?;
    if !KINDS.iter().any(|kind| line.starts_with(kind.as_str().as_bytes())) {
        return None;
    }
    Leaf::of(entry, index).filter(|leaf| KINDS.iter().any(|kind| kind.as_str() == leaf.kind))
}
