//! Tests that only one process at a time works in a served directory. A second process is refused before it changes any
//! file.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use deed_spec::digest::Digest;
use deed_test_support::shared::{locked_out, scim};
use deed_tests::host;
use deed_tests::world::World;

const PATIENCE: Duration = Duration::from_mins(1);

/// Every file below a directory, with its contents, its inode and the time of its last change. A file that the host
/// removes meanwhile is left out.
type Files = BTreeMap<PathBuf, (Option<Digest>, u64, i64, i64)>;

fn files(dir: &Path) -> Files {
    let mut found = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(path) = open.pop() {
        let Some(meta) = there(fs::symlink_metadata(&path)) else { continue };
        let digest = if meta.is_file() {
            let Some(bytes) = there(fs::read(&path)) else { continue };
            Some(Digest::of(&bytes))
        } else {
            None
        };
        if meta.is_dir() {
            let Some(entries) = there(fs::read_dir(&path)) else { continue };
            open.extend(entries.map(|entry| entry.unwrap().path()));
        }
        found.insert(path, (digest, meta.ino(), meta.mtime(), meta.mtime_nsec()));
    }
    found
}

/// What was found; `None` if it is no longer there.
fn there<T>(found: io::Result<T>) -> Option<T> {
    match found {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        found => Some(found.unwrap()),
    }
}

/// A test environment with an idle host, without compiled adapters, so that a second process would have to compile
/// them.
fn quiet() -> World {
    let world = World::start(scim()).unwrap();
    world.run(&World::proposal("idp.restore_access", &locked_out())).unwrap();
    for entry in fs::read_dir(world.dir.join("state/cache")).unwrap() {
        there(fs::remove_file(entry.unwrap().path()));
    }
    // The host writes the index with a delay of up to half a second.
    let mut seen = files(&world.dir);
    loop {
        std::thread::sleep(Duration::from_secs(2));
        let now = files(&world.dir);
        if now == seen {
            return world;
        }
        seen = now;
    }
}

/// Asserts that the command is refused with this text and that no file has changed.
fn refused(world: &World, command: &[&str]) {
    let before = files(&world.dir);
    let output = host::run_within(command, PATIENCE).unwrap().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let state = world.dir.join("state");
    for words in [state.to_str().unwrap(), "in use by another process", "stop that one first"] {
        assert!(said.contains(words), "no `{words}` in {said}");
    }
    let after = files(&world.dir);
    let paths = before.keys().chain(after.keys());
    let changed: Vec<_> = paths.filter(|path| before.get(*path) != after.get(*path)).collect();
    assert!(changed.is_empty(), "it changed {changed:?}: {said}");
}

#[test]
fn a_second_process_is_refused_before_it_changes_anything() {
    let mut world = quiet();
    refused(&world, &["serve", world.path()]);
    refused(&world, &["key", "rotate", world.path(), "receipt"]);
    refused(&world, &["key", "rotate", world.path(), "log"]);
    // The first process is unaffected, and another process can serve the directory afterwards.
    let view = world.run(&World::proposal("idp.restore_access", &locked_out())).unwrap();
    assert_eq!(view["status"], "verified", "{view:#}");
    assert!(world.host.take().unwrap().stop().unwrap());
    world.serve().unwrap();
}
