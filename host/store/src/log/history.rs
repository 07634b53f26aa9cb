//! The entries of a log that tell of the host itself: what was activated, which keys came and went.
//!
//! Takes a log's directory, gives those entries with their positions. Never locks and never writes, so
//! that it reads the log of a host that runs.

use std::path::Path;

use deed_record::lifecycle::event::Leaf;
use deed_record::statement::envelope::Kind;
use deed_spec::note::VerifierKey;

use super::store::Store;
use super::{LogError, Retired, open};

/// What a log says of its host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Entries in the log.
    pub size: u64,
    /// Those that tell of configuration and keys, oldest first.
    pub leaves: Vec<Leaf>,
}

/// Reads the log in `dir`; one that was never opened has no history.
pub fn history(dir: &Path, key: &VerifierKey, retired: &[Retired]) -> Result<History, LogError> {
    let store = Store::new(dir);
    // The guard first: a log that grows meanwhile is then never behind it.
    let Some(head) = open::stored_head(&store, key.name())? else { return Ok(History::default()) };
    let found = open::shown(&store, &head, open::Signers { key, retired })?;
    Ok(History { size: found.edge.size(), leaves: found.history })
}

/// The leaf of an entry that tells of configuration or keys.
pub(super) fn told(entry: &[u8], index: u64) -> Option<Leaf> {
    const KINDS: [Kind; 3] = [Kind::Activated, Kind::KeyAdded, Kind::KeyRetired];
    // Nearly all entries are of actions, and a log is read to its end at a start.
    let line = entry.split(|byte| *byte == b'\n').nth(1)?;
    if !KINDS.iter().any(|kind| line.starts_with(kind.as_str().as_bytes())) {
        return None;
    }
    Leaf::of(entry, index).filter(|leaf| KINDS.iter().any(|kind| kind.as_str() == leaf.kind))
}
