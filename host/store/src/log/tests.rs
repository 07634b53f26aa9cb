use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use deed_spec::merkle::{verify_consistency, verify_inclusion};
use deed_spec::note::verify;
use ed25519_dalek::SigningKey;

use super::pending_batch::TAIL;
use super::*;

mod crashes;
mod publishing;
mod snapshots;

const ORIGIN: &str = "log.example.com/acme";

/// A directory for one test, which is removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("deed-log-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn open(&self) -> Result<Log, LogError> {
        Log::open(&self.0, ORIGIN, key())
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, "scratch directory stays behind");
        }
    }
}

fn key() -> LogKey {
    LogKey::new(ORIGIN, SigningKey::from_bytes(&[5; 32])).unwrap()
}

fn entry(n: u64) -> Vec<u8> {
    format!("entry {n}\n").into_bytes()
}

fn entries(range: std::ops::Range<u64>) -> Vec<Vec<u8>> {
    range.map(entry).collect()
}

/// Checks that every entry has its index, and that its proof leads to the signed root.
fn check_all(log: &Log, size: u64) {
    let tree = verify(log.checkpoint().unwrap(), key().verifier()).unwrap();
    assert_eq!((tree.size, log.size()), (size, size));
    for n in 0..size {
        assert_eq!(log.index_of(&entry(n)).unwrap(), Some(n));
        let path = log.prove(n, size).unwrap();
        assert!(verify_inclusion(n, size, &leaf_hash(&entry(n)), &path, &tree.root), "{n}/{size}");
    }
}

#[test]
fn entries_of_every_append_are_proved_and_survive_reopening() {
    let scratch = Scratch::new();
    let mut log = scratch.open().unwrap();
    assert_eq!((log.checkpoint(), log.size()), (None, 0));
    let mut size = 0;
    for batch in [1, 1, 2, 60, 191, 1, 1, 255, 88] {
        let published = log.append(&entries(size..size + batch)).unwrap();
        assert_eq!((published.first, published.size), (size, size + batch));
        size += batch;
        assert_eq!(log.checkpoint(), Some(published.checkpoint.as_str()));
        check_all(&log, size);
        drop(log);
        log = scratch.open().unwrap();
        assert_eq!(log.checkpoint(), Some(published.checkpoint.as_str()));
    }
    check_all(&log, 600);
    assert_eq!(log.index_of(b"never").unwrap(), None);
}

#[test]
fn one_by_one_and_at_once_make_the_same_tree_with_proofs_of_every_size() {
    let (single, bulk) = (Scratch::new(), Scratch::new());
    let (mut single, mut bulk) = (single.open().unwrap(), bulk.open().unwrap());
    let mut roots = Vec::new();
    for n in 0..270 {
        let published = single.append(&[entry(n)]).unwrap();
        roots.push(verify(&published.checkpoint, key().verifier()).unwrap().root);
    }
    let published = bulk.append(&entries(0..270)).unwrap();
    assert_eq!(single.checkpoint(), Some(published.checkpoint.as_str()));
    for (root, size) in roots.iter().zip(1..) {
        for n in [0, size / 2, size - 1] {
            let path = bulk.prove(n, size).unwrap();
            assert!(verify_inclusion(n, size, &leaf_hash(&entry(n)), &path, root));
        }
    }
    for (new, size) in roots.iter().zip(1..) {
        for old in [1, 2, size / 3, size / 2, size - 1, size].into_iter().filter(|old| *old > 0) {
            let Some(root) = roots.get(usize::try_from(old).unwrap() - 1) else { continue };
            if let Ok(path) = bulk.consistency(old, size) {
                assert!(verify_consistency(old, size, root, new, &path), "{old} to {size}");
            } else {
                assert!(old > size, "{old} to {size}");
            }
        }
    }
    assert_eq!(bulk.consistency(0, 270).unwrap(), Vec::<Hash>::new());
    assert!(matches!(bulk.consistency(1, 271), Err(LogError::Range(_))));
    assert!(matches!(bulk.prove(0, 271), Err(LogError::Range(_))));
    assert!(matches!(bulk.prove(5, 5), Err(LogError::Range(_))));
}

#[test]
fn seventy_thousand_entries_make_the_tiles_of_the_specification() {
    let mut edge = Frontier::default();
    let mut files = Vec::new();
    for n in 0..70_000 {
        edge.push(&entry(n), &mut files);
    }
    edge.finish(&mut files);
    let count = |start: &str, partial: bool| {
        let of = |file: &&Resource| file.path.starts_with(start);
        files.iter().filter(of).filter(|file| file.path.contains(".p/") == partial).count()
    };
    assert_eq!((count("tile/0/", false), count("tile/1/", false)), (273, 1));
    for path in ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1", "tile/entries/273.p/112"]
    {
        assert_eq!(count(path, true), 1, "{path}");
    }
    assert_eq!((files.len(), count("tile/", true)), (273 * 2 + 1 + 4, 4));
    assert!(
        files.iter().all(|f| tile::is_partial(&f.path)
            || f.path.contains("entries")
            || f.bytes.len() == 8192)
    );
    let leaves: Vec<Hash> = (0..70_000).map(|n| leaf_hash(&entry(n))).collect();
    assert_eq!(edge.root(), merkle::root(&leaves));
}

#[test]
fn cosignatures_stay_with_the_checkpoint_that_they_are_on() {
    let scratch = Scratch::new();
    let mut log = scratch.open().unwrap();
    let read = |path: &str| fs::read_to_string(scratch.path(path)).unwrap();
    let line = "— witness.example AAAAAAAAAAA=\n";
    let old = log.append(&entries(0..2)).unwrap().checkpoint + line;
    assert!(log.cosign(&old).unwrap());
    assert_eq!((log.checkpoint(), read("checkpoint")), (Some(old.as_str()), old.clone()));
    drop(log);
    let mut log = scratch.open().unwrap();
    assert_eq!(log.checkpoint(), Some(old.as_str()), "it is read again with its witnesses");
    let new = log.append(&entries(2..3)).unwrap().checkpoint;
    // The signature line of a slow witness is stored with the old checkpoint, and the newer checkpoint does not change.
    assert!(!log.cosign(&(old.clone() + line)).unwrap());
    assert_eq!((log.checkpoint(), read("checkpoint")), (Some(new.as_str()), new.clone()));
    assert_eq!(read("cosigned"), old + line);
}

#[test]
fn partial_tiles_go_when_the_full_one_is_there() {
    let scratch = Scratch::new();
    let mut log = scratch.open().unwrap();
    log.append(&entries(0..200)).unwrap();
    assert!(scratch.path("tile/0/000.p/200").exists());
    log.append(&entries(200..256)).unwrap();
    for gone in ["tile/0/000.p", "tile/entries/000.p"] {
        assert!(!scratch.path(gone).exists());
    }
    for there in ["tile/0/000", "tile/entries/000", "tile/1/000.p/1"] {
        assert!(scratch.path(there).exists());
    }
}

#[test]
fn what_was_written_after_the_checkpoint_is_written_over() {
    let scratch = Scratch::new();
    let mut log = scratch.open().unwrap();
    log.append(&entries(0..250)).unwrap();
    // These tiles simulate a crash before the checkpoint was written. The tiles have other entries than the log gets
    // later, and one of their bundles is full.
    let mut edge = log.frontier.clone();
    let mut tiles = Vec::new();
    for n in 1000..1020 {
        edge.push(&entry(n), &mut tiles);
    }
    edge.finish(&mut tiles);
    log.store.put(&tiles).unwrap();
    drop(log);
    let mut log = scratch.open().unwrap();
    check_all(&log, 250);
    log.append(&entries(250..300)).unwrap();
    drop(log);
    check_all(&scratch.open().unwrap(), 300);
}

#[test]
fn a_crash_between_checkpoint_and_guard_is_caught_up() {
    let scratch = Scratch::new();
    let mut log = scratch.open().unwrap();
    log.append(&entries(0..3)).unwrap();
    let guard = fs::read(scratch.path(HEAD)).unwrap();
    log.append(&entries(3..5)).unwrap();
    drop(log);
    let newest = fs::read(scratch.path(HEAD)).unwrap();
    fs::write(scratch.path(HEAD), guard).unwrap();
    check_all(&scratch.open().unwrap(), 5);
    assert_eq!(fs::read(scratch.path(HEAD)).unwrap(), newest);
}

#[test]
fn a_smaller_or_other_tree_than_the_published_one_is_refused() {
    let (scratch, other) = (Scratch::new(), Scratch::new());
    let mut log = scratch.open().unwrap();
    log.append(&entries(0..3)).unwrap();
    let old = fs::read(scratch.path(CHECKPOINT)).unwrap();
    let newest = log.append(&entries(3..5)).unwrap().checkpoint;
    drop(log);
    fs::write(scratch.path(CHECKPOINT), old).unwrap();
    assert!(matches!(scratch.open(), Err(LogError::Rollback { size: 3, head: 5 })));
    fs::remove_file(scratch.path(CHECKPOINT)).unwrap();
    assert!(matches!(scratch.open(), Err(LogError::Rollback { size: 0, head: 5 })));
    fs::write(scratch.path(CHECKPOINT), newest).unwrap();
    check_all(&scratch.open().unwrap(), 5);
    // `HEAD` of this log is copied to a complete and consistent log with other entries.
    other.open().unwrap().append(&entries(100..107)).unwrap();
    fs::copy(scratch.path(HEAD), other.path(HEAD)).unwrap();
    assert!(matches!(other.open(), Err(LogError::Fork { size: 5 })));
    fs::remove_file(scratch.path(HEAD)).unwrap();
    assert!(matches!(scratch.open(), Err(LogError::NoHead { .. })));
}

#[test]
fn missing_and_damaged_files_are_refused_by_name() {
    let scratch = Scratch::new();
    scratch.open().unwrap().append(&entries(0..600)).unwrap();
    let files = [
        "tile/0/000",
        "tile/0/001",
        "tile/0/002.p/88",
        "tile/1/000.p/2",
        "tile/entries/000",
        "tile/entries/002.p/88",
        "checkpoint",
        "HEAD",
    ];
    let tail = scratch.path(TAIL);
    fs::remove_file(&tail).unwrap();
    assert!(scratch.open().is_err(), "TAIL is missing");
    fs::write(&tail, b"").unwrap();
    for path in files {
        let file = scratch.path(path);
        let bytes = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        assert!(scratch.open().is_err(), "{path} is missing");
        fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
        assert!(scratch.open().is_err(), "{path} is cut");
        let mut bent = bytes.clone();
        bent[10] ^= 1;
        fs::write(&file, bent).unwrap();
        assert!(scratch.open().is_err(), "{path} is changed");
        fs::write(&file, bytes).unwrap();
        scratch.open().unwrap();
    }
    fs::remove_dir_all(scratch.path("tile")).unwrap();
    let error = scratch.open().unwrap_err().to_string();
    assert!(error.contains("`tile/entries/000` of the log is missing"), "{error}");
}

/// Only `TAIL` has the entries whose tiles could not be written, so `TAIL` must not be emptied. A checkpoint must not
/// be published before its tiles.
#[test]
fn a_log_that_could_not_spread_shows_and_settles_nothing() {
    let scratch = Scratch::new();
    let mut log = scratch.open().unwrap();
    log.append(&[entry(0)]).unwrap();
    let shown = fs::read(scratch.path(CHECKPOINT)).unwrap();
    let in_the_way = scratch.path("tile/entries/000.p/2.tmp");
    fs::create_dir_all(&in_the_way).unwrap();
    log.enter(&[entry(1)]).unwrap();
    assert!(matches!(log.spread(), Err(LogError::Io { .. })));
    fs::remove_dir(&in_the_way).unwrap();
    for again in [log.spread(), log.settle(), log.cosign("x").map(drop)] {
        assert!(matches!(again, Err(LogError::Failed { .. })), "{again:?}");
    }
    assert_eq!(fs::read(scratch.path(CHECKPOINT)).unwrap(), shown);
    assert!(log.failed().is_some());
    drop(log);
    check_all(&scratch.open().unwrap(), 2);
}

#[test]
fn a_failed_write_stops_the_log() {
    let scratch = Scratch::new();
    let mut log = scratch.open().unwrap();
    log.append(&entries(0..2)).unwrap();
    // Writing the checkpoint fails, because a directory has the name of its temporary file.
    fs::create_dir(scratch.path("checkpoint.tmp")).unwrap();
    assert!(matches!(log.append(&[entry(2)]), Err(LogError::Io { .. })));
    fs::remove_dir(scratch.path("checkpoint.tmp")).unwrap();
    assert!(matches!(log.append(&[entry(2)]), Err(LogError::Failed { .. })));
    drop(log);
    // The entry was on disk in `TAIL` before the write of the checkpoint failed, so it is in the log.
    let log = scratch.open().unwrap();
    check_all(&log, 3);
}

#[test]
fn bad_calls_are_refused_and_change_nothing() {
    let scratch = Scratch::new();
    let mut log = scratch.open().unwrap();
    assert!(matches!(scratch.open(), Err(LogError::Locked { .. })));
    assert!(matches!(log.append(&[]), Err(LogError::NoEntries)));
    let oversized = vec![0; tile::MAX_ENTRY + 1];
    assert!(matches!(
        log.append(&[entry(0), oversized]),
        Err(LogError::TooLong { length: 65_536 })
    ));
    log.append(&[vec![0; tile::MAX_ENTRY], entry(0), entry(0)]).unwrap();
    assert_eq!(log.index_of(&entry(0)).unwrap(), Some(1));
    drop(log);
    assert_eq!(scratch.open().unwrap().size(), 3);
    let elsewhere = Log::open(&scratch.0, "log.example.com/other", key());
    assert!(matches!(elsewhere, Err(LogError::OtherKey { .. })));
}

fn other_key() -> LogKey {
    LogKey::new(ORIGIN, SigningKey::from_bytes(&[6; 32])).unwrap()
}

/// Creates a log whose last entry is the statement that retires the key of the log.
fn retired(scratch: &Scratch) -> Retired {
    let statement = Digest::of(b"statement");
    let mut log = scratch.open().unwrap();
    log.append(&entries(0..3)).unwrap();
    log.append(&[deed_record::lifecycle::event::entry("key-retired", &statement)]).unwrap();
    Retired { key: key().verifier().clone(), statement }
}

#[test]
fn a_checkpoint_by_a_retired_key_counts_where_that_key_was_retired_and_nowhere_else() {
    let scratch = Scratch::new();
    let gone = retired(&scratch);
    let open = |retired: &[Retired]| Log::open_rotated(&scratch.0, ORIGIN, other_key(), retired);
    assert!(matches!(open(&[]), Err(LogError::Untrusted { path: CHECKPOINT, .. })));
    let other = Retired { statement: Digest::of(b"other"), ..gone.clone() };
    assert!(matches!(open(std::slice::from_ref(&other)), Err(LogError::AfterRetirement)));
    // `other` is the statement of an interrupted rotation, which was signed but never logged.
    let mut log = open(&[other, gone.clone()]).unwrap();
    assert_eq!(log.size(), 4);
    let (under_old, key) = (log.checkpoint().unwrap().to_owned(), other_key());
    assert!(verify(&under_old, key.verifier()).is_err());
    let under_new = log.append(&[entry(9)]).unwrap().checkpoint;
    assert_eq!(verify(&under_new, key.verifier()).unwrap().size, 5);
    drop(log);
    // The old checkpoint is refused once the log has grown under the new key.
    fs::write(scratch.path(CHECKPOINT), under_old).unwrap();
    let behind = open(std::slice::from_ref(&gone));
    assert!(matches!(behind, Err(LogError::Rollback { size: 4, head: 5 })), "{behind:?}");
    fs::write(scratch.path(CHECKPOINT), under_new).unwrap();
    assert!(scratch.open().is_err(), "the old key does not open what the new one signed");
    open(&[]).unwrap();
}

#[test]
fn a_retired_key_that_goes_on_signing_does_not_open_the_log() {
    let scratch = Scratch::new();
    let gone = retired(&scratch);
    scratch.open().unwrap().append(&[entry(9)]).unwrap();
    let opened = Log::open_rotated(&scratch.0, ORIGIN, other_key(), &[gone]);
    assert!(matches!(opened, Err(LogError::AfterRetirement)), "{opened:?}");
}

#[test]
fn the_history_is_read_beside_the_host_and_is_what_the_log_keeps() {
    let scratch = Scratch::new();
    let of = || history(&scratch.0, key().verifier(), &[]);
    assert_eq!(of().unwrap(), History::default());
    let mut log = scratch.open().unwrap();
    let leaf = |kind: &str, index: u64| Leaf {
        kind: kind.to_owned(),
        payload: Digest::of(&index.to_le_bytes()),
        index,
    };
    let leaves = [leaf("activated", 1), leaf("key-added", 3), leaf("key-retired", 4)];
    let others = [leaf("receipt", 2), leaf("activatedx", 5)];
    let all = [entry(0), leaves[0].entry(), others[0].entry(), leaves[1].entry()];
    log.append(&all).unwrap();
    log.append(&[leaves[2].entry(), others[1].entry()]).unwrap();
    assert_eq!(log.history(), leaves);
    assert_eq!(of().unwrap(), History { size: 6, leaves: leaves.to_vec() });
    drop(log);
    assert_eq!(scratch.open().unwrap().history(), leaves);
}
