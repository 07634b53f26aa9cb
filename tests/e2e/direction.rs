//! Tests that imports between modules and crates go in one direction only. Cargo forbids import cycles between crates.
//! These tests enforce the order of the modules in `host/runtime`, and check that the pure crates use no files, clocks,
//! sockets or threads. The tests parse the sources, so that they find a path in whatever way it is written.

mod circles;
mod crates;
mod examples;
mod manifests;
mod paths;
mod pure;
mod tokens;

use std::fs;
use std::path::Path;

use deed_tests::services::workspace;

use self::paths::{Module, imports};

/// The modules of the host, in order; each module may import only the modules before it.
const ORDER: [&str; 13] = [
    "config",
    "stage",
    "capacity",
    "engine",
    "maintenance",
    "process",
    "oauth",
    "api",
    "shown",
    "http",
    "console",
    "mcp",
    "cli",
];

/// Returns the imports of one file that the rules forbid.
fn faults(module: &Module, source: &str) -> Vec<String> {
    let found = match imports(module, source) {
        Ok(found) => found,
        Err(why) => return vec![why],
    };
    let mut faults = [found.faults, found.hidden].concat();
    faults.extend(found.outer.iter().filter_map(|path| crates::fault(module, path)));
    let place = |name: &str| ORDER.iter().position(|one| *one == name);
    let Some(own) = module.0.first() else {
        return faults;
    };
    let Some(here) = place(own) else {
        return vec![format!("`{own}` has no place in the order")];
    };
    for path in found.inner {
        let Some(first) = path.first() else { continue };
        match place(first) {
            None => faults.push(format!("`{first}` has no place in the order")),
            Some(there) if there > here => faults.push(format!("`{own}` may not import `{first}`")),
            Some(_) => {}
        }
        // No stage of an action calls another stage.
        let stage = |path: &[String]| (path.first()? == "stage").then(|| path.get(1).cloned())?;
        if let (Some(this), Some(other)) = (stage(&module.0), stage(&path))
            && this != other
        {
            faults.push(format!("stage `{this}` may not import stage `{other}`"));
        }
    }
    faults
}

#[test]
fn modules_import_only_what_stands_before_them() {
    let src = workspace().join("host/runtime/src");
    let (mut all, mut files) = (Vec::new(), 0);
    visit(&src, &mut |path, text| {
        files += 1;
        let relative = path.strip_prefix(&src).unwrap();
        let faults = faults(&Module::of(relative), text);
        all.extend(faults.into_iter().map(|fault| format!("{}: {fault}", relative.display())));
    });
    assert!(files > 100, "only {files} files were read");
    assert!(all.is_empty(), "{}", all.join("\n"));
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

/// Only the replay of a bundle, and the second run of a rehearsal, run adapters on recorded answers: a host that serves
/// actions cannot reach any other such code.
#[test]
fn only_a_replay_runs_on_a_record() {
    let mut seen = Vec::new();
    for krate in ["runtime", "sandbox"] {
        let src = workspace().join("host").join(krate).join("src");
        visit(&src, &mut |path, text| {
            let name = path.strip_prefix(&src).unwrap().to_string_lossy().into_owned();
            for word in ["ReplayGrant", "grant::replay", "Transport::record", "Transport::Record"] {
                let is_test = name.ends_with("tests.rs") || name.contains("tests/");
                if text.contains(word) && !is_test {
                    seen.push(format!("{krate}/{name} {word}"));
                }
            }
        });
    }
    seen.sort();
    let known = [
        "runtime/maintenance/replay.rs grant::replay",
        "sandbox/egress.rs Transport::Record",
        "sandbox/grant.rs ReplayGrant",
        "sandbox/lib.rs ReplayGrant",
        "sandbox/lib.rs Transport::record",
        "sandbox/rehearsal.rs ReplayGrant",
        "sandbox/rehearsal.rs Transport::record",
    ];
    assert_eq!(seen, known);
}
