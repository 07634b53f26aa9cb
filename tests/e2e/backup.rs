//! Tests of `deed journal check`, `deed backup` and `deed restore` on the files of a host: intact, attacked, under
//! load, and older than the present files.

mod attacks;
mod load;
mod records;
mod restored;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use deed_test_support::shared::scim;
use deed_tests::home::Home;
use deed_tests::host;
use deed_tests::hostile::Hostile;
use deed_tests::proxy::Proxy;
use deed_tests::trust;
use deed_tests::world::{BOB, World, lay_out};
use serde_json::Value;

/// A test environment whose upstream answers at once and has a locked-out user for every id.
fn world() -> (World, Hostile) {
    let hostile = Hostile::start().unwrap();
    let home = Home::new("backup");
    lay_out(&home.dir, &hostile.base_url(), "scim").unwrap();
    let mut world = World::of(home, Proxy::start(&scim().base_url()).unwrap());
    world.serve().unwrap();
    (world, hostile)
}

fn user() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{:032x}", COUNT.fetch_add(1, Ordering::Relaxed))
}

fn proposal() -> Value {
    World::proposal("idp.restore_access", &user())
}

/// Runs a verified action; returns its id.
fn act(world: &World) -> String {
    let view = world.run(&proposal()).unwrap();
    assert_eq!(view["status"], "verified", "{view:#}");
    view["id"].as_str().unwrap().to_owned()
}

/// Creates an action that a person denies and an action that keeps waiting; returns the id of the waiting action.
fn leave_some(world: &World) -> String {
    let denied = world.propose(&proposal()).unwrap().text("/id");
    assert!(world.answer("deny", &denied, "bob", BOB).unwrap().0);
    let waiting = world.propose(&proposal()).unwrap();
    assert_eq!(waiting.text("/status"), "waiting");
    waiting.text("/id")
}

fn stop(world: &mut World) {
    assert!(world.stop().unwrap());
}

/// Exit code, and all output of a command.
fn run(args: &[&str]) -> (i32, String) {
    let output = host::run(args, "").unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&said).into_owned())
}

fn check(dir: &Path) -> (i32, Value) {
    let output = host::run(&["journal", "check", text(dir), "--json"], "").unwrap();
    let said = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&output.stderr).into_owned()));
    (output.status.code().unwrap(), said)
}

#[track_caller]
fn clean(dir: &Path) -> Value {
    let (code, found) = check(dir);
    assert_eq!(code, 0, "{found:#}");
    assert!(found["findings"].as_array().unwrap().is_empty(), "{found:#}");
    found
}

/// Asserts that `deed journal check` reports this finding in this file.
#[track_caller]
fn finds(dir: &Path, file: &str, what: &str) {
    let (code, found) = check(dir);
    assert_eq!(code, 1, "{file}: {found:#}");
    let all = found["findings"].as_array().unwrap();
    let is_it = |one: &&Value| {
        one["file"].as_str().unwrap().starts_with(file)
            && one["what"].as_str().unwrap().contains(what)
    };
    assert!(all.iter().any(|one| is_it(&one)), "no `{what}` in `{file}`: {found:#}");
}

fn backup(dir: &Path, target: &Path, more: &[&str]) -> (i32, String) {
    run(&[&["backup", text(dir), text(target)], more].concat())
}

fn restore(backup: &Path, dir: &Path, more: &[&str]) -> (i32, String) {
    run(&[&["restore", text(backup), text(dir)], more].concat())
}

/// Runs `deed log audit` on a tenant's log below this directory.
fn audit(world: &World, dir: &Path, tenant: &str, more: &[&str]) -> (i32, String) {
    let trust = world.dir.join(format!("trust-{tenant}"));
    trust::write(&world.dir, &trust, tenant).unwrap();
    let log = dir.join("state/log").join(tenant);
    run(&[&["log", "audit", text(&log), "--trust", text(&trust)], more].concat())
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A path for one test, which is removed with all of its contents when the test ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("deed-backup-{}-{count}", std::process::id())))
    }

    fn join(&self, name: &str) -> PathBuf {
        fs::create_dir_all(&self.0).unwrap();
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}
