//! Opens a log: rebuilds its frontier and leaf lookup from the entries in its directory. Opening does not repair a log:
//! if published data is missing, opening fails and the operator must resolve the error.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;

use deed_record::lifecycle::event::Leaf;
use deed_record::statement::envelope::Kind;
use deed_spec::merkle::leaf_hash;
use deed_spec::note::{Checkpoint, LogKey, VerifierKey, verify};
use deed_spec::tlog::Resource;
use deed_spec::tlog::frontier::Frontier;
use deed_spec::tlog::tile::{self, WIDTH};

use super::leaf_index::LeafIndex;
use super::pending_batch::{Batch, PendingBatch, TAIL, damaged};
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
    // The first log of a tenant also creates the folder of all logs, and the names of both folders must survive a power
    // failure.
    for above in dir.ancestors().skip(1).take(2).filter(|above| !above.as_os_str().is_empty()) {
        sync(above)?;
    }
    let lock = lock(dir)?;
    let mut store = Store::new(dir);
    let head = head(&mut store, dir, origin)?;
    let (mut pending, batches) = PendingBatch::open(dir)?;
    let signers = Signers { key: key.verifier(), retired };
    let batches = unsettled(batches, &head, signers)?;
    if batches.is_empty() {
        // All entries have settled. No tile is rewritten, because nothing could restore a tile if a crash lost its
        // rewrite.
        pending.clear()?;
    }
    let Found { frontier, leaf_index, history, note } = if batches.is_empty() {
        settled(&mut store, &head, signers)?
    } else {
        follow(&mut store, &head, signers, batches)?
    };
    let checkpoint = note;
    let mut log = Log {
        store,
        pending,
        key,
        frontier,
        checkpoint,
        leaf_index,
        history,
        failed: None,
        _lock: lock,
    };
    log.settle()?;
    Ok(log)
}

/// The keys that may have signed the files: the log's key, and the keys that were retired before that key.
#[derive(Clone, Copy)]
pub(super) struct Signers<'a> {
    pub(super) key: &'a VerifierKey,
    pub(super) retired: &'a [Retired],
}

impl Signers<'_> {
    pub(super) fn tree(self, path: &'static str, note: &str) -> Result<Checkpoint, LogError> {
        let untrusted = match verify(note, self.key) {
            Ok(tree) => return Ok(tree),
            Err(source) => LogError::Untrusted { path, source },
        };
        let by = |one: &Retired| verify(note, &one.key).ok();
        self.retired.iter().find_map(by).ok_or(untrusted)
    }

    /// The last tree that a retired key signed must end with a statement that retires this key. A key may have several
    /// statements that retire it: an interrupted rotation leaves the statement that it signed, and the next rotation
    /// signs another.
    pub(super) fn check_end(self, found: &Found) -> Result<(), LogError> {
        let Some(note) = found.note.as_ref().filter(|note| verify(note, self.key).is_err()) else {
            return Ok(());
        };
        let last = found.frontier.size().checked_sub(1);
        let retires = |one: &Retired| {
            let says = |leaf: &&Leaf| {
                leaf.kind == Kind::KeyRetired.as_str() && leaf.payload == one.statement
            };
            let said = found.history.iter().find(says).map(|leaf| leaf.index);
            verify(note, &one.key).is_ok() && said == last
        };
        if last.is_some() && self.retired.iter().any(retires) {
            return Ok(());
        }
        Err(LogError::AfterRetirement)
    }
}

/// The content of a log's files.
#[derive(Default)]
pub(super) struct Found {
    pub(super) frontier: Frontier,
    leaf_index: LeafIndex,
    /// The entries about the host itself.
    pub(super) history: Vec<Leaf>,
    pub(super) note: Option<String>,
}

impl Found {
    pub(super) fn take(&mut self, entry: &[u8], tiles: &mut Vec<Resource>) {
        let hash = leaf_hash(entry);
        self.history.extend(history::told(entry, self.frontier.size()));
        self.leaf_index.add(&hash, self.frontier.size());
        self.frontier.push_hashed(entry, hash, tiles);
    }
}

/// Reads a log whose batches have all settled, so that all entries are in its tiles.
fn settled(store: &mut Store, head: &Checkpoint, signers: Signers<'_>) -> Result<Found, LogError> {
    let found = shown(store, head, signers)?;
    let tree = found.frontier.checkpoint(&head.origin);
    if tree != *head {
        // The previous process ended after it had written the checkpoint and before it wrote `HEAD`.
        store.put(&[Resource::text(HEAD, &tree.to_string())])?;
    }
    Ok(found)
}

/// Reads the files that readers see, and checks them against `HEAD`. Writes nothing.
pub(super) fn shown(
    store: &Store,
    head: &Checkpoint,
    signers: Signers<'_>,
) -> Result<Found, LogError> {
    let (note, published) = published(store, signers)?;
    let size = published.as_ref().map_or(0, |tree| tree.size);
    if size < head.size {
        return Err(LogError::Rollback { size, head: head.size });
    }
    let found = Found { note, ..replay(store, size, head, &mut |_, _| {})? };
    if published.is_some_and(|tree| tree.root != found.frontier.root()) {
        return Err(LogError::Fork { size });
    }
    signers.check_end(&found)?;
    Ok(found)
}

/// Reads a log that was not settled. The tiles are intact up to the tree in `HEAD`. Later tiles may have been damaged
/// by a crash, so they are built again from `TAIL`.
fn follow(
    store: &mut Store,
    head: &Checkpoint,
    signers: Signers<'_>,
    batches: Vec<Batch>,
) -> Result<Found, LogError> {
    let mut found = replay(store, head.size, head, &mut |_, _| {})?;
    let mut tiles = Vec::new();
    for batch in batches {
        batch.entries.iter().for_each(|entry| found.take(entry, &mut tiles));
        if found.frontier.checkpoint(&head.origin) != signers.tree(TAIL, &batch.note)? {
            return Err(damaged("does not agree with its own checkpoints"));
        }
        found.note = Some(batch.note);
    }
    // A crash may have left an incomplete checkpoint. An intact checkpoint is never newer than `TAIL`, because `TAIL`
    // is written first. A checkpoint with the same tree as `TAIL` may also have the signature lines of witnesses.
    if let Ok((text, Some(public))) = published(store, signers) {
        if public.size > found.frontier.size() {
            return Err(LogError::Rollback { size: found.frontier.size(), head: public.size });
        }
        let is_it = public == found.frontier.checkpoint(&head.origin);
        found.note = text.filter(|_| is_it).or(found.note);
    }
    signers.check_end(&found)?;
    store.stage(tiles);
    Ok(found)
}

/// The batches after the tree in `HEAD`. Earlier batches are left out, because they had settled before the process
/// ended.
pub(super) fn unsettled(
    batches: Vec<Batch>,
    head: &Checkpoint,
    signers: Signers<'_>,
) -> Result<Vec<Batch>, LogError> {
    let mut size = head.size;
    let mut newer = Vec::new();
    for batch in batches {
        let end = signers.tree(TAIL, &batch.note)?.size;
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

/// Reads `HEAD`, which has the largest tree that was published. A new log begins with the empty tree.
fn head(store: &mut Store, dir: &Path, origin: &str) -> Result<Checkpoint, LogError> {
    if let Some(head) = stored_head(store, origin)? {
        return Ok(head);
    }
    let pending = fs::metadata(dir.join(TAIL)).is_ok_and(|pending| pending.len() > 0);
    if pending || dir.join(CHECKPOINT).exists() || dir.join("tile").exists() {
        return Err(LogError::NoHead { dir: dir.to_owned() });
    }
    PendingBatch::create(dir)?;
    let empty = Frontier::default().checkpoint(origin);
    store.put(&[Resource::text(HEAD, &empty.to_string())])?;
    Ok(empty)
}

/// Reads `HEAD` from disk.
pub(super) fn stored_head(store: &Store, origin: &str) -> Result<Option<Checkpoint>, LogError> {
    read_head(store.get(HEAD)?, origin)
}

/// Parses the `HEAD` of the log with the name `origin`.
pub(super) fn read_head(
    bytes: Option<Vec<u8>>,
    origin: &str,
) -> Result<Option<Checkpoint>, LogError> {
    let Some(bytes) = bytes else { return Ok(None) };
    let head = Checkpoint::parse(&text(HEAD, bytes)?)
        .map_err(|source| LogError::Untrusted { path: HEAD, source })?;
    if head.origin != origin {
        return Err(LogError::OtherKey { origin: head.origin, name: origin.to_owned() });
    }
    Ok(Some(head))
}

/// Reads the signed checkpoint on disk, and returns its text and the verified tree. The text and the tree are `None`
/// before the first append.
fn published(
    store: &Store,
    signers: Signers<'_>,
) -> Result<(Option<String>, Option<Checkpoint>), LogError> {
    Ok(read_note(CHECKPOINT, store.get(CHECKPOINT)?, signers)?.unzip())
}

/// Reads a signed note, and returns its text and the verified tree.
pub(super) fn read_note(
    path: &'static str,
    bytes: Option<Vec<u8>>,
    signers: Signers<'_>,
) -> Result<Option<(String, Checkpoint)>, LogError> {
    let Some(bytes) = bytes else { return Ok(None) };
    let note = text(path, bytes)?;
    let tree = signers.tree(path, &note)?;
    Ok(Some((note, tree)))
}

/// Reads the first `size` entries, and checks their tiles and the tree in `HEAD`. Calls `each` with every entry and the
/// tree that ends with it.
pub(super) fn replay(
    store: &Store,
    size: u64,
    head: &Checkpoint,
    each: &mut dyn FnMut(&[u8], &Frontier),
) -> Result<Found, LogError> {
    let mut found = Found::default();
    found.leaf_index.expect(size);
    let mut tiles = Vec::new();
    for index in 0..size.div_ceil(WIDTH) {
        let wanted = usize::try_from((size - index * WIDTH).min(WIDTH)).unwrap_or(usize::MAX);
        let path = tile::entries_path(index, None);
        let bundle = stored(store, &path, partial(wanted))?;
        let entries = tile::split_entries(&bundle).ok_or_else(|| LogError::Damaged {
            path: path.clone(),
            why: "is not an entry bundle",
        })?;
        if entries.len() < wanted {
            return Err(LogError::Damaged { path, why: "has too few entries" });
        }
        for entry in entries.into_iter().take(wanted) {
            guard(&found.frontier, head)?;
            found.take(entry, &mut tiles);
            each(entry, &found.frontier);
        }
        check(store, &tiles)?;
        tiles.clear();
    }
    guard(&found.frontier, head)?;
    found.frontier.finish(&mut tiles);
    check(store, &tiles)?;
    Ok(found)
}

/// Fails when the tree is as large as the tree in `HEAD` but differs from that tree.
fn guard(frontier: &Frontier, head: &Checkpoint) -> Result<(), LogError> {
    if frontier.size() == head.size && frontier.root() != head.root {
        return Err(LogError::Fork { size: head.size });
    }
    Ok(())
}

/// Compares the tiles that were computed from the entries with the tiles on disk.
fn check(store: &Store, tiles: &[Resource]) -> Result<(), LogError> {
    for made in tiles.iter().filter(|made| !made.path.starts_with("tile/entries/")) {
        let found = match made.path.rsplit_once(".p/") {
            Some((full, width)) => stored(store, full, width.parse().ok())?,
            None => stored(store, &made.path, None)?,
        };
        // A full tile may have replaced a partial one. The additional hashes of the full tile are not part of the
        // published tree.
        if !found.starts_with(&made.bytes) {
            return Err(LogError::Damaged {
                path: made.path.clone(),
                why: "does not agree with the entries",
            });
        }
    }
    Ok(())
}

/// The bytes of the partial tile or bundle if that file exists, otherwise the bytes of the full one.
fn stored(store: &Store, path: &str, width: Option<usize>) -> Result<Vec<u8>, LogError> {
    if let Some(width) = width {
        let partial = format!("{}/{width}", tile::partials(path));
        if let Some(bytes) = store.get(&partial)? {
            return Ok(bytes);
        }
    }
    store.get(path)?.ok_or_else(|| LogError::Missing { path: path.to_owned() })
}

/// The width in the name of a bundle of `entries` entries; `None` for a full bundle.
fn partial(entries: usize) -> Option<usize> {
    (entries as u64 != WIDTH).then_some(entries)
}

fn text(path: &'static str, bytes: Vec<u8>) -> Result<String, LogError> {
    let refused = LogError::Damaged { path: path.to_owned(), why: "is not UTF-8" };
    String::from_utf8(bytes).ok().ok_or(refused)
}
