//! A log as it was at one moment, read beside a host that may be writing it: takes a log's directory, gives
//! its size, its entries, and the files of a copy that has exactly those. Never locks, never writes.
//!
//! What a host has published is in `TAIL` or in the tiles up to the checkpoint; both are append-only. So the
//! moment is caught by reading three small files, and everything else can be read at leisure.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use deed_record::merkle::Hash;
use deed_record::note::{Checkpoint, VerifierKey};
use deed_record::tlog::tile::{self, WIDTH};
use deed_record::tlog::{Edge, Resource};

use super::open::{self, Found, Signers};
use super::store::{Store, at};
use super::tail::{self, Batch, TAIL, damaged};
use super::{CHECKPOINT, COSIGNED, HEAD, LogError, Retired};

/// A host that settles its log moves entries from one file to another; a reader who meets that looks again.
const LOOKS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(2);

/// A moment of a log.
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

/// Catches a log as it is now; one that was never begun is none.
pub fn snapshot(
    dir: &Path,
    key: &VerifierKey,
    retired: &[Retired],
) -> Result<Option<Snapshot>, LogError> {
    let mut looks = 0;
    loop {
        match look(dir, key, retired) {
            Err(_) if looks < LOOKS => std::thread::sleep(PAUSE),
            found => return found,
        }
        looks += 1;
    }
}

fn look(
    dir: &Path,
    key: &VerifierKey,
    retired: &[Retired],
) -> Result<Option<Snapshot>, LogError> {
    let store = Store::new(dir);
    let signers = Signers { key, retired };
    // In this order: what a witness vouches for and what has settled are never behind what is read later.
    let cosigned = open::read_note(&store, COSIGNED, signers)?;
    let Some(head) = open::stored_head(&store, key.name())? else { return Ok(None) };
    let bytes = store.get(TAIL)?.ok_or_else(|| LogError::Missing { path: TAIL.to_owned() })?;
    let batches = open::unsettled(tail::read(&bytes)?.0, &head, signers)?;
    let public = open::read_note(&store, CHECKPOINT, signers)?;
    // Whoever reads a batch before it is on disk would keep what a power cut takes back.
    let path = dir.join(TAIL);
    File::open(&path).and_then(|file| file.sync_data()).map_err(at(&path))?;
    let last = batches.last().map(|batch| &batch.note);
    let last = last.map(|note| signers.tree(TAIL, note).map(|tree| (note.clone(), tree)));
    let last = last.transpose()?;
    let empty = || Edge::default().checkpoint(key.name());
    let (note, tree) = match (last, public) {
        // The published one may have the lines of witnesses.
        (Some((_, tree)), Some((note, public))) if public == tree => (Some(note), tree),
        (Some((note, tree)), _) | (None, Some((note, tree))) => (Some(note), tree),
        (None, None) => (None, empty()),
    };
    if tree.size < head.size {
        return Err(LogError::Rollback { size: tree.size, head: head.size });
    }
    let cosigned = cosigned.filter(|(_, old)| old.size <= tree.size).map(|(note, _)| note);
    let (key, retired) = (key.clone(), retired.to_vec());
    Ok(Some(Snapshot { store, key, retired, head, batches, note, tree, cosigned }))
}

impl Snapshot {
    /// Entries in it.
    pub fn size(&self) -> u64 {
        self.tree.size
    }

    pub fn root(&self) -> Hash {
        self.tree.root
    }

    /// Gives every entry with the tree that ends with it; each tile, and the signed tree, is checked against them.
    pub fn walk(&self, each: &mut dyn FnMut(&[u8], &Edge)) -> Result<(), LogError> {
        self.replay(each).map(|_| ())
    }

    /// Gives every file of a log that ends here and has settled.
    pub fn copy<E: From<LogError>>(
        &self,
        put: &mut dyn FnMut(&Resource) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut found, made) = self.replay(&mut |_, _| {})?;
        for path in full(self.tree.size) {
            let fresh = made.iter().find(|tile| tile.path == path);
            let tile = match fresh {
                Some(tile) => tile.clone(),
                None => self.stored(path)?,
            };
            put(&tile)?;
        }
        let mut last = Vec::new();
        found.edge.finish(&mut last);
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

    /// Everything again from the entries; and the full tiles that only `TAIL` has entries for.
    fn replay(
        &self,
        each: &mut dyn FnMut(&[u8], &Edge),
    ) -> Result<(Found, Vec<Resource>), LogError> {
        let signers = Signers { key: &self.key, retired: &self.retired };
        let settled = if self.batches.is_empty() { self.tree.size } else { self.head.size };
        let mut found = open::replay(&self.store, settled, &self.head, each)?;
        let mut made = Vec::new();
        for batch in &self.batches {
            for entry in &batch.entries {
                found.take(entry, &mut made);
                each(entry, &found.edge);
            }
            if found.edge.checkpoint(&self.head.origin) != signers.tree(TAIL, &batch.note)? {
                return Err(damaged("does not agree with its own checkpoints"));
            }
        }
        if found.edge.root() != self.tree.root {
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
    let mut paths: Vec<String> = (0..bundles).map(|index| tile::entries_path(index, None)).collect();
    let (mut level, mut tiles) = (0, bundles);
    while tiles > 0 {
        paths.extend((0..tiles).map(|index| tile::path(level, index, None)));
        (level, tiles) = (level + 1, tiles / WIDTH);
    }
    paths
}

/// How many entries a log says it has, by its own unsigned word: for telling people, not for trusting.
pub fn said_size(dir: &Path) -> Result<u64, LogError> {
    let store = Store::new(dir);
    let size = |bytes: Option<Vec<u8>>| {
        let text = String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default();
        let body = text.split("\n\n").next().map(|body| format!("{}\n", body.trim_end()));
        body.and_then(|body| Checkpoint::parse(&body).ok()).map_or(0, |tree| tree.size)
    };
    let batches = tail::read(&store.get(TAIL)?.unwrap_or_default()).map(|(found, _)| found);
    let notes = batches.unwrap_or_default().into_iter().map(|batch| Some(batch.note.into_bytes()));
    let settled = [store.get(HEAD)?, store.get(CHECKPOINT)?];
    Ok(settled.into_iter().chain(notes).map(size).max().unwrap_or_default())
}
