//! Tests of jumps of the system clock. The host accepts no new work until the clock can be trusted again, loses no
//! accepted action, and shortens no wait. The tests do not change the real clock: a test build of the host reads a
//! clock offset from a file.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use deed_test_support::shared::{ended, is_active, locked_out, scim};
use deed_tests::client::{Answer, Client};
use deed_tests::proxy::Fault;
use deed_tests::wait::until;
use deed_tests::world::{BOB, HELPDESK, World, edit};
use serde_json::Value;

use crate::ready::refused;

const HOUR: i64 = 3_600_000;

/// A test environment whose host has an adjustable clock.
struct Skewed {
    world: World,
    file: PathBuf,
}

impl Skewed {
    fn start(changes: &[(&str, &str)]) -> Self {
        let mut world = World::lay_out(scim(), "scim").unwrap();
        for (from, to) in changes {
            edit(&world.dir, "deed.toml", from, to).unwrap();
        }
        let file = world.dir.join("clock");
        world.serve_with(&[("DEED_TEST_CLOCK", file.to_str().unwrap())]).unwrap();
        Self { world, file }
    }

    fn serve(&mut self) -> Result<(), String> {
        let variables = [("DEED_TEST_CLOCK", self.file.to_str().unwrap())];
        fs::write(self.world.dir.join("serve.log"), "").unwrap();
        self.world.serve_with(&variables).map_err(|e| e.to_string())
    }

    /// Sets the offset of the host's system clock from the true time, in milliseconds.
    fn set(&self, ms: i64) {
        let draft = self.file.with_extension("draft");
        fs::write(&draft, ms.to_string()).unwrap();
        fs::rename(draft, &self.file).unwrap();
    }

    fn operations(&self, path: &str) -> Answer {
        Client::new(&self.world.host.as_ref().unwrap().operations, "").get(path).unwrap()
    }

    fn is_ready(&self) -> bool {
        self.operations("/readyz").status == 200
    }

    /// The reason that the host gives for not being ready.
    fn unready(&self) -> String {
        let answer = self.operations("/readyz");
        assert_eq!(answer.status, 503, "{answer:?}");
        String::from_utf8(answer.bytes).unwrap()
    }

    fn metric(&self, line: &str) -> f64 {
        let answer = self.operations("/metrics");
        let text = String::from_utf8(answer.bytes).unwrap();
        let found = text.lines().find_map(|l| l.strip_prefix(line)?.trim().parse().ok());
        assert!(found.is_some(), "no `{line}` in {text}");
        found.unwrap()
    }

    fn propose(&self, contract: &str, user: &str) -> Answer {
        self.world.propose(&World::proposal(contract, user)).unwrap()
    }

    /// Proposes an action that waits for approval.
    fn waiting(&self, user: &str) -> String {
        let answer = self.propose("idp.restore_access", user);
        assert_eq!(answer.text("/status"), "waiting", "{answer:?}");
        answer.text("/id")
    }

    fn status(&self, id: &str) -> String {
        self.world.show(id).unwrap()["status"].as_str().unwrap().to_owned()
    }
}

#[test]
fn a_clock_that_jumped_ahead_is_taken_over_and_expires_what_is_over() {
    let it = Skewed::start(&[]);
    let (first, second) = (locked_out(), locked_out());
    let (approved, left) = (it.waiting(&first), it.waiting(&second));
    // The clock jumps by half of the time that approvers have, as it does after a machine was suspended.
    it.set(HOUR / 2);
    until("it is ready again", || it.world.host.as_ref().unwrap().log().contains("adopted"));
    until("it is ready again", || it.is_ready());
    assert!(it.metric("deed_clock_drift_seconds").abs() < 2.0);
    assert!(it.world.approve(&approved, "bob", BOB).unwrap().0);
    let view = it.world.settled(&approved).unwrap();
    ended(&it.world, &view, "verified", "");
    assert!(is_active(&first));
    // The clock jumps past the whole approval period, and the action expires by itself, without a request.
    it.set(2 * HOUR);
    until("it expires", || it.status(&left) == "expired");
    until("it is ready again", || it.is_ready());
    assert!(!is_active(&second));
    assert_eq!(it.propose("idp.read_user", &second).text("/status"), "verified");
}

#[test]
fn a_jump_ahead_under_an_open_write_shortens_no_wait() {
    // The write never arrives, but until the upstream's timeout the host must assume that the write may still arrive.
    let it = Skewed::start(&[("timeout = \"2s\"", "timeout = \"6s\"")]);
    let (user, other) = (locked_out(), locked_out());
    let (open, waiting) = (it.waiting(&user), it.waiting(&other));
    it.world.proxy.set("PATCH", Fault::DropBefore);
    thread::scope(|scope| {
        scope.spawn(|| it.world.approve(&open, "bob", BOB).unwrap());
        until("the write has left", || it.world.proxy.count("PATCH") == 1);
        let left = Instant::now();
        it.set(5 * HOUR);
        until("the jump is noticed", || !it.is_ready());
        let why = it.unready();
        assert!(why.contains("ms ahead of the host's") && why.contains("(1 now)"), "{why}");
        assert!(it.metric("deed_clock_drift_seconds") > 17_000.0);
        assert!((it.metric("deed_unready{reason=\"clock\"}") - 1.0).abs() < 0.1);
        refused(&it.propose("idp.read_user", &user), "clock has jumped");
        let (taken, said) = it.world.approve(&waiting, "bob", BOB).unwrap();
        assert!(!taken && said.contains("clock has jumped"), "{said}");
        assert_eq!(it.world.show(&open).unwrap()["outcome"], Value::Null);
        until("it is judged", || !it.world.show(&open).unwrap()["outcome"].is_null());
        // The time is measured with this process's monotonic clock. A busy machine can only make the measured time
        // longer.
        assert!(left.elapsed() >= Duration::from_millis(5_500), "{:?}", left.elapsed());
    });
    let view = it.world.settled(&open).unwrap();
    ended(&it.world, &view, "failed", "");
    until("it is ready again", || it.is_ready());
    until("what waited meanwhile expires", || it.status(&waiting) == "expired");
    assert_eq!(it.world.proxy.count("PATCH"), 1);
}

#[test]
fn a_jump_ahead_while_nobody_serves_shortens_no_wait_either() {
    let mut it = Skewed::start(&[("timeout = \"2s\"", "timeout = \"6s\"")]);
    let open = it.waiting(&locked_out());
    it.world.proxy.set("PATCH", Fault::DropBefore);
    thread::scope(|scope| {
        scope.spawn(|| it.world.approve(&open, "bob", BOB).unwrap());
        until("it has looked after the write", || it.world.proxy.count("GET") >= 4);
        it.world.host.as_ref().unwrap().signal("TERM").unwrap();
    });
    assert!(it.world.host.take().unwrap().stop().unwrap());
    it.set(5 * HOUR);
    let start = Instant::now();
    it.serve().unwrap();
    let view = it.world.settled(&open).unwrap();
    assert!(start.elapsed() >= Duration::from_secs(5), "{:?}", start.elapsed());
    ended(&it.world, &view, "failed", "");
}

#[test]
fn a_clock_that_was_set_back_is_refused_until_it_counts_again() {
    let mut it = Skewed::start(&[]);
    let (user, other) = (locked_out(), locked_out());
    let (waiting, running) = (it.waiting(&user), it.waiting(&other));
    it.world.proxy.set("PATCH", Fault::Delay { ms: 1_000 });
    thread::scope(|scope| {
        scope.spawn(|| it.world.approve(&running, "bob", BOB).unwrap());
        until("the write is under way", || it.world.proxy.count("PATCH") == 1);
        it.set(-3 * HOUR);
        until("the jump is noticed", || !it.is_ready());
        // The sandbox run is unaffected by the jump because it uses a separate clock.
        until("it ends", || it.status(&running) == "verified");
    });
    let why = it.unready();
    assert!(why.contains("ms behind the host's") && why.contains("restart"), "{why}");
    assert!(it.metric("deed_clock_drift_seconds") < -10_000.0);
    assert_eq!(it.operations("/healthz").status, 200);
    refused(&it.propose("idp.read_user", &user), "clock has jumped");
    let view = it.world.settled(&running).unwrap();
    ended(&it.world, &view, "verified", "");
    let at: Vec<i64> =
        view["ledger"].as_array().unwrap().iter().map(|l| l["at_ms"].as_i64().unwrap()).collect();
    assert!(at.is_sorted(), "{at:?}");
    // The host does not start with a clock that was set back, because events in the journal would then lie in the
    // future.
    assert!(it.world.host.take().unwrap().stop().unwrap());
    let said = it.serve().unwrap_err();
    for words in ["the clock was set back", "but the journal has an event of", "correct the clock"]
    {
        assert!(said.contains(words), "no `{words}` in {said}");
    }
    it.set(0);
    it.serve().unwrap();
    assert!(it.is_ready());
    assert_eq!(it.status(&running), "verified");
    assert!(it.world.approve(&waiting, "bob", BOB).unwrap().0);
    assert_eq!(it.world.settled(&waiting).unwrap()["status"], "verified");
    // When the clock is set back and corrected again, the host needs no restart.
    it.set(-HOUR);
    until("the jump is noticed", || !it.is_ready());
    it.set(0);
    until("it is ready again", || it.is_ready());
    let all = it.world.client(HELPDESK).get("/v1/actions").unwrap().json();
    assert_eq!(all["actions"].as_array().unwrap().len(), 2, "{all}");
}
