//! Tests snapshots of a log that is being written. A snapshot does not change when the log grows, and a copy made from
//! it is a complete log.

use std::sync::atomic::{AtomicBool, Ordering as Order};

use super::*;

/// Copies a snapshot to a new directory, and opens the copy as a log.
fn reopened(snapshot: &Snapshot) -> (Scratch, Log) {
    let other = Scratch::new();
    let put = |file: &deed_spec::tlog::Resource| -> Result<(), LogError> {
        let path = other.path(&file.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        assert!(!path.exists(), "{} twice", file.path);
        fs::write(path, &file.bytes).unwrap();
        Ok(())
    };
    snapshot.copy(&mut { put }).unwrap();
    let log = other.open().unwrap();
    (other, log)
}

#[test]
fn a_snapshot_is_a_log_of_its_own_at_every_size() {
    let scratch = Scratch::new();
    assert!(snapshot(&scratch.0, key().verifier(), &[]).unwrap().is_none());
    let mut log = scratch.open().unwrap();
    let mut size = 0;
    for (n, batch) in [1, 2, 252, 1, 1, 400, 300].into_iter().enumerate() {
        // In turn, the new entries are settled, are only in `TAIL`, or are only in `TAIL` after earlier entries were
        // spread to tiles.
        let new = entries(size..size + batch);
        match n % 3 {
            0 => drop(log.append(&new).unwrap()),
            1 => drop(log.enter(&new).unwrap()),
            _ => {
                log.spread().unwrap();
                log.enter(&new).unwrap();
            }
        }
        size += batch;
        let caught = snapshot(&scratch.0, key().verifier(), &[]).unwrap().unwrap();
        assert_eq!(caught.size(), size);
        let mut seen = 0;
        caught
            .walk(&mut |bytes, edge| {
                assert_eq!(bytes, entry(seen));
                seen += 1;
                assert_eq!(edge.size(), seen);
            })
            .unwrap();
        assert_eq!(seen, size);
        check_all(&reopened(&caught).1, size);
        // Later entries are not in the snapshot.
        log.append(&entries(size..size + 260)).unwrap();
        size += 260;
        check_all(&reopened(&caught).1, size - 260);
    }
}

#[test]
fn a_snapshot_can_be_caught_at_any_time() {
    let scratch = Scratch::new();
    let mut log = scratch.open().unwrap();
    log.append(&entries(0..1)).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 1..300 {
                log.enter(&entries(n..n + 1)).unwrap();
                if n % 3 == 0 {
                    log.spread().unwrap();
                }
                if n % 7 == 0 {
                    log.settle().unwrap();
                }
            }
            done.store(true, Order::Relaxed);
        });
        let mut last = 0;
        while !done.load(Order::Relaxed) {
            let caught = snapshot(&scratch.0, key().verifier(), &[]).unwrap().unwrap();
            assert!(caught.size() >= last, "a log never shrinks");
            last = caught.size();
            check_all(&reopened(&caught).1, last);
        }
    });
    assert_eq!(log.size(), 300);
}

#[test]
fn a_log_that_does_not_hold_gives_no_copy() {
    let scratch = Scratch::new();
    let mut log = scratch.open().unwrap();
    log.append(&entries(0..300)).unwrap();
    drop(log);
    let spoil = |path: &str| {
        let file = scratch.path(path);
        let good = fs::read(&file).unwrap();
        let mut bad = good.clone();
        bad[40] ^= 1;
        fs::write(&file, bad).unwrap();
        let caught = snapshot(&scratch.0, key().verifier(), &[]);
        let walked = caught.map(|caught| caught.unwrap().walk(&mut |_, _| {}));
        assert!(!matches!(walked, Ok(Ok(()))), "{path}");
        fs::write(&file, good).unwrap();
    };
    for path in ["checkpoint", "HEAD", "tile/entries/000", "tile/0/000", "tile/entries/001.p/44"] {
        spoil(path);
    }
    let caught = snapshot(&scratch.0, key().verifier(), &[]).unwrap().unwrap();
    caught.walk(&mut |_, _| {}).unwrap();
}
