//! Configuration files that are far too large.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::bench::{Bench, mode, replace};
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "text-far-too-large" => text_far_too_large,
        "an-adapter-far-too-large" => an_adapter_far_too_large,
        "private-files-far-too-large" => private_files_far_too_large,
        "contracts-without-end" => contracts_without_end,
    ]
}

/// Extends a file to this many bytes without using disk space.
fn swell(path: &Path, bytes: u64) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(bytes).unwrap();
}

fn text_far_too_large() {
    let mut bench = Bench::new();
    for file in ["deed.toml", "contracts/restore_access.toml", "policies/starter.cedar"] {
        let comments = |dir: &Path| {
            let mut to = OpenOptions::new().append(true).open(dir.join(file)).unwrap();
            to.write_all("# or // nothing to see here\n".repeat(160_000).as_bytes()).unwrap();
        };
        bench.refused(file, comments, &[file, "is longer than"]);
        let sparse = |dir: &Path| swell(&dir.join(file), 1 << 40);
        bench.refused(&format!("{file}, a TiB"), sparse, &[file, "is longer than"]);
    }
    bench.refused(
        "a key",
        |dir| swell(&dir.join("approvers/bob.pub"), 1 << 40),
        &["bob.pub", "is longer than"],
    );
    bench.well();
}

fn an_adapter_far_too_large() {
    let mut bench = Bench::new();
    for bytes in [65 << 20, 1 << 40] {
        let began = Instant::now();
        let attack = |dir: &Path| swell(&dir.join("adapters/scim.wasm"), bytes);
        bench.refused("an adapter", attack, &["adapters/scim.wasm", "is longer than"]);
        assert!(began.elapsed() < Duration::from_mins(2), "it was read to its end");
    }
}

fn private_files_far_too_large() {
    let mut bench = Bench::new();
    for file in ["keys/receipt.key", "secrets/idp_read"] {
        bench.refused(
            file,
            |dir| swell(&dir.join(file), 1 << 40),
            &["longer than", file.split('/').nth(1).unwrap()],
        );
    }
}

fn contracts_without_end() {
    let mut bench = Bench::new();
    let many = |dir: &Path| {
        for n in 0..2_000 {
            fs::write(dir.join(format!("contracts/x{n}.toml")), "").unwrap();
        }
    };
    bench.refused("many", many, &["contracts", "1000"]);
    // The automaton that a regular-expression engine builds from this pattern would fill the memory.
    let bomb = |dir: &Path| {
        let pattern = "pattern = \"^[0-9a-f]{32}$\"";
        replace(
            dir,
            "contracts/restore_access.toml",
            pattern,
            "pattern = \"((.{1000}){1000}){1000}\"",
        );
    };
    bench.refused("a pattern", bomb, &["contracts/restore_access.toml"]);
    mode(&bench.dir().join("deed.toml"), 0o600);
    bench.well();
}
