//! Attacks with files that are not regular files, or that other users may read or write.

use std::fs;
use std::path::Path;

use super::bench::{Bench, mode, pin, replace, tool};
use crate::case::{Case, cases};

const PRIVATE: [&str; 4] =
    ["keys/receipt.key", "keys/log.key", "secrets/idp_read", "secrets/idp_write"];

pub(super) fn cases() -> Vec<Case> {
    cases![
        "private-files-that-others-read" => private_files_that_others_read,
        "private-files-that-are-no-files" => private_files_that_are_no_files,
        "private-files-of-another-user" => private_files_of_another_user,
        "private-files-in-an-open-folder" => private_files_in_an_open_folder,
        "files-that-everybody-writes" => files_that_everybody_writes,
        "folders-that-everybody-writes" => folders_that_everybody_writes,
        "folders-that-a-group-writes" => folders_that_a_group_writes,
        "names-that-are-hard-to-see" => names_that_are_hard_to_see,
        "files-that-never-end" => files_that_never_end,
    ]
}

fn private_files_that_others_read() {
    let mut bench = Bench::new();
    for file in PRIVATE {
        for open in [0o640, 0o604, 0o620, 0o602, 0o601, 0o644, 0o666, 0o777] {
            let name = format!("{file} {open:o}");
            bench.refused(&name, |dir| mode(&dir.join(file), open), &[file, "chmod 600"]);
        }
    }
    bench.well();
}

fn private_files_that_are_no_files() {
    let mut bench = Bench::new();
    for file in PRIVATE {
        let folder = |dir: &Path| {
            fs::remove_file(dir.join(file)).unwrap();
            fs::create_dir(dir.join(file)).unwrap();
            mode(&dir.join(file), 0o600);
        };
        bench.refused(&format!("{file} a folder"), folder, &[file, "file"]);
        let pipe = |dir: &Path| {
            fs::remove_file(dir.join(file)).unwrap();
            assert!(tool("mkfifo", &["-m", "600", dir.join(file).to_str().unwrap()]));
        };
        bench.refused(&format!("{file} a pipe"), pipe, &[file, "file"]);
        let device = |dir: &Path| {
            fs::remove_file(dir.join(file)).unwrap();
            std::os::unix::fs::symlink("/dev/zero", dir.join(file)).unwrap();
        };
        bench.refused(&format!("{file} a device"), device, &[file]);
    }
}

fn private_files_of_another_user() {
    let mut bench = Bench::new();
    for file in PRIVATE {
        let path = bench.dir().join(file);
        // Only root can change the owner of a file.
        if !tool("chown", &["65534", path.to_str().unwrap()]) {
            return;
        }
        bench.refused(file, |_| (), &[file, "belongs to user 65534"]);
    }
}

fn private_files_in_an_open_folder() {
    let mut bench = Bench::new();
    for folder in ["keys", "secrets"] {
        for open in [0o720, 0o702, 0o777] {
            let name = format!("{folder} {open:o}");
            let remedy = format!("chmod go-w {folder}");
            bench.refused(&name, |dir| mode(&dir.join(folder), open), &[folder, &remedy]);
        }
    }
}

fn files_that_everybody_writes() {
    let mut bench = Bench::new();
    for file in [
        "deed.toml",
        "contracts/read_user.toml",
        "policies/starter.cedar",
        "adapters/scim.wasm",
        "approvers/bob.pub",
    ] {
        let remedy = format!("chmod o-w {file}");
        bench.refused(file, |dir| mode(&dir.join(file), 0o646), &["every user", &remedy]);
    }
}

fn folders_that_everybody_writes() {
    let mut bench = Bench::new();
    for folder in [".", "contracts", "policies", "adapters", "approvers", "keys", "secrets"] {
        let attack = |dir: &Path| mode(&dir.join(folder), 0o703);
        bench.refused(folder, attack, &["chmod", "-w", folder]);
    }
    bench.well();
}

fn folders_that_a_group_writes() {
    let mut bench = Bench::new();
    for folder in [".", "contracts", "policies", "adapters", "approvers"] {
        let remedy = format!("chmod g-w {folder}");
        bench.warned(folder, |dir| mode(&dir.join(folder), 0o770), &["a group can write", &remedy]);
    }
}

fn names_that_are_hard_to_see() {
    let mut bench = Bench::new();
    for name in [
        ".restore_access.toml",
        "..toml",
        " .toml",
        "restore\u{202e}access.toml",
        "restore\u{1b}[2Jaccess.toml",
        "restore\naccess.toml",
        "rest\u{43e}re_access.toml",
    ] {
        let attack = |dir: &Path| {
            let folder = dir.join("contracts");
            fs::rename(folder.join("restore_access.toml"), folder.join(name)).unwrap();
        };
        bench.refused(name, attack, &["contracts/", "letters, digits"]);
    }
    let poisoned = |dir: &Path| {
        replace(dir, "contracts/restore_access.toml", "title    = \"R", "\"t\\u001b[2Jx\" = \"R");
        pin(dir);
    };
    bench.refused("a field named with an escape", poisoned, &["unknown field `t\\u{1b}[2Jx`"]);
}

fn files_that_never_end() {
    let mut bench = Bench::new();
    for file in [
        "deed.toml",
        "contracts/read_user.toml",
        "policies/starter.cedar",
        "adapters/scim.wasm",
        "approvers/bob.pub",
    ] {
        let pipe = |dir: &Path| {
            fs::remove_file(dir.join(file)).unwrap();
            assert!(tool("mkfifo", &[dir.join(file).to_str().unwrap()]));
        };
        bench.refused(&format!("{file} a pipe"), pipe, &[file, "is not a regular file"]);
        let device = |dir: &Path| {
            fs::remove_file(dir.join(file)).unwrap();
            std::os::unix::fs::symlink("/dev/zero", dir.join(file)).unwrap();
        };
        bench.refused(&format!("{file} a device"), device, &[file]);
    }
    bench.well();
}
