//! Opening a log: takes its directory, gives the log with its edge and positions rebuilt from the
//! entries. It never repairs: what was published and is not there any more is an error for a person.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;

use deed_record::envelope::Kind;
use deed_record::event::{Leaf, entry};
use deed_record::merkle::{Hash, leaf_hash};
use deed_record::note::{Checkpoint, LogKey, VerifierKey, verify};
use deed_record::tlog::tile::{self, WIDTH};
use deed_record::tlog::{Edge, Resource};

use super::store::{Store, at, sync};
use super::{CHECKPOINT, HEAD, Log, LogError, Retired, history};

pub(super) fn open(
    dir: &Path,
    origin: &str,
    key: LogKey,
    retired: &[Retired],
) -> Result<Log, LogError> {
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
    let Read { edge, positions, history, note, tree } =
        read(&store, &head, key.verifier(), retired)?;
    if let Some(published) = tree.filter(|tree| *tree != head) {
        // The process died between the checkpoint and its guard.
        store.put(&[Resource::text(HEAD, &published.to_string())])?;
    }
    Ok(Log { store, key, edge, checkpoint: note, positions, history, failed: None, _lock: lock })
}

/// What the files of a log come to.
pub(super) struct Read {
    pub(super) edge: Edge,
    positions: HashMap<Hash, u64>,
    pub(super) history: Vec<Leaf>,
    note: Option<String>,
    tree: Option<Checkpoint>,
}

/// Reads every published entry and holds it against tiles, checkpoint and guard. Writes nothing.
pub(super) fn read(
    store: &Store,
    head: &Checkpoint,
    key: &VerifierKey,
    retired: &[Retired],
) -> Result<Read, LogError> {
    let Published { note, tree, last } = published(store, key, retired)?;
    let size = tree.as_ref().map_or(0, |tree| tree.size);
    if size < head.size {
        return Err(LogError::Rollback { size, head: head.size });
    }
    let mut read =
        Read { edge: Edge::default(), positions: HashMap::new(), history: vec![], note, tree };
    replay(store, size, head, &mut read)?;
    if read.tree.as_ref().is_some_and(|tree| tree.root != read.edge.root()) {
        return Err(LogError::Fork { size });
    }
    let ends_with = |entry: &Vec<u8>| read.positions.get(&leaf_hash(entry)) == Some(&(size - 1));
    if last.as_ref().is_some_and(|entries| size == 0 || !entries.iter().any(ends_with)) {
        return Err(LogError::AfterRetirement);
    }
    Ok(read)
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
    if let Some(head) = stored_head(store, origin)? {
        return Ok(head);
    }
    if dir.join(CHECKPOINT).exists() || dir.join("tile").exists() {
        return Err(LogError::NoHead { dir: dir.to_owned() });
    }
    let empty = Edge::default().checkpoint(origin);
    store.put(&[Resource::text(HEAD, &empty.to_string())])?;
    Ok(empty)
}

/// The guard as it stands on disk.
pub(super) fn stored_head(store: &Store, origin: &str) -> Result<Option<Checkpoint>, LogError> {
    let Some(bytes) = store.get(HEAD)? else { return Ok(None) };
    let head = Checkpoint::parse(&text(HEAD, bytes)?)
        .map_err(|source| LogError::Untrusted { path: HEAD, source })?;
    if head.origin != origin {
        return Err(LogError::OtherKey { origin: head.origin, name: origin.to_owned() });
    }
    Ok(Some(head))
}

/// The signed checkpoint on disk, as text and checked; none before the first append.
#[derive(Default)]
struct Published {
    note: Option<String>,
    tree: Option<Checkpoint>,
    /// Under a retired key, the entries of which one must be the last of that tree: a statement that was
    /// signed by a process that died is kept, and not logged.
    last: Option<Vec<Vec<u8>>>,
}

fn published(store: &Store, key: &VerifierKey, retired: &[Retired]) -> Result<Published, LogError> {
    let Some(bytes) = store.get(CHECKPOINT)? else { return Ok(Published::default()) };
    let note = text(CHECKPOINT, bytes)?;
    let refused = match verify(&note, key) {
        Ok(tree) => return Ok(Published { note: Some(note), tree: Some(tree), last: None }),
        Err(source) => LogError::Untrusted { path: CHECKPOINT, source },
    };
    let by = |one: &&Retired| verify(&note, &one.key).is_ok();
    let signer = retired.iter().find(by).ok_or(refused)?;
    let tree = Some(verify(&note, &signer.key)?);
    let about = retired.iter().filter(|one| one.key == signer.key);
    let last = about.map(|one| entry(Kind::KeyRetired.as_str(), &one.statement)).collect();
    Ok(Published { note: Some(note), tree, last: Some(last) })
}

/// Reads the first `size` entries and checks each tile that they make, and the guarded tree.
fn replay(store: &Store, size: u64, head: &Checkpoint, into: &mut Read) -> Result<(), LogError> {
    let Read { edge, positions, history: told, .. } = into;
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
            guard(edge, head)?;
            told.extend(history::told(entry, edge.size()));
            positions.entry(leaf_hash(entry)).or_insert(edge.size());
            edge.push(entry, &mut tiles);
        }
        check(store, &tiles)?;
        tiles.clear();
    }
    guard(edge, head)?;
    edge.finish(&mut tiles);
    check(store, &tiles)
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
