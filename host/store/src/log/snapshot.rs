//! A consistent snapshot of a log, read while a host may be writing it: its size, its entries, and the files of a copy
//! that has exactly those. It takes no lock and writes nothing.
//!
//! Everything that a host has published is in `TAIL` or in the tiles up to the checkpoint; both are append-only. So
//! reading three small files fixes the moment, and everything else can be read later.

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

/// A host that settles its log moves entries from one file to another; a reader that meets this tries again.
const LOOKS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(2);

/// A log at one moment.
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

/// The files that say where a log ends, and the latest cosigned checkpoint, as they were read.
#[derive(Debug, Clone)]
pub struct Glance {
    dir: PathBuf,
    cosigned: Option<Vec<u8>>,
    head: Option<Vec<u8>>,
    tail: Option<Vec<u8>>,
    checkpoint: Option<Vec<u8>>,
}

/// Takes a snapshot of a log as it is now; `None` if it was never begun. Fails when the files cannot be read or do not
/// fit together, after repeated tries.
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

/// Reads where a log ends, without any check. Fails when a file cannot be read.
pub fn glance(dir: &Path) -> Result<Glance, LogError> {
    let store = Store::new(dir);
    // In this order: the cosigned checkpoint and `HEAD` are never ahead of the files that are read after them.
    Ok(Glance {
        cosigned: store.get(COSIGNED)?,
        head: store.get(HEAD)?,
        tail: store.get(TAIL)?,
        checkpoint: store.get(CHECKPOINT)?,
        dir: dir.to_owned(),
    })
}

impl Glance {
    /// The number of entries that the log claims, unsigned: for display and comparison only.
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

    /// The log as it was then. Fails when the files do not fit together, which a host that settled its log in between
    /// can cause.
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
        // The batch may not be on disk yet: without this sync, a copy could keep a batch that a power cut removes from
        // the log.
        let path = self.dir.join(TAIL);
        File::open(&path).and_then(|file| file.sync_data()).map_err(at(&path))?;
        let last = batches.last().map(|batch| &batch.note);
        let last = last.map(|note| signers.tree(TAIL, note).map(|tree| (note.clone(), tree)));
        let (last, shown) = (last.transpose()?, note(CHECKPOINT, &self.checkpoint));
        // A power cut may have torn the published checkpoint while `TAIL` has all of its content.
        let shown = if last.is_some() { shown.unwrap_or_default() } else { shown? };
        let (note, tree) = match (last, shown) {
            // The published one may have the lines of witnesses.
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
    /// Entries in the snapshot.
    pub fn size(&self) -> u64 {
        self.tree.size
    }

    pub fn root(&self) -> Hash {
        self.tree.root
    }

    /// Calls `each` with every entry and the tree that ends with it. Fails when a tile or the signed tree does not
    /// match the entries.
    pub fn walk(&self, each: &mut dyn FnMut(&[u8], &Frontier)) -> Result<(), LogError> {
        self.replay(each).map(|_| ())
    }

    /// Calls `put` with every file of a log that ends here and has settled. Fails when a file is missing or does not
    /// match the entries, or `put` fails.
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

    /// Replays all entries; also returns the full tiles whose entries are only in `TAIL`.
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
