//! The disk fails once under the journal or the log: an fsync fails, a write fails, or the space ends in the middle of
//! a record. After the fault, the host accepts no new work. Everything that the host acknowledged survives an
//! additional power cut.
//!
//! `state/` is on a simulated disk (FUSE). If this disk cannot be mounted, the test reports that it was skipped.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;

use deed_tests::disk::{Disk, Manner};
use deed_tests::rng::Rng;
use deed_tests::wait::until;
use deed_tests::world::BOB;
use serde_json::Value;

use crate::fixture::{Fixture, RESTORE, SUSPEND};
use crate::ready::refused;

/// The number of users in one run. Each user is changed by only one action.
const MANY: u32 = 400;

/// A fixture whose `state/` is on a disk that can fail. The disk is dropped after the host and before the directory.
struct Stage {
    fixture: Fixture,
    disk: Option<Disk>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.fixture.home.host = None;
        self.disk = None;
    }
}

impl Stage {
    fn set(name: &str) -> Option<Self> {
        let fixture = Fixture::prepare(name);
        let state = fixture.home.dir.join("state");
        fs::create_dir_all(&state).unwrap();
        let mounted = Disk::mount(&state).inspect_err(|why| {
            // The test runner does not capture direct writes to stderr, so this message is always visible.
            let line = format!("{name}: SKIPPED: no file system can be mounted here: {why}");
            writeln!(std::io::stderr(), "{line}").unwrap_or_default();
        });
        let mut stage = Self { fixture, disk: Some(mounted.ok()?) };
        stage.fixture.serve();
        Some(stage)
    }

    fn disk(&self) -> &Disk {
        self.disk.as_ref().unwrap()
    }

    fn unready(&self) -> String {
        let answer = self.fixture.home.operations().get("/readyz").unwrap();
        assert_eq!(answer.status, 503, "{answer:?}");
        String::from_utf8(answer.bytes).unwrap()
    }

    /// Simulates an additional power cut, which loses all data that was not durable, and serves the directory again.
    fn cut_and_serve(&mut self) {
        self.fixture.home.kill().unwrap();
        let left = self.disk().after(Manner::Bare, &mut Rng::new(1));
        self.disk().load(left);
        self.fixture.serve();
    }

    fn settled(&self, id: &str) -> Value {
        let answer = self.fixture.client(BOB).rests(id, 60).unwrap();
        assert!(answer.status == 200 || answer.status == 202, "{id} is gone: {answer:?}");
        answer.json()
    }

    /// Asserts that the log is consistent with this checkpoint.
    fn audit(&self, since: &str) {
        let (home, note) = (&self.fixture.home, self.fixture.home.dir.join("note"));
        fs::write(&note, since).unwrap();
        home.trust().unwrap();
        assert_eq!(home.audit(&[note]).unwrap(), None);
    }
}

/// Runs actions before the fault and until the fault occurs, and checks the remaining data after a power cut.
fn survives(name: &str, fault: impl FnOnce(&Disk), says: &str) {
    let Some(mut it) = Stage::set(name) else { return };
    let waits = it.fixture.propose(RESTORE, MANY, "wait=60")["id"].as_str().unwrap().to_owned();
    let mut told: BTreeMap<String, Value> = BTreeMap::new();
    let mut tell = |view: Value| told.insert(view["id"].as_str().unwrap().to_owned(), view);
    for user in 0..3 {
        tell(it.fixture.propose(SUSPEND, user, "wait=60"));
    }
    let note = it.fixture.checkpoint();
    fault(it.disk());
    let mut last = None;
    for user in 3..MANY {
        let answer = it.fixture.ask(SUSPEND, user, "wait=1");
        if answer.status != 200 && answer.status != 202 {
            last = Some(answer);
            break;
        }
        tell(answer.json());
    }
    assert!(!it.disk().has_fault(), "the fault was never met");
    let last = last.unwrap();
    assert_eq!(last.status, 503, "{last:?}");
    until("it says so", || it.fixture.home.operations().get("/healthz").unwrap().status == 503);
    let why = it.unready();
    assert!(why.contains("a restart recovers") && why.contains(says), "{why}");
    refused(&it.fixture.ask(SUSPEND, MANY + 1, "wait=1"), "can no longer write");
    assert_eq!(it.fixture.approve(&waits).status, 503);
    it.cut_and_serve();
    for (id, view) in &told {
        let now = it.settled(id);
        assert_eq!(now["status"], "verified", "{now:#}");
        let was = &view["receipt"];
        assert!(was["index"].is_null() || *was == now["receipt"], "{was} {now:#}");
    }
    assert_eq!(it.settled(&waits)["status"], "waiting");
    assert_eq!(it.fixture.approve(&waits).text("/status"), "verified");
    for user in 0..MANY {
        let path = format!("/v2/Users/{user:032x}");
        let requests = it.fixture.upstream.requests();
        let writes = requests.iter().filter(|one| one.method == "PATCH" && one.path == path);
        assert!(writes.count() <= 1, "{path}");
    }
    it.audit(&note);
}

#[test]
fn an_fsync_of_the_journal_that_fails_stops_it() {
    survives("bad-disk-journal-fsync", |disk| disk.fail_sync("segments/"), "error 5");
}

#[test]
fn a_write_to_the_journal_that_fails_stops_it() {
    survives("bad-disk-journal-write", |disk| disk.fail_write("segments/"), "error 5");
}

#[test]
fn an_fsync_of_the_log_that_fails_stops_it() {
    survives("bad-disk-log-fsync", |disk| disk.fail_sync("/TAIL"), "error 5");
}

#[test]
fn a_write_to_the_log_that_fails_stops_it() {
    survives("bad-disk-log-write", |disk| disk.fail_write("/TAIL"), "error 5");
}

#[test]
fn a_disk_that_is_full_in_the_middle_of_a_record_stops_it() {
    survives("bad-disk-full", |disk| disk.leave_room(Some(40_000)), "No space left");
}
