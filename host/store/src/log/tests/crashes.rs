//! Tests that a crash after `TAIL` is written and before the tiles are on disk loses no acknowledged entry.

use super::*;

/// Simulates a power failure that keeps only synced data: the tiles and the checkpoint of the entries in `TAIL` are
/// missing, empty or older.
fn unwritten(scratch: &Scratch, settled: &[(PathBuf, Vec<u8>)], cut: bool) {
    for entry in files(&scratch.0.join("tile")).into_iter().chain([scratch.path(CHECKPOINT)]) {
        match settled.iter().find(|(path, _)| *path == entry) {
            Some((path, bytes)) => fs::write(path, bytes).unwrap(),
            None if cut => fs::write(&entry, b"").unwrap(),
            None => fs::remove_file(&entry).unwrap(),
        }
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn contents(scratch: &Scratch) -> Vec<(PathBuf, Vec<u8>)> {
    let all = files(&scratch.0.join("tile")).into_iter().chain([scratch.path(CHECKPOINT)]);
    all.filter_map(|path| Some((path.clone(), fs::read(path).ok()?))).collect()
}

#[test]
fn what_was_entered_is_there_whatever_became_of_its_tiles() {
    for (settled, more, cut) in
        [(0, 1, false), (3, 2, true), (250, 10, false), (256, 300, true), (255, 1, true)]
    {
        let scratch = Scratch::new();
        let mut log = scratch.open().unwrap();
        if settled > 0 {
            log.append(&entries(0..settled)).unwrap();
        }
        let before = contents(&scratch);
        let mut size = settled;
        for batch in [1, more] {
            let published = log.enter(&entries(size..size + batch)).unwrap();
            size += batch;
            assert_eq!(published.size, size);
        }
        check_all(&log, size);
        log.spread().unwrap();
        check_all(&log, size);
        let note = log.checkpoint().unwrap().to_owned();
        drop(log);
        unwritten(&scratch, &before, cut);
        let log = scratch.open().unwrap();
        assert_eq!(log.checkpoint(), Some(note.as_str()));
        check_all(&log, size);
        drop(log);
        assert_eq!(fs::read(scratch.path(TAIL)).unwrap(), b"", "it settled");
        check_all(&scratch.open().unwrap(), size);
    }
}

/// Signature lines that witnesses added to the published checkpoint are kept if the checkpoint has the same tree.
#[test]
fn a_published_checkpoint_with_more_signatures_stays() {
    let scratch = Scratch::new();
    let mut log = scratch.open().unwrap();
    log.enter(&entries(0..2)).unwrap();
    log.spread().unwrap();
    let witness = LogKey::new("witness.example", SigningKey::from_bytes(&[6; 32])).unwrap();
    let tree = deed_spec::note::Checkpoint {
        origin: "witness.example".into(),
        ..verify(log.checkpoint().unwrap(), key().verifier()).unwrap()
    };
    let line = sign(&tree, &witness).unwrap().lines().last().unwrap().to_owned();
    let cosigned = format!("{}{line}\n", log.checkpoint().unwrap());
    drop(log);
    fs::write(scratch.path(CHECKPOINT), &cosigned).unwrap();
    let mut log = scratch.open().unwrap();
    assert_eq!(log.checkpoint(), Some(cosigned.as_str()));
    log.enter(&entries(2..3)).unwrap();
    let newer = log.checkpoint().unwrap().to_owned();
    drop(log);
    assert_eq!(scratch.open().unwrap().checkpoint(), Some(newer.as_str()));
}

#[test]
fn the_guard_follows_when_the_log_settles() {
    let scratch = Scratch::new();
    let mut log = scratch.open().unwrap();
    log.enter(&entries(0..2)).unwrap();
    assert!(fs::read_to_string(scratch.path(HEAD)).unwrap().contains("\n0\n"));
    assert!(!scratch.path(CHECKPOINT).exists(), "nothing is public before it is spread");
    log.settle().unwrap();
    assert!(fs::read_to_string(scratch.path(HEAD)).unwrap().contains("\n2\n"));
    assert_eq!(log.unsettled(), 0);
    check_all(&log, 2);
}

#[test]
fn a_tail_that_had_settled_already_is_passed_over() {
    let scratch = Scratch::new();
    let mut log = scratch.open().unwrap();
    log.enter(&entries(0..5)).unwrap();
    let tail = fs::read(scratch.path(TAIL)).unwrap();
    log.settle().unwrap();
    log.append(&entries(5..7)).unwrap();
    drop(log);
    fs::write(scratch.path(TAIL), tail).unwrap();
    check_all(&scratch.open().unwrap(), 7);
}

#[test]
fn a_torn_end_is_cut_and_anything_else_is_damage() {
    let scratch = Scratch::new();
    let mut log = scratch.open().unwrap();
    log.append(&entries(0..2)).unwrap();
    log.enter(&entries(2..4)).unwrap();
    let first = fs::read(scratch.path(TAIL)).unwrap().len();
    log.enter(&entries(4..5)).unwrap();
    drop(log);
    let whole = fs::read(scratch.path(TAIL)).unwrap();
    let settled = contents(&scratch);
    let head = fs::read(scratch.path(HEAD)).unwrap();
    let with = |bytes: &[u8]| {
        fs::write(scratch.path(TAIL), bytes).unwrap();
        fs::write(scratch.path(HEAD), &head).unwrap();
        for file in files(&scratch.0.join("tile")) {
            fs::remove_file(file).unwrap();
        }
        for (path, bytes) in &settled {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        scratch.open()
    };
    check_all(&with(&whole).unwrap(), 5);
    for end in first..whole.len() {
        check_all(&with(&whole[..end]).unwrap(), 4);
    }
    for at in 0..first {
        let mut bent = whole.clone();
        bent[at] ^= 1;
        assert!(matches!(with(&bent), Err(LogError::Damaged { .. })), "byte {at}");
    }
    let other = Scratch::new();
    let mut foreign = Log::open(&other.0, ORIGIN, key()).unwrap();
    foreign.enter(&entries(7..9)).unwrap();
    foreign.enter(&entries(2..4)).unwrap();
    let foreign = fs::read(other.path(TAIL)).unwrap();
    assert!(matches!(with(&foreign), Err(LogError::Damaged { .. })), "of another tree");
}

#[test]
fn a_checkpoint_that_is_newer_than_the_tail_is_a_rollback() {
    let scratch = Scratch::new();
    let mut log = scratch.open().unwrap();
    log.append(&entries(0..2)).unwrap();
    log.enter(&entries(2..3)).unwrap();
    let tail = fs::read(scratch.path(TAIL)).unwrap();
    log.enter(&entries(3..6)).unwrap();
    log.spread().unwrap();
    drop(log);
    fs::write(scratch.path(TAIL), tail).unwrap();
    assert!(matches!(scratch.open(), Err(LogError::Rollback { size: 3, head: 6 })));
}

/// Settled files must not be rewritten, because a crash during a rewrite without a sync could lose data that was
/// already on disk.
#[test]
fn what_has_settled_is_never_written_again() {
    use std::os::unix::fs::MetadataExt;
    let scratch = Scratch::new();
    let mut log = scratch.open().unwrap();
    log.enter(&entries(0..3)).unwrap();
    let tail = fs::read(scratch.path(TAIL)).unwrap();
    log.settle().unwrap();
    let inodes = || -> Vec<_> {
        let all = contents(&scratch).into_iter().map(|(path, _)| path);
        all.map(|path| (fs::metadata(&path).unwrap().ino(), path)).collect()
    };
    let settled = inodes();
    // `spread` is called again, as for a request whose entries are already in the log.
    log.spread().unwrap();
    assert_eq!(inodes(), settled, "shown again");
    drop(log);
    // Restoring `TAIL` simulates a crash in which its truncation was lost.
    fs::write(scratch.path(TAIL), tail).unwrap();
    check_all(&scratch.open().unwrap(), 3);
    assert_eq!(inodes(), settled, "opened again");
    assert_eq!(fs::read(scratch.path(TAIL)).unwrap(), b"");
}

/// A log without `HEAD` is not created again, because acknowledged entries may be only in `TAIL`, and a new log in the
/// same directory would be a fork.
#[test]
fn a_tail_without_its_guard_begins_no_new_log() {
    let scratch = Scratch::new();
    let mut log = scratch.open().unwrap();
    log.enter(&entries(0..2)).unwrap();
    drop(log);
    fs::remove_file(scratch.path(HEAD)).unwrap();
    assert!(matches!(scratch.open(), Err(LogError::NoHead { .. })));
}
