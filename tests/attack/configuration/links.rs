//! Links and paths that lead out of the served directory, for every file that the host reads there.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use deed_tests::host;

use super::bench::{Bench, mode, replace};
use crate::case::{Case, cases};

/// Every file and folder that the host reads.
const READ: [&str; 12] = [
    "deed.toml",
    "contracts",
    "contracts/restore_access.toml",
    "policies",
    "policies/starter.cedar",
    "adapters",
    "adapters/scim.wasm",
    "approvers",
    "approvers/bob.pub",
    "secrets/idp_read",
    "keys",
    "keys/receipt.key",
];

pub(super) fn cases() -> Vec<Case> {
    cases![
        "links-out-of-the-directory" => links_out_of_the_directory,
        "links-inside-the-directory" => links_inside_the_directory,
        "links-through-an-open-folder" => links_through_an_open_folder,
        "tls-roots-by-a-link" => tls_roots_by_a_link,
        "paths-out-of-the-directory" => paths_out_of_the_directory,
        "pin-through-a-link" => pin_through_a_link,
        "secret-set-through-a-link" => secret_set_through_a_link,
    ]
}

/// Moves the entry at `path` out of the directory and leaves a link to it.
fn move_out(dir: &Path, outside: &Path, path: &str) {
    let target = outside.join(path.replace('/', "-"));
    fs::remove_dir_all(&target).or_else(|_| fs::remove_file(&target)).unwrap_or_default();
    let moved = std::process::Command::new("mv").arg(dir.join(path)).arg(&target).status();
    assert!(moved.unwrap().success());
    symlink(&target, dir.join(path)).unwrap();
}

fn links_out_of_the_directory() {
    let mut bench = Bench::new();
    let outside = bench.outside.clone();
    for path in READ.into_iter().chain(["secrets"]) {
        let fragments = ["leads out of the served directory"];
        bench.refused(path, |dir| move_out(dir, &outside, path), &fragments);
    }
    // A relative link that leads out of the directory through a second link.
    let relative = |dir: &Path| {
        move_out(dir, &outside, "keys/log.key");
        let target = Path::new("../..").join(outside.file_name().unwrap()).join("keys-log.key");
        symlink(target, dir.join("keys/second")).unwrap();
        fs::remove_file(dir.join("keys/log.key")).unwrap();
        symlink("second", dir.join("keys/log.key")).unwrap();
    };
    bench.refused("a link to a link", relative, &["keys/log.key", "leads out of"]);
    bench.well();
}

/// Links that stay inside the served directory are accepted, because folders of secrets that an orchestrator mounts
/// contain such links.
fn links_inside_the_directory() {
    let mut bench = Bench::new();
    for path in READ.into_iter().filter(|path| path.contains('/')) {
        let change = |dir: &Path| {
            let (folder, file) = path.split_once('/').unwrap();
            fs::rename(dir.join(path), dir.join(folder).join("..data")).unwrap();
            symlink("..data", dir.join(folder).join(file)).unwrap();
        };
        bench.taken(path, change, "");
    }
}

/// A link through a folder that other users may write to is refused, because these users can redirect the link.
fn links_through_an_open_folder() {
    let mut bench = Bench::new();
    for path in READ.into_iter().filter(|path| path.contains('/')) {
        let attack = |dir: &Path| {
            fs::create_dir(dir.join("open")).unwrap();
            fs::rename(dir.join(path), dir.join("open/there")).unwrap();
            symlink("../open/there", dir.join(path)).unwrap();
            mode(&dir.join("open"), 0o703);
        };
        bench.refused(path, attack, &["open", "chmod", "-w open"]);
        // The file is outside the open folder, but its path leads through a link in this folder.
        let by_way = |dir: &Path| {
            fs::create_dir(dir.join("open")).unwrap();
            let hidden = dir.join(path).with_file_name("..data");
            fs::rename(dir.join(path), &hidden).unwrap();
            symlink(Path::new("..").join(hidden.strip_prefix(dir).unwrap()), dir.join("open/on"))
                .unwrap();
            symlink("../open/on", dir.join(path)).unwrap();
            mode(&dir.join("open"), 0o703);
        };
        bench.refused(&format!("{path} by way of it"), by_way, &["open", "chmod", "-w open"]);
    }
    bench.well();
}

fn tls_roots_by_a_link() {
    let mut bench = Bench::new();
    let outside = bench.outside.clone();
    let https = |dir: &Path| {
        let base = bench_base(dir);
        let tls = base.replace("http:", "https:");
        replace(dir, "deed.toml", &base, &format!("{tls}\ntls_roots = \"tls/ca.pem\""));
        fs::create_dir(dir.join("tls")).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let ca = rcgen::CertificateParams::new(vec!["ca".to_owned()]).unwrap();
        let der = data_encoding::BASE64.encode(ca.self_signed(&key).unwrap().der());
        let pem = format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n");
        fs::write(dir.join("tls/ca.pem"), pem).unwrap();
    };
    bench.taken("its own file", https, "");
    let linked = |dir: &Path| {
        https(dir);
        move_out(dir, &outside, "tls/ca.pem");
    };
    bench.refused("a link", linked, &["tls/ca.pem", "leads out of the served directory"]);
}

/// The first line with the base URL of an upstream in `deed.toml`.
fn bench_base(dir: &Path) -> String {
    let text = fs::read_to_string(dir.join("deed.toml")).unwrap();
    text.lines().find(|line| line.starts_with("base_url")).unwrap().to_owned()
}

fn paths_out_of_the_directory() {
    let mut bench = Bench::new();
    let places = [
        ("policies = [\"policies/starter.cedar\"]", "policies = [\"@\"]"),
        ("file = \"secrets/idp_read\"", "file = \"@\""),
        ("keys = [\"approvers/bob.pub\"]", "keys = [\"@\"]"),
    ];
    for (from, to) in places {
        for path in ["../x", "/etc/passwd", "", ".", "a/../../x", "./../x", "/", "contracts/.."] {
            let attack = |dir: &Path| replace(dir, "deed.toml", from, &to.replace('@', path));
            let fragments = ["deed.toml:", "leaves the served directory; use a relative path"];
            bench.refused(&format!("{to} {path}"), attack, &fragments);
        }
    }
}

/// A link must not make `deed pin`, which writes files, write outside the served directory.
fn pin_through_a_link() {
    let bench = Bench::new();
    move_out(bench.dir(), &bench.outside, "deed.toml");
    let target = bench.outside.join("deed.toml");
    let before = fs::read(&target).unwrap();
    replace(&bench.world.dir, "contracts/read_user.toml", "1.0.0", "1.0.1");
    let output = host::run(&["pin", bench.world.path()], "").unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("leads out of the served directory"), "{said}");
    assert_eq!(fs::read(&target).unwrap(), before, "it was written to");
}

fn secret_set_through_a_link() {
    let bench = Bench::new();
    move_out(bench.dir(), &bench.outside, "secrets");
    let value = "a-secret-that-must-not-be-written-elsewhere";
    let output = host::run(&["secret", "set", bench.world.path(), "idp_read"], value).unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let written = fs::read_to_string(bench.outside.join("secrets/idp_read")).unwrap();
    assert!(!written.contains(value), "it was written outside");
}
