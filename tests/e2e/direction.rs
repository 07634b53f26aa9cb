//! Imports run one way: `ports ← stages, notify ← pipeline ← http ← cli`. Cargo enforces it between crates.

use std::fs;
use std::path::Path;

use deed_tests::services::workspace;

const PORTS: [&str; 10] = [
    "clock",
    "config",
    "crowd",
    "failpoint",
    "files",
    "journal",
    "keys",
    "statements",
    "upstream",
    "vault",
];
const STAGES: [&str; 11] = [
    "activation",
    "contract",
    "policy",
    "observe",
    "approval",
    "grant",
    "sandbox",
    "reconcile",
    "receipt",
    "resolution",
    "log",
];

/// What a top-level module of the host may import.
fn allowed(module: &str) -> Vec<&'static str> {
    match module {
        // Configuration makes runtime upstreams and secrets out of tables.
        "config" => vec!["files", "upstream", "vault"],
        // What is private is read in one place.
        "keys" | "vault" => vec!["files"],
        "upstream" => vec!["vault"],
        "journal" => vec!["crowd", "failpoint"],
        "statements" => vec!["failpoint"],
        "clock" | "crowd" | "failpoint" | "files" => vec![],
        // `observe` and `grant` are two halves of one door: the grant is the sandbox's ticket.
        "observe" => [&PORTS[..], &["grant", "sandbox"]].concat(),
        "sandbox" => [&PORTS[..], &["grant"]].concat(),
        // Runs a look again and makes of it what `observe` would; nothing that serves may import it.
        "replay" => vec!["grant", "observe", "sandbox"],
        stage if STAGES.contains(&stage) => PORTS.to_vec(),
        "notify" => vec!["config", "upstream", "vault"],
        "pipeline" => [&PORTS[..], &STAGES[..], &["notify"]].concat(),
        "http" => [&PORTS[..], &["pipeline", "contract", "approval", "log"]].concat(),
        "cli" => [&PORTS[..], &["http", "pipeline", "replay", "sandbox"]].concat(),
        _ => vec![],
    }
}

#[test]
fn modules_import_only_what_they_may() {
    let src = workspace().join("host/runtime/src");
    let mut seen = 0;
    visit(&src, &mut |path, text| {
        let relative = path.strip_prefix(&src).unwrap();
        let first = relative.components().next().unwrap().as_os_str().to_string_lossy();
        let module = first.trim_end_matches(".rs").to_owned();
        if module == "lib" || module == "main" {
            return;
        }
        for import in imports(text) {
            seen += 1;
            let fine = import == module || allowed(&module).contains(&import.as_str());
            assert!(fine, "{}: `{module}` may not import `{import}`", relative.display());
        }
    });
    assert!(seen > 50, "only {seen} imports were found: the reader is broken");
}

/// Every module named after `crate::`, in imports and in paths, braces included.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for piece in text.split("crate::").skip(1) {
        let names = match piece.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or_default(),
            None => piece,
        };
        for name in names.split(',').take(if piece.starts_with('{') { usize::MAX } else { 1 }) {
            let name: String =
                name.trim().chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            if !name.is_empty() {
                found.push(name);
            }
        }
    }
    found
}

fn visit(dir: &Path, each: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            visit(&path, each);
        } else if path.extension().is_some_and(|e| e == "rs") {
            each(&path, &fs::read_to_string(&path).unwrap());
        }
    }
}

/// What answers out of a record is made by the replay of a bundle and nothing else: no host that serves
/// an action can come to it.
#[test]
fn only_a_replay_takes_the_recorded_road() {
    let src = workspace().join("host/runtime/src");
    let mut seen = Vec::new();
    visit(&src, &mut |path, text| {
        let name = path.strip_prefix(&src).unwrap().to_string_lossy().into_owned();
        for word in ["ReplayGrant", "grant::replay", "Road::record", "Road::Record"] {
            if text.contains(word) && !name.ends_with("tests.rs") {
                seen.push(format!("{name} {word}"));
            }
        }
    });
    seen.sort();
    let known = [
        "grant.rs ReplayGrant",
        "replay.rs grant::replay",
        "sandbox.rs ReplayGrant",
        "sandbox.rs Road::record",
        "sandbox/egress.rs Road::Record",
    ];
    assert_eq!(seen, known);
}

#[test]
fn the_pure_crate_has_no_clock_no_files_and_no_sockets() {
    visit(&workspace().join("host/record/src"), &mut |path, text| {
        for word in
            ["std::fs", "std::net", "std::time", "std::env", "std::process", "tokio", "async fn"]
        {
            assert!(!text.contains(word), "{} uses `{word}`", path.display());
        }
    });
}
