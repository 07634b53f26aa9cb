//! Attacks through the token files of agents.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::symlink;
use std::path::Path;

use deed_tests::tokens::{file, path, plant};
use deed_tests::world::BOB;

use super::bench::{Bench, mode, tool};
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "token-files-by-a-link" => by_a_link,
        "token-files-that-others-read" => that_others_read,
        "token-files-that-are-no-files" => that_are_no_files,
        "token-files-far-too-large" => far_too_large,
        "token-files-without-end" => without_end,
        "token-files-of-another-tenant" => of_another_tenant,
    ]
}

const TOKEN: &str = "deed_a-token-that-an-attacker-knows";
const ID: &str = "t_0000000000";
const PLACE: &str = "tokens/t_0000000000.toml";

/// A valid token file, which the host accepts.
fn good(dir: &Path) {
    plant(dir, ID, &file("acme", "helpdesk", TOKEN)).unwrap();
}

fn by_a_link() {
    let mut bench = Bench::new();
    bench.taken("a token file", good, "");
    let outside = bench.outside.clone();
    plant(&outside, ID, &file("acme", "helpdesk", TOKEN)).unwrap();
    let linked = |dir: &Path| {
        fs::create_dir(dir.join("tokens")).unwrap();
        mode(&dir.join("tokens"), 0o700);
        symlink(path(&outside, ID), path(dir, ID)).unwrap();
    };
    bench.refused("a file", linked, &[PLACE, "leads out of the served directory"]);
    let folder = |dir: &Path| symlink(outside.join("tokens"), dir.join("tokens")).unwrap();
    bench.refused("the folder", folder, &["tokens: ", "leads out of the served directory"]);
    let through = |dir: &Path| {
        good(dir);
        fs::rename(dir.join("tokens"), dir.join("open")).unwrap();
        mode(&dir.join("open"), 0o707);
        symlink("open", dir.join("tokens")).unwrap();
    };
    bench.refused("through an open folder", through, &[PLACE, "open", "chmod"]);
    // The commands that write tokens follow no link at all.
    let inside = |dir: &Path| {
        fs::create_dir(dir.join("there")).unwrap();
        symlink("there", dir.join("tokens")).unwrap();
    };
    inside(bench.dir());
    for args in [&["add", bench.world.path(), "helpdesk"][..], &["revoke", bench.world.path(), ID]]
    {
        let output = deed_tests::host::run(&[&["token"][..], args].concat(), "").unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("`tokens` is a link"), "{said}");
    }
    assert_eq!(fs::read_dir(bench.dir().join("there")).unwrap().count(), 0);
}

fn that_others_read() {
    let mut bench = Bench::new();
    for open in [0o640, 0o604, 0o620, 0o602, 0o644, 0o666] {
        let attack = |dir: &Path| {
            good(dir);
            mode(&path(dir, ID), open);
        };
        bench.refused(&format!("{open:o}"), attack, &[PLACE, "chmod 600"]);
    }
    for open in [0o720, 0o702, 0o777] {
        let attack = |dir: &Path| {
            good(dir);
            mode(&dir.join("tokens"), open);
        };
        bench.refused(&format!("folder {open:o}"), attack, &[PLACE, "`tokens`", "chmod"]);
    }
    bench.well();
}

fn that_are_no_files() {
    let mut bench = Bench::new();
    let folder = |dir: &Path| fs::create_dir_all(path(dir, ID)).unwrap();
    bench.refused("a folder", folder, &[PLACE]);
    let pipe = |dir: &Path| {
        good(dir);
        fs::remove_file(path(dir, ID)).unwrap();
        assert!(tool("mkfifo", &["-m", "600", path(dir, ID).to_str().unwrap()]));
    };
    bench.refused("a pipe", pipe, &[PLACE, "file"]);
    let no_folder = |dir: &Path| fs::write(dir.join("tokens"), "").unwrap();
    bench.refused("no folder", no_folder, &["tokens: "]);
    let hidden = "t_0000000000.toml\u{202e}";
    let named = |dir: &Path| {
        good(dir);
        fs::rename(path(dir, ID), dir.join("tokens").join(hidden)).unwrap();
    };
    bench.refused("a name", named, &["tokens/", "this is not a file of `deed token add`"]);
    bench.well();
}

fn far_too_large() {
    let mut bench = Bench::new();
    for bytes in [(4 << 10) + 1, 1 << 40] {
        let swollen = |dir: &Path| {
            good(dir);
            let file = OpenOptions::new().write(true).open(path(dir, ID)).unwrap();
            file.set_len(bytes).unwrap();
        };
        bench.refused(&format!("{bytes} bytes"), swollen, &[PLACE, "is longer than 4096 bytes"]);
    }
    bench.well();
}

fn without_end() {
    let mut bench = Bench::new();
    let many = |dir: &Path| {
        good(dir);
        for n in 0..10_000 {
            fs::write(dir.join(format!("tokens/t_{n:010}.toml")), "").unwrap();
        }
    };
    bench.refused("many", many, &["tokens: ", "1000"]);
    bench.well();
}

/// A person who can write one file cannot make an agent of one tenant act in another one.
fn of_another_tenant() {
    let mut bench = Bench::new();
    for (tenant, agent, fragment) in [
        ("globex", "helpdesk", "tenant `globex` has no agent `helpdesk`"),
        ("acme", "desk", "tenant `acme` has no agent `desk`"),
        ("acme", "bob", "tenant `acme` has no agent `bob`"),
        ("../acme", "helpdesk", "no tenant `../acme`"),
        ("", "helpdesk", "no tenant ``"),
    ] {
        let attack = |dir: &Path| plant(dir, ID, &file(tenant, agent, TOKEN)).unwrap();
        bench.refused(&format!("{tenant}/{agent}"), attack, &[PLACE, fragment]);
    }
    let persons = |dir: &Path| plant(dir, ID, &file("globex", "desk", BOB)).unwrap();
    bench.refused("a person's token", persons, &[PLACE, "the token of `bob`", "`deed token add`"]);
    bench.well();
}
