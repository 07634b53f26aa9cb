//! Attacks on the files that the host writes: the host refuses a state or compile cache that other users may access.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use deed_tests::host;

use super::bench::{Bench, mode, tool};
use crate::case::{Case, cases, unharmed};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "state-by-a-link" => state_by_a_link,
        "state-that-others-enter" => state_that_others_enter,
        "compile-cache-that-others-write" => compile_cache_that_others_write,
        "state-is-private-from-the-start" => state_is_private_from_the_start,
        "state-in-use-by-another-host" => state_in_use_by_another_host,
    ]
}

/// A directory that a host has already served.
fn served() -> Bench {
    let mut bench = Bench::new();
    bench.world.serve().unwrap();
    unharmed(&bench.world);
    assert!(bench.world.host.take().unwrap().stop().unwrap());
    bench.keep();
    bench
}

fn state_by_a_link() {
    let mut bench = served();
    let outside = bench.outside.clone();
    for path in [
        "state",
        "state/cache",
        "state/segments",
        "state/index",
        "state/payloads",
        "state/log",
        "state/log/acme",
    ] {
        let inside = |dir: &Path| {
            fs::rename(dir.join(path), dir.join("moved")).unwrap();
            mode(&dir.join("moved"), 0o700);
            symlink(dir.join("moved"), dir.join(path)).unwrap();
        };
        bench.refused(path, inside, &[path, "is a link"]);
        let out = |dir: &Path| {
            fs::remove_dir_all(dir.join(path)).unwrap();
            symlink(&outside, dir.join(path)).unwrap();
        };
        bench.refused(path, out, &[path, "is a link"]);
        assert!(fs::read_dir(&outside).unwrap().next().is_none(), "{path}: written outside");
    }
    let lock = |dir: &Path| {
        fs::remove_file(dir.join("state/LOCK")).unwrap();
        symlink(outside.join("victim"), dir.join("state/LOCK")).unwrap();
    };
    bench.refused("LOCK", lock, &["state/LOCK", "is a link"]);
    let file = |dir: &Path| {
        fs::remove_dir_all(dir.join("state")).unwrap();
        fs::write(dir.join("state"), "").unwrap();
    };
    bench.refused("a file", file, &["state"]);
    bench.well();
}

fn state_that_others_enter() {
    let mut bench = served();
    for open in [0o755, 0o750, 0o777, 0o710, 0o701] {
        let attack = |dir: &Path| mode(&dir.join("state"), open);
        bench.refused(&format!("{open:o}"), attack, &["state", "chmod 700 state"]);
    }
    if tool("chown", &["65534", bench.dir().join("state").to_str().unwrap()]) {
        bench.refused("another owner", |_| (), &["state", "belongs to user 65534"]);
    }
}

/// The host refuses a compile cache that other users may write to, because the cache contains machine code that the
/// host runs.
fn compile_cache_that_others_write() {
    let mut bench = served();
    for open in [0o777, 0o755, 0o770] {
        let attack = |dir: &Path| mode(&dir.join("state/cache"), open);
        bench.refused(&format!("{open:o}"), attack, &["state/cache", "chmod 700 state/cache"]);
    }
    for open in [0o666, 0o662] {
        let attack = |dir: &Path| {
            let path = dir.join("state/cache/planted");
            fs::write(&path, b"\x7fELF").unwrap();
            mode(&path, open);
        };
        bench.refused(&format!("a file, {open:o}"), attack, &["state/cache/planted", "remove it"]);
    }
}

fn state_is_private_from_the_start() {
    let bench = served();
    for path in ["state", "state/cache"] {
        let mode = fs::metadata(bench.dir().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o700, "{path}");
    }
}

fn state_in_use_by_another_host() {
    let mut bench = Bench::new();
    bench.world.serve().unwrap();
    let second = host::Host::serve(bench.dir()).unwrap_err().to_string();
    assert!(second.contains("the journal cannot be opened"), "{second}");
    unharmed(&bench.world);
}
