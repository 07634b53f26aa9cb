//! Takes a consistent snapshot of a log while a host may be writing to it. A snapshot provides the size, the entries,
//! and the files of a copy with exactly these entries. This module neither locks the log nor writes to it.
//!
//! Everything that a host has published is in `TAIL` or in the tiles up to the checkpoint, and a published entry never
//! changes. Therefore `HEAD`, `TAIL` and the checkpoint determine the snapshot, and the tiles can be read later.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use deed_spec::merkle::Hash;
use deed_spec::note::{Checkpoint, VerifierKey};
use deed_spec::tlog::Resource;
use deed_spec::tlog::frontier::Frontier;
use deed_spec::tlog::tile::{self, WIDTH};

use super::open::{self, Found, Signers};
use super::pending_batch::{self, Batch, TAIL, damaged};
use super::store::{Store, at};
use super::{CHECKPOINT, COSIGNED, HEAD, LogError, Retired};

/// Number of tries to read a consistent snapshot, and the pause between two tries. A reader tries again if the host was
/// moving entries from `TAIL` to the tiles while the files were read.
const LOOKS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(2);

/// The state of a log at one moment.
#[derive(Debug)]
pub struct Snapshot {
    store: Store,
    key: VerifierKey,
    retired: Vec<Retired>,
    head: Checkpoint,
    batches: Vec<Batch>,
    note: Option<String>,
    tree: Checkpoint,
    cosigned: Option<String>,
}

/// The bytes of the files that determine where a log ends, and of the latest cosigned checkpoint.
#[derive(Debug, Clone)]
pub struct Glance {
    dir: PathBuf,
    cosigned: Option<Vec<u8>>,
    head: Option<Vec<u8>>,
    tail: Option<Vec<u8>>,
    checkpoint: Option<Vec<u8>>,
}

/// Takes a snapshot of a log; `None` if the log does not exist yet.
///
/// # Errors
///
/// Fails when the files still cannot be read or are inconsistent after repeated tries.
pub fn snapshot(
    dir: &Path,
    key: &VerifierKey,
    retired: &[Retired],
) -> Result<Option<Snapshot>, LogError> {
    let mut looks = 0;
    loop {
        match glance(dir).and_then(|glance| glance.snapshot(key, retired)) {
            Err(_) if looks < LOOKS => std::thread::sleep(PAUSE),
            found => return found,
        }
        looks += 1;
    }
}

/// Reads the files that determine where a log ends, without any check.
///
/// # Errors
///
/// Fails when a file cannot be read.
pub fn glance(dir: &Path) -> Result<Glance, LogError> {
    let store = Store::new(dir);
    // The files are read in this order, so that the cosigned checkpoint and `HEAD` are never ahead of the files that
    // are read after them.
    Ok(Glance {
        cosigned: store.get(COSIGNED)?,
        head: store.get(HEAD)?,
        tail: store.get(TAIL)?,
        checkpoint: store.get(CHECKPOINT)?,
        dir: dir.to_owned(),
    })
}

impl Glance {
    /// The number of entries that the files state. No signature is checked, so this number is only for display and
    /// comparison.
    pub fn said_size(&self) -> u64 {
        let size = |text: &str| {
            let body = text.split("\n\n").next().map(|body| format!("{}\n", body.trim_end()));
            body.and_then(|body| Checkpoint::parse(&body).ok()).map_or(0, |tree| tree.size)
        };
        let batches = pending_batch::read(self.tail.as_deref().unwrap_or_default());
        let last = batches.ok().and_then(|(batches, _)| Some(size(&batches.last()?.note)));
        let text = |bytes: &Option<Vec<u8>>| String::from_utf8(bytes.clone()?).ok();
        let settled = [&self.head, &self.checkpoint].into_iter().filter_map(text);
        settled.map(|text| size(&text)).chain(last).max().unwrap_or_default()
    }

    /// Returns the snapshot that these files determine.
    ///
    /// # Errors
    ///
    /// Fails when the files are inconsistent, for example because a host settled its log while they were read.
    pub fn snapshot(
        &self,
        key: &VerifierKey,
        retired: &[Retired],
    ) -> Result<Option<Snapshot>, LogError> {
        let signers = Signers { key, retired };
        let note = |path, bytes: &Option<Vec<u8>>| open::read_note(path, bytes.clone(), signers);
        let Some(head) = open::read_head(self.head.clone(), key.name())? else { return Ok(None) };
        let bytes =
            self.tail.as_deref().ok_or_else(|| LogError::Missing { path: TAIL.to_owned() })?;
        let batches = open::unsettled(pending_batch::read(bytes)?.0, &head, signers)?;
        // A batch in `TAIL` may not be on disk yet. If `TAIL` were not synced here, a copy could contain a batch that
        // the log loses in a power failure.
        let path = self.dir.join(TAIL);
        File::open(&path).and_then(|file| file.sync_data()).map_err(at(&path))?;
        let last = batches.last().map(|batch| &batch.note);
        let last = last.map(|note| signers.tree(TAIL, note).map(|tree| (note.clone(), tree)));
        let (last, shown) = (last.transpose()?, note(CHECKPOINT, &self.checkpoint));
        // A power failure may have left an incomplete checkpoint file, but then `TAIL` has the complete checkpoint.
        let shown = if last.is_some() { shown.unwrap_or_default() } else { shown? };
        let (note, tree) = match (last, shown) {
            // The published checkpoint is preferred, because it may have the signature lines of witnesses.
            (Some((_, tree)), Some((note, public))) if public == tree => (Some(note), tree),
            (Some((note, tree)), _) | (None, Some((note, tree))) => (Some(note), tree),
            (None, None) => (None, Frontier::default().checkpoint(key.name())),
        };
        if tree.size < head.size {
            return Err(LogError::Rollback { size: tree.size, head: head.size });
        }
        let cosigned = open::read_note(COSIGNED, self.cosigned.clone(), signers)?;
        let cosigned = cosigned.filter(|(_, old)| old.size <= tree.size).map(|(note, _)| note);
        let (store, key, retired) = (Store::new(&self.dir), key.clone(), retired.to_vec());
        Ok(Some(Snapshot { store, key, retired, head, batches, note, tree, cosigned }))
    }
}

impl Snapshot {
    /// Number of entries in the snapshot.
    pub fn size(&self) -> u64 {
        self.tree.size
    }

    pub fn root(&self) -> Hash {
        self.tree.root
    }

    /// Calls `each` with every entry and the tree that ends with it.
    ///
    /// # Errors
    ///
    /// Fails when a tile or the signed tree does not match the entries.
    pub fn walk(&self, each: &mut dyn FnMut(&[u8], &Frontier)) -> Result<(), LogError> {
        self.replay(each).map(|_| ())
    }

    /// Calls `put` with every file of a settled log that contains exactly the entries of this snapshot.
    ///
    /// # Errors
    ///
    /// Fails when a file is missing or does not match the entries, or `put` fails.
    pub fn copy<E: From<LogError>>(
        &self,
        put: &mut dyn FnMut(&Resource) -> Result<(), E>,
    ) -> Result<(), E> {
        let (found, made) = self.replay(&mut |_, _| {})?;
        for path in full(self.tree.size) {
            let fresh = made.iter().find(|tile| tile.path == path);
            let tile = match fresh {
                Some(tile) => tile.clone(),
                None => self.stored(path)?,
            };
            put(&tile)?;
        }
        let mut last = found.frontier.unfinished();
        last.push(Resource::text(HEAD, &self.tree.to_string()));
        last.push(Resource::text(TAIL, ""));
        last.extend(self.cosigned.iter().map(|note| Resource::text(COSIGNED, note)));
        last.extend(self.note.iter().map(|note| Resource::text(CHECKPOINT, note)));
        last.iter().try_for_each(put)
    }

    fn stored(&self, path: String) -> Result<Resource, LogError> {
        match self.store.get(&path)? {
            Some(bytes) => Ok(Resource { path, bytes }),
            None => Err(LogError::Missing { path }),
        }
    }

    /// Replays all entries, and also returns the full tiles whose entries are only in `TAIL`.
    fn replay(
        &self,
        each: &mut dyn FnMut(&[u8], &Frontier),
    ) -> Result<(Found, Vec<Resource>), LogError> {
        let signers = Signers { key: &self.key, retired: &self.retired };
        let settled = if self.batches.is_empty() { self.tree.size } else { self.head.size };
        let mut found = open::replay(&self.store, settled, &self.head, each)?;
        let mut made = Vec::new();
        for batch in &self.batches {
            for entry in &batch.entries {
                found.take(entry, &mut made);
                each(entry, &found.frontier);
            }
            if found.frontier.checkpoint(&self.head.origin) != signers.tree(TAIL, &batch.note)? {
                return Err(damaged("does not agree with its own checkpoints"));
            }
        }
        if found.frontier.root() != self.tree.root {
            return Err(LogError::Fork { size: self.tree.size });
        }
        found.note.clone_from(&self.note);
        signers.check_end(&found)?;
        Ok((found, made))
    }
}

/// The paths of all full tiles and bundles of a tree.
fn full(size: u64) -> Vec<String> {
    let bundles = size / WIDTH;
    let mut paths: Vec<String> =
        (0..bundles).map(|index| tile::entries_path(index, None)).collect();
    let (mut level, mut tiles) = (0, bundles);
    while tiles > 0 {
        paths.extend((0..tiles).map(|index| tile::path(level, index, None)));
        (level, tiles) = (level + 1, tiles / WIDTH);
    }
    paths
}
