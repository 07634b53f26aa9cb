//! Each test changes the files of a stopped host in one way, and the checks must report the file and the position of
//! the change.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::records::{find, last, rewrite, swap};
use super::{Scratch, act, audit, check, clean, copy, finds, leave_some, stop, text, world};

const SEGMENT: &str = "state/segments/00000001.journal";
const LOG: &str = "state/log/acme";

/// A directory with several ended actions and one open action, and copies of this directory to attack.
struct Bench {
    scratch: Scratch,
    good: PathBuf,
    count: u32,
}

impl Bench {
    fn attack(&mut self, change: impl FnOnce(&Path)) -> PathBuf {
        self.count += 1;
        let dir = self.scratch.join(&self.count.to_string());
        copy(&self.good, &dir);
        change(&dir);
        dir
    }

    #[track_caller]
    fn found(&mut self, file: &str, what: &str, change: impl FnOnce(&Path)) {
        let dir = self.attack(change);
        finds(&dir, file, what);
        fs::remove_dir_all(dir).unwrap();
    }
}

/// The files of a folder, without those of its subfolders.
fn files(dir: &Path, folder: &str) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        fs::read_dir(dir.join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.retain(|path| path.is_file());
    all.sort();
    all
}

fn payloads(dir: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(dir.join("state/payloads")).unwrap();
    let mut all: Vec<PathBuf> = folders
        .flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    all.sort();
    all
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Waits until the whole log is in its tiles, because the next start would rebuild the entries that are still in TAIL.
fn settled(dir: &Path) {
    let start = Instant::now();
    while fs::metadata(dir.join(LOG).join("TAIL")).unwrap().len() > 0 {
        assert!(start.elapsed() < Duration::from_mins(1), "the log does not settle");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn bench() -> Bench {
    let (mut world, _hostile) = world();
    act(&world);
    settled(&world.dir);
    let early = world.dir.join("early");
    stop(&mut world);
    fs::create_dir(&early).unwrap();
    copy(&world.dir.join("state"), &early.join("state"));
    world.serve().unwrap();
    act(&world);
    leave_some(&world);
    settled(&world.dir);
    stop(&mut world);
    let (code, said) = audit(&world, &world.dir, "acme", &[]);
    assert_eq!(code, 0, "{said}");
    let scratch = Scratch::new();
    let good = scratch.join("good");
    copy(&world.dir, &good);
    let found = clean(&good);
    assert_eq!((&found["actions"], &found["open"]), (&4.into(), &1.into()), "{found:#}");
    Bench { scratch, good, count: 0 }
}

#[test]
fn every_change_of_what_a_host_wrote_is_found() {
    let mut bench = bench();
    journal(&mut bench);
    documents(&mut bench);
    logs(&mut bench);
    rewritten(&mut bench);
    // The checks have not changed the intact directory.
    clean(&bench.good);
}

fn journal(bench: &mut Bench) {
    let bytes = fs::read(bench.good.join(SEGMENT)).unwrap();
    let size = bytes.len();
    for at in [0, 4, 8, 41, size / 3, size / 2, size * 2 / 3, size - 1] {
        let dir = bench.attack(|dir| flip(&dir.join(SEGMENT), at));
        finds(&dir, SEGMENT, "");
        fs::remove_dir_all(dir).unwrap();
    }
    let cut = |dir: &Path| fs::write(dir.join(SEGMENT), &bytes[..size - 1]).unwrap();
    bench.found(SEGMENT, "HEAD records", cut);
    bench.found("state/segments/HEAD", "is missing", |dir| {
        fs::remove_file(dir.join("state/segments/HEAD")).unwrap();
    });
    bench.found(SEGMENT, "", |dir| fs::remove_file(dir.join(SEGMENT)).unwrap());
    // If the journal is truncated and its HEAD is emptied, the check detects the loss from the log.
    bench.found(LOG, "does not belong to an action", |dir| {
        fs::write(dir.join(SEGMENT), &bytes[..size / 3]).unwrap();
        fs::write(dir.join("state/segments/HEAD"), "").unwrap();
    });
    bench.found("state/index", "does not have", |dir| {
        copy_over(dir, "early/state/segments", "state/segments");
    });
}

/// Replaces one folder of the directory by a copy of another folder.
fn copy_over(dir: &Path, from: &str, to: &str) {
    fs::remove_dir_all(dir.join(to)).unwrap();
    copy(&dir.join(from), &dir.join(to));
}

fn documents(bench: &mut Bench) {
    let all = payloads(&bench.good);
    assert!(all.len() >= 4);
    let mut used = 0;
    for path in &all {
        let name = path.strip_prefix(&bench.good).unwrap().to_owned();
        let at = fs::metadata(path).unwrap().len() / 2;
        let flipped = usize::try_from(at).unwrap();
        bench.found(text(&name), "does not match its", |dir| flip(&dir.join(&name), flipped));
        let dir = bench.attack(|dir| fs::remove_file(dir.join(&name)).unwrap());
        let (code, found) = check(&dir);
        used += u32::from(code == 1);
        assert!(code == 0 || found.to_string().contains("is not stored"), "{found:#}");
    }
    // The check does not require contracts and policies that no action used.
    assert_eq!(used, 2, "the contract and the policy set of these actions");
    for path in files(&bench.good, "state/statements") {
        let name = path.strip_prefix(&bench.good).unwrap().to_owned();
        bench.found(text(&name), "", |dir| flip(&dir.join(&name), 60));
        bench.found("state/log/", "does not belong to an action or statement", |dir| {
            fs::remove_file(dir.join(&name)).unwrap();
        });
    }
}

fn logs(bench: &mut Bench) {
    for name in ["checkpoint", "HEAD"] {
        bench.found(LOG, "", |dir| flip(&dir.join(LOG).join(name), 30));
        bench.found(LOG, "", |dir| fs::remove_file(dir.join(LOG).join(name)).unwrap());
    }
    let tile = |dir: &Path, below: &str| files(dir, &format!("{LOG}/{below}")).pop().unwrap();
    for below in ["tile/0/000.p", "tile/entries/000.p"] {
        bench.found(LOG, "", |dir| flip(&tile(dir, below), 40));
        bench.found(LOG, "", |dir| fs::remove_file(tile(dir, below)).unwrap());
        // One leaf is removed from the tile.
        bench.found(LOG, "", |dir| {
            let (path, bytes) = (tile(dir, below), fs::read(tile(dir, below)).unwrap());
            fs::write(path, &bytes[..bytes.len() - 32]).unwrap();
        });
    }
    // An older log is complete and signed, but the journal records the log index of each action and reveals the
    // rollback.
    bench.found(SEGMENT, "but the log has 4 entries", |dir| {
        copy_over(dir, "early/state/log", "state/log");
    });
    bench.found("state/log/acme", "is missing", |dir| {
        fs::remove_dir_all(dir.join(LOG)).unwrap();
    });
}

/// Changes by an attacker who also recomputes every checksum.
fn rewritten(bench: &mut Bench) {
    let same = bench.attack(|dir| rewrite(dir, |_| ()));
    clean(&same);
    let swapped = |words: &'static str, from: &'static str, to: &'static str| {
        move |dir: &Path| {
            rewrite(dir, |bodies| {
                let at = last(bodies, words);
                swap(&mut bodies[at], from, to);
            });
        }
    };
    let verified = "\"status\":\"verified\"";
    let status = swapped(verified, verified, "\"status\":\"mismatch\"");
    bench.found(SEGMENT, "does not match its events", status);
    let outcome = "\"outcome\":\"verified\"";
    let judged = "\"judged\":{\"judgement\":{\"outcome\":\"verified\"";
    let judged = swapped(judged, outcome, "\"outcome\":\"mismatch\"");
    bench.found(SEGMENT, "its receipt and its events have different outcomes", judged);
    for (event, what) in [
        ("\"sealed\":", "its receipt is not signed by a key of this host"),
        ("\"attempt_started\":", "its decision is not signed by a key of this host"),
        (
            "\"event\":{\"answered\":",
            "its approval is not signed by a person who was allowed to sign it",
        ),
    ] {
        let forged = |dir: &Path| {
            rewrite(dir, |bodies| {
                let at = last(bodies, event);
                let sig = find(&bodies[at], "\"sig\":\"").unwrap() + 7;
                bodies[at][sig] = if bodies[at][sig] == b'A' { b'B' } else { b'A' };
            });
        };
        bench.found(SEGMENT, what, forged);
    }
    let moved = |dir: &Path| {
        rewrite(dir, |bodies| {
            let at = last(bodies, "\"logged\":");
            let digit = find(&bodies[at], "\"index\":").unwrap() + 8;
            bodies[at][digit] = if bodies[at][digit] == b'1' { b'2' } else { b'1' };
        });
    };
    bench.found(SEGMENT, "the entry at", moved);
    for event in ["\"sealed\":", "\"judged\":", "\"cleared\":"] {
        let dropped = |dir: &Path| {
            rewrite(dir, |bodies| {
                let at = last(bodies, event);
                bodies.remove(at);
            });
        };
        bench.found(SEGMENT, "cannot follow status", dropped);
    }
}

#[test]
fn what_cannot_be_checked_is_no_finding_and_not_clean() {
    let (mut world, _hostile) = world();
    act(&world);
    let (code, said) = check(&world.dir);
    assert_eq!(code, 2, "{said}");
    assert!(said.to_string().contains("in use by another process"), "{said}");
    stop(&mut world);
    clean(&world.dir);
    for (change, words) in [
        (
            Box::new(|dir: &Path| fs::write(dir.join("state/VERSION"), "deed state 9\n").unwrap())
                as Box<dyn Fn(&Path)>,
            "has version 9",
        ),
        (Box::new(|dir: &Path| fs::remove_dir_all(dir.join("keys")).unwrap()), "receipt.pub"),
        (
            Box::new(|dir: &Path| fs::remove_dir_all(dir.join("state")).unwrap()),
            "no journal in state/",
        ),
        (Box::new(|dir: &Path| fs::remove_file(dir.join("deed.toml")).unwrap()), "deed.toml"),
    ] {
        let scratch = Scratch::new();
        let dir = scratch.join("dir");
        copy(&world.dir, &dir);
        change(&dir);
        let (code, said) = check(&dir);
        assert_eq!(code, 2, "{said}");
        assert!(said.to_string().contains(words), "{said}");
    }
}

/// The check reports unexpected names and files immediately, without reading them, because reading them could take
/// forever.
#[test]
fn what_no_host_makes_is_told_and_not_read() {
    let mut bench = bench();
    let far = "state/segments/18446744073709551615.journal";
    bench.found("state/segments/00000002.journal", "and so are the", |dir| {
        fs::write(dir.join(far), "").unwrap();
    });
    bench.found("state/segments/00000002.journal", "it is not a segment", |dir| {
        let file = fs::File::create(dir.join("state/segments/00000002.journal")).unwrap();
        file.set_len(1 << 36).unwrap();
    });
    for name in ["segments/00000002.journal", "index/more", "payloads/00", "log/acme/TAIL"] {
        let dir = bench.attack(|dir| {
            let path = dir.join("state").join(name);
            fs::remove_file(&path).ok();
            let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
            assert!(made.success());
        });
        let (code, said) = check(&dir);
        assert!(
            code == 2 && said.to_string().contains("neither a file nor a folder"),
            "{name}: {said}"
        );
        fs::remove_dir_all(dir).unwrap();
    }
}
