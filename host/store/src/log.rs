//! The transparency log of one tenant: appends entries, signs checkpoints, creates proofs, and keeps C2SP tlog-tiles
//! files that any static server can publish. The log never releases a signature over a tree that is not on disk, and
//! never signs a tree that contradicts one that it has released.
//!
//! Entries and their checkpoint are on disk together, in `TAIL`, before any reader sees them. The tiles of the entries
//! are written later. Once the tiles are on disk too, the entries are settled: `HEAD` records this, and `TAIL` is
//! emptied. If a crash interrupts the settling of entries, the next opening of the log completes it.

mod leaf_index;
mod pending_batch;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::path::{Path, PathBuf};

use deed_record::lifecycle::event::Leaf;
use deed_spec::digest::Digest;
use deed_spec::merkle::{self, Hash, OutOfRange, leaf_hash};
use deed_spec::note::{LogKey, NoteError, VerifierKey, only, sign};
use deed_spec::tlog::frontier::Frontier;
use deed_spec::tlog::{CHECKPOINT, COSIGNED, HEAD, Resource, tile};

use leaf_index::{LeafIndex, PLACES_MAX};
use pending_batch::PendingBatch;
use store::Store;

mod history;
mod open;
mod publisher;
mod snapshot;
mod store;
mod witness;
pub mod witnesses;

#[cfg(test)]
mod tests;

pub use self::history::{History, history};
pub use self::publisher::{PublishError, PublishedLeaves, Publisher};
pub use self::snapshot::{Glance, Snapshot, glance, snapshot};
pub use self::witness::Standing;
use publisher::Shared;

/// An open log. Only one process can open a log at a time; dropping this value releases the lock.
#[derive(Debug)]
pub struct Log {
    store: Store,
    pending: PendingBatch,
    key: LogKey,
    frontier: Frontier,
    checkpoint: Option<String>,
    leaf_index: LeafIndex,
    history: Vec<Leaf>,
    /// The first write error, after which the content of the disk is unknown.
    failed: Option<String>,
    _lock: File,
}

/// A former key that signed this log's checkpoints.
#[derive(Debug, Clone)]
pub struct Retired {
    pub key: VerifierKey,
    /// Payload digest of the `key-retired` statement for this key, which is the last entry that the key signed.
    pub statement: Digest,
}

/// The result of an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Index of the first appended entry. The other appended entries follow this one.
    pub first: u64,
    /// Number of entries in the log after the append.
    pub size: u64,
    /// The signed note over `size` entries.
    pub checkpoint: String,
}

impl Log {
    /// Opens the log in `dir`, or creates one there. The name of `key` must be `origin`.
    ///
    /// Opening reads every entry and checks every tile. Entries in tiles after the last checkpoint are ignored, and the
    /// batches in `TAIL` are settled.
    ///
    /// # Errors
    ///
    /// Fails when another process uses the log, when files are missing or damaged, or when the tree is smaller than the
    /// one in `HEAD` or differs from it.
    pub fn open(dir: &Path, origin: &str, key: LogKey) -> Result<Self, LogError> {
        open::open(dir, origin, key, &[])
    }

    /// Opens a log whose last checkpoint may be signed by one of the `retired` keys. The tree of a checkpoint by a
    /// retired key must end with the statement that retired this key.
    ///
    /// # Errors
    ///
    /// Fails in the same cases as [`Log::open`].
    pub fn open_rotated(
        dir: &Path,
        origin: &str,
        key: LogKey,
        retired: &[Retired],
    ) -> Result<Self, LogError> {
        open::open(dir, origin, key, retired)
    }

    /// Appends these entries in order and publishes the tree that contains them. This function also settles all tiles
    /// of the tree.
    ///
    /// When this function returns, everything is on disk. After a write error, the log refuses further writes. To find
    /// out which entries were published, open the log again and look up each entry with [`Log::index_of`] before you
    /// append it again.
    ///
    /// # Errors
    ///
    /// Fails when there are no entries, an entry is too long, the log is full, or a write fails.
    pub fn append(&mut self, entries: &[Vec<u8>]) -> Result<Published, LogError> {
        let published = self.enter(entries)?;
        self.settle()?;
        Ok(published)
    }

    /// Appends entries with a single write to disk. Readers see the entries only after [`Log::spread`].
    ///
    /// # Errors
    ///
    /// Fails in the same cases as [`Log::append`].
    pub fn enter(&mut self, entries: &[Vec<u8>]) -> Result<Published, LogError> {
        self.check(entries)?;
        let first = self.frontier.size();
        let mut frontier = self.frontier.clone();
        let mut tiles = Vec::new();
        let hashes: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        for (entry, hash) in entries.iter().zip(&hashes) {
            frontier.push_hashed(entry, *hash, &mut tiles);
        }
        let checkpoint = sign(&frontier.checkpoint(self.key.name()), &self.key)?;
        let written = self.pending.add(entries, &checkpoint);
        self.held(written)?;
        self.store.stage(tiles);
        for (hash, position) in hashes.into_iter().zip(first..) {
            self.leaf_index.add(&hash, position);
        }
        for (entry, position) in entries.iter().zip(first..) {
            self.history.extend(history::told(entry, position));
        }
        self.frontier = frontier;
        self.checkpoint = Some(checkpoint.clone());
        Ok(Published { first, size: self.frontier.size(), checkpoint })
    }

    /// Writes the tiles, and then the checkpoint that needs them, to the paths that readers use.
    ///
    /// Settled files are not rewritten, because without batches in `TAIL` nothing could restore them.
    ///
    /// # Errors
    ///
    /// Fails when a write fails, or when an earlier write failed.
    pub fn spread(&mut self) -> Result<(), LogError> {
        self.must_not_have_failed()?;
        let Some(note) = self.checkpoint.as_ref().filter(|_| self.pending.held() > 0) else {
            return Ok(());
        };
        let mut partial = Vec::new();
        self.frontier.finish(&mut partial);
        self.store.stage(partial);
        let written = self.store.spread(&Resource::text(CHECKPOINT, note));
        self.held(written)
    }

    /// Syncs the tiles and the checkpoint, then writes `HEAD`, which depends on both, and empties `TAIL`.
    ///
    /// # Errors
    ///
    /// Fails when a write fails, or when an earlier write failed.
    pub fn settle(&mut self) -> Result<(), LogError> {
        if self.pending.held() == 0 {
            return Ok(());
        }
        self.spread()?;
        let head = Resource::text(HEAD, &self.frontier.checkpoint(self.key.name()).to_string());
        let settled = self.store.settle().and_then(|()| self.store.put(&[head]));
        self.held(settled)?;
        let cleared = self.pending.clear();
        self.held(cleared)
    }

    /// Number of entries that are on disk in `TAIL` but not settled in tiles yet.
    pub fn unsettled(&self) -> usize {
        self.pending.held()
    }

    /// Number of files that readers can see but that may not survive a crash.
    pub fn unsettled_files(&self) -> usize {
        self.store.unsettled()
    }

    /// The first write error, if there was one. After a write error, nothing is written any more.
    pub fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// The index of the first entry that is equal to this one.
    ///
    /// # Errors
    ///
    /// Fails when a tile cannot be read.
    pub fn index_of(&self, entry: &[u8]) -> Result<Option<u64>, LogError> {
        // Entries about the host are looked up with every action, so they are kept in memory.
        if let Some(leaf) = history::told(entry, 0) {
            let same = |one: &&Leaf| one.kind == leaf.kind && one.payload == leaf.payload;
            return Ok(self.history.iter().find(same).map(|leaf| leaf.index));
        }
        let hash = leaf_hash(entry);
        let (mut tiles, mut first) = (HashMap::new(), None);
        for place in self.leaf_index.of(&hash) {
            if self.node(0, place, &mut tiles)? == hash {
                first = first.into_iter().chain([place]).min();
            }
        }
        Ok(first)
    }

    /// The audit path (RFC 6962 §2.1.1) of the entry at `index` in the tree of `size` entries.
    ///
    /// # Errors
    ///
    /// Fails when `index` or `size` is out of range, or a tile cannot be read.
    pub fn prove(&self, index: u64, size: u64) -> Result<Vec<Hash>, LogError> {
        if size > self.frontier.size() {
            return Err(OutOfRange { index: size, size: self.frontier.size() }.into());
        }
        let mut tiles = HashMap::new();
        merkle::proof(index, size, |level, at| self.node(level, at, &mut tiles))
    }

    /// The consistency path (RFC 6962 §2.1.2) from the first `old` entries to the first `size`; empty if `old` is 0.
    ///
    /// # Errors
    ///
    /// Fails when a size is out of range, or a tile cannot be read.
    pub fn consistency(&self, old: u64, size: u64) -> Result<Vec<Hash>, LogError> {
        if size > self.frontier.size() {
            return Err(OutOfRange { index: size, size: self.frontier.size() }.into());
        }
        if old == 0 {
            return Ok(Vec::new());
        }
        let mut tiles = HashMap::new();
        merkle::consistency_proof(old, size, |level, at| self.node(level, at, &mut tiles))
    }

    /// Stores a checkpoint of this log with the signature lines of its witnesses, and publishes the checkpoint if it is
    /// the newest one. Returns whether it is the newest one. The caller must have verified the lines.
    ///
    /// # Errors
    ///
    /// Fails when a write fails, or when an earlier write failed.
    pub fn cosign(&mut self, note: &str) -> Result<bool, LogError> {
        self.must_not_have_failed()?;
        let published = self.checkpoint.as_deref().map(|own| only(own, self.key.name()));
        let newest = published.transpose()?.is_some_and(|own| note.starts_with(&own));
        self.store.put(&[Resource::text(COSIGNED, note)])?;
        if newest {
            self.checkpoint = Some(note.to_owned());
            self.show_cosigned(note)?;
        }
        Ok(newest)
    }

    /// Publishes a cosigned checkpoint. The published file is synced if `TAIL` is empty, because the checkpoint is then
    /// stored nowhere else.
    fn show_cosigned(&mut self, note: &str) -> Result<(), LogError> {
        if self.pending.held() > 0 {
            return self.spread();
        }
        self.store.put(&[Resource::text(CHECKPOINT, note)])
    }

    /// The name of the log.
    pub fn origin(&self) -> &str {
        self.key.name()
    }

    /// The signed note over the whole log; `None` before the first append.
    pub fn checkpoint(&self) -> Option<&str> {
        self.checkpoint.as_deref()
    }

    /// The entries about the host's configuration and keys, oldest first.
    pub fn history(&self) -> &[Leaf] {
        &self.history
    }

    /// Number of entries in the log.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    fn check(&self, entries: &[Vec<u8>]) -> Result<(), LogError> {
        self.must_not_have_failed()?;
        if entries.is_empty() {
            return Err(LogError::NoEntries);
        }
        if self.frontier.size() + entries.len() as u64 > PLACES_MAX {
            return Err(LogError::Full);
        }
        match entries.iter().find(|entry| entry.len() > tile::MAX_ENTRY) {
            Some(entry) => Err(LogError::TooLong { length: entry.len() }),
            None => Ok(()),
        }
    }

    /// Fails if an earlier write failed. After a failed write, data may be in `TAIL` only, so nothing may be published
    /// or settled any more.
    fn must_not_have_failed(&self) -> Result<(), LogError> {
        self.failed.as_ref().map_or(Ok(()), |why| Err(LogError::Failed { why: why.clone() }))
    }

    /// Records a write error, because the content of the disk is unknown after the error.
    fn held(&mut self, written: Result<(), LogError>) -> Result<(), LogError> {
        written.inspect_err(|error| self.failed = Some(error.to_string()))
    }

    /// The hash of the `at`-th complete subtree of 2^`level` leaves, computed from one tile.
    fn node(&self, level: u8, at: u64, tiles: &mut Tiles) -> Result<Hash, LogError> {
        let (tile_level, height) = (level / tile::HEIGHT, level % tile::HEIGHT);
        let first = at << height;
        let (index, skip) = (first / tile::WIDTH, first % tile::WIDTH);
        let hashes = match tiles.entry((tile_level, index)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => free.insert(self.tile(tile_level, index)?),
        };
        let below = hashes.iter().skip(usize::try_from(skip).unwrap_or(usize::MAX));
        let below: Vec<Hash> = below.take(1 << height).copied().collect();
        if below.len() == 1 << height {
            return Ok(merkle::root(&below));
        }
        Err(LogError::Damaged { path: tile::path(tile_level, index, None), why: "is too short" })
    }

    fn tile(&self, level: u8, index: u64) -> Result<Vec<Hash>, LogError> {
        if let Some(hashes) = self.frontier.partial(level, index) {
            return Ok(hashes.to_vec());
        }
        let path = tile::path(level, index, None);
        let bytes = self.store.get(&path)?.ok_or(LogError::Missing { path: path.clone() })?;
        tile::hashes(&bytes)
            .ok_or(LogError::Damaged { path, why: "is not a whole number of hashes" })
    }
}

/// Tiles that one proof has already read, by level and index.
type Tiles = HashMap<(u8, u64), Vec<Hash>>;

/// Why a log operation failed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("another process uses the log in `{}`; stop that process first", dir.display())]
    Locked { dir: PathBuf },
    #[error(
        "the key of the log `{origin}` must have the name of the log, but its name is `{name}`"
    )]
    OtherKey { origin: String, name: String },
    #[error(
        "`{}` contains a log but no HEAD, so it is unknown how far it was published; restore HEAD from the same \
         backup as the other files", dir.display()
    )]
    NoHead { dir: PathBuf },
    #[error(
        "the log has {size} entries but {head} were published; signing again would fork it: \
         restore the missing files, do not delete HEAD"
    )]
    Rollback { size: u64, head: u64 },
    #[error(
        "the first {size} entries of the log are not those that were published; signing again \
         would fork it: restore the original files, do not delete HEAD"
    )]
    Fork { size: u64 },
    #[error("`{path}` of the log is missing; restore it from a copy of this log")]
    Missing { path: String },
    #[error("`{path}` of the log {why}; restore it from a copy of this log")]
    Damaged { path: String, why: &'static str },
    #[error("`{path}` of the log cannot be trusted: {source}")]
    Untrusted { path: &'static str, source: NoteError },
    #[error(
        "a retired key signed the last checkpoint, and the log does not end where that key was retired; \
         restore the original files"
    )]
    AfterRetirement,
    #[error("`{}`: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("there are no entries to append; use at least one")]
    NoEntries,
    #[error(
        "an entry has {length} bytes; at most {} are allowed (C2SP tlog-tiles)",
        tile::MAX_ENTRY
    )]
    TooLong { length: usize },
    #[error("the log has reached the maximum of {PLACES_MAX} entries; configure another tenant")]
    Full,
    #[error("the log stopped after an earlier error ({why}); restart the host")]
    Failed { why: String },
    #[error("a thread that syncs files of the log panicked; restart the host")]
    Panicked,
    #[error(transparent)]
    Range(#[from] OutOfRange),
    #[error(transparent)]
    Note(#[from] NoteError),
}
