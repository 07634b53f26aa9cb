//! Opening a log: takes its directory, gives the log with its edge and positions rebuilt from the
//! entries. It never repairs: what was published and is not there any more is an error for a person.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;

use deed_record::merkle::{Hash, leaf_hash};
use deed_record::note::{Checkpoint, LogKey, verify};
use deed_record::tlog::tile::{self, WIDTH};
use deed_record::tlog::{Edge, Resource};

use super::store::{Store, at, sync};
use super::tail::{Batch, TAIL, Tail, damaged};
use super::{CHECKPOINT, HEAD, Log, LogError};

pub(super) fn open(dir: &Path, origin: &str, key: LogKey) -> Result<Log, LogError> {
    if key.name() != origin {
        return Err(LogError::OtherKey { origin: origin.to_owned(), name: key.name().to_owned() });
    }
    fs::create_dir_all(dir).map_err(at(dir))?;
    if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        sync(parent)?;
    }
    let lock = lock(dir)?;
    let mut store = Store::new(dir);
    let head = head(&mut store, dir, origin)?;
    let (tail, batches) = Tail::open(dir)?;
    let batches = unsettled(batches, &head, &key)?;
    let Found { edge, positions, note } = if batches.is_empty() {
        settled(&mut store, &head, &key)?
    } else {
        follow(&mut store, &head, &key, batches)?
    };
    let mut log =
        Log { store, tail, key, edge, checkpoint: note, positions, failed: None, _lock: lock };
    log.settle()?;
    Ok(log)
}

/// What the files say.
struct Found {
    edge: Edge,
    positions: HashMap<Hash, u64>,
    note: Option<String>,
}

/// A log that was left at rest: everything is in its tiles.
fn settled(store: &mut Store, head: &Checkpoint, key: &LogKey) -> Result<Found, LogError> {
    let (note, published) = published(store, key)?;
    let size = published.as_ref().map_or(0, |tree| tree.size);
    if size < head.size {
        return Err(LogError::Rollback { size, head: head.size });
    }
    let (edge, positions) = replay(store, size, head)?;
    if let Some(published) = published {
        if edge.root() != published.root {
            return Err(LogError::Fork { size });
        }
        if published != *head {
            // The process died between the checkpoint and its guard.
            store.put(&[Resource::text(HEAD, &published.to_string())])?;
        }
    }
    Ok(Found { edge, positions, note })
}

/// A log that was left in the midst of it: its tiles are good up to the guard, and the rest of them is
/// made again from the tail, whatever a crash left of it.
fn follow(
    store: &mut Store,
    head: &Checkpoint,
    key: &LogKey,
    batches: Vec<Batch>,
) -> Result<Found, LogError> {
    let (mut edge, mut positions) = replay(store, head.size, head)?;
    let (mut tiles, mut note) = (Vec::new(), None);
    for batch in batches {
        for entry in &batch.entries {
            positions.entry(leaf_hash(entry)).or_insert(edge.size());
            edge.push(entry, &mut tiles);
        }
        if edge.checkpoint(key.name()) != tree(&batch.note, key)? {
            return Err(damaged("does not agree with its own checkpoints"));
        }
        note = Some(batch.note);
    }
    // A crash may have torn the published one. A good one is never newer: the tail comes before it; and
    // of the same tree, it may have the lines of witnesses.
    if let Ok((text, Some(public))) = published(store, key) {
        if public.size > edge.size() {
            return Err(LogError::Rollback { size: edge.size(), head: public.size });
        }
        note = text.filter(|_| public == edge.checkpoint(key.name())).or(note);
    }
    store.stage(tiles);
    Ok(Found { edge, positions, note })
}

/// The batches behind the guarded tree; those before it had settled when the process died.
fn unsettled(batches: Vec<Batch>, head: &Checkpoint, key: &LogKey) -> Result<Vec<Batch>, LogError> {
    let mut size = head.size;
    let mut newer = Vec::new();
    for batch in batches {
        let end = tree(&batch.note, key)?.size;
        if end <= head.size {
            continue;
        }
        if size.checked_add(batch.entries.len() as u64) != Some(end) {
            return Err(damaged("does not begin where HEAD ends"));
        }
        size = end;
        newer.push(batch);
    }
    Ok(newer)
}

fn tree(note: &str, key: &LogKey) -> Result<Checkpoint, LogError> {
    verify(note, key.verifier()).map_err(|source| LogError::Untrusted { path: TAIL, source })
}

fn lock(dir: &Path) -> Result<File, LogError> {
    let path = dir.join("LOCK");
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(false).write(true).open(&path).map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LogError::Locked { dir: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(LogError::Io { path, source }),
    }
}

/// The guard: the greatest tree that was published. A new log begins with that of the empty tree.
fn head(store: &mut Store, dir: &Path, origin: &str) -> Result<Checkpoint, LogError> {
    if let Some(bytes) = store.get(HEAD)? {
        let head = Checkpoint::parse(&text(HEAD, bytes)?)
            .map_err(|source| LogError::Untrusted { path: HEAD, source })?;
        if head.origin != origin {
            return Err(LogError::OtherKey { origin: head.origin, name: origin.to_owned() });
        }
        return Ok(head);
    }
    if dir.join(CHECKPOINT).exists() || dir.join("tile").exists() {
        return Err(LogError::NoHead { dir: dir.to_owned() });
    }
    Tail::create(dir)?;
    let empty = Edge::default().checkpoint(origin);
    store.put(&[Resource::text(HEAD, &empty.to_string())])?;
    Ok(empty)
}

/// The signed checkpoint on disk, as text and checked; none before the first append.
fn published(
    store: &Store,
    key: &LogKey,
) -> Result<(Option<String>, Option<Checkpoint>), LogError> {
    let Some(bytes) = store.get(CHECKPOINT)? else {
        return Ok((None, None));
    };
    let note = text(CHECKPOINT, bytes)?;
    let tree = verify(&note, key.verifier())
        .map_err(|source| LogError::Untrusted { path: CHECKPOINT, source })?;
    Ok((Some(note), Some(tree)))
}

/// Reads the first `size` entries and checks each tile that they make, and the guarded tree.
fn replay(
    store: &Store,
    size: u64,
    head: &Checkpoint,
) -> Result<(Edge, HashMap<Hash, u64>), LogError> {
    let mut edge = Edge::default();
    let mut positions = HashMap::new();
    let mut tiles = Vec::new();
    for index in 0..size.div_ceil(WIDTH) {
        let wanted = usize::try_from((size - index * WIDTH).min(WIDTH)).unwrap_or(usize::MAX);
        let path = tile::entries_path(index, None);
        let bundle = stored(store, &path, partial(wanted))?;
        let entries = tile::split_entries(&bundle)
            .ok_or_else(|| LogError::Damaged { path: path.clone(), why: "is no entry bundle" })?;
        if entries.len() < wanted {
            return Err(LogError::Damaged { path, why: "has too few entries" });
        }
        for entry in entries.into_iter().take(wanted) {
            guard(&edge, head)?;
            positions.entry(leaf_hash(entry)).or_insert(edge.size());
            edge.push(entry, &mut tiles);
        }
        check(store, &tiles)?;
        tiles.clear();
    }
    guard(&edge, head)?;
    edge.finish(&mut tiles);
    check(store, &tiles)?;
    Ok((edge, positions))
}

/// Where the tree is as large as the guarded one, it must be that one.
fn guard(edge: &Edge, head: &Checkpoint) -> Result<(), LogError> {
    if edge.size() == head.size && edge.root() != head.root {
        return Err(LogError::Fork { size: head.size });
    }
    Ok(())
}

/// Compares the tiles that the entries make with those on disk.
fn check(store: &Store, tiles: &[Resource]) -> Result<(), LogError> {
    for made in tiles.iter().filter(|made| !made.path.starts_with("tile/entries/")) {
        let found = match made.path.rsplit_once(".p/") {
            Some((full, width)) => stored(store, full, width.parse().ok())?,
            None => stored(store, &made.path, None)?,
        };
        // A full tile may stand in for a partial one; the hashes beyond are not published.
        if !found.starts_with(&made.bytes) {
            return Err(LogError::Damaged {
                path: made.path.clone(),
                why: "does not agree with the entries",
            });
        }
    }
    Ok(())
}

/// The bytes of a tile or bundle: of its partial form where there is one, else of the full one.
fn stored(store: &Store, path: &str, width: Option<usize>) -> Result<Vec<u8>, LogError> {
    if let Some(width) = width {
        let partial = format!("{}/{width}", tile::partials(path));
        if let Some(bytes) = store.get(&partial)? {
            return Ok(bytes);
        }
    }
    store.get(path)?.ok_or_else(|| LogError::Missing { path: path.to_owned() })
}

/// The width in the name of a bundle of so many entries.
fn partial(entries: usize) -> Option<usize> {
    (entries as u64 != WIDTH).then_some(entries)
}

fn text(path: &'static str, bytes: Vec<u8>) -> Result<String, LogError> {
    let refused = LogError::Damaged { path: path.to_owned(), why: "is not UTF-8" };
    String::from_utf8(bytes).ok().ok_or(refused)
}
