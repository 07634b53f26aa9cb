//! Run slots: an action that waits for one can be cancelled, gives up in time, and outlives a stop; an action whose
//! write was sent is observed, however long that takes.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use deed_tests::client::{Answer, Client};
use deed_tests::host::{self, Host};
use deed_tests::record::desk::{self, Deed, Kind};
use deed_tests::record::{Fault, How, Lands, On, Point, Record};
use deed_tests::world::{HELPDESK, edit};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_mins(1);
const SET: Deed = Deed { kind: Kind::Set, writes: 1, asked: false };

/// A host whose upstream allows one run at a time and has a timeout of two seconds.
struct Bench {
    dir: PathBuf,
    record: Record,
    host: Option<Host>,
}

impl Bench {
    fn serve(name: &str, limits: &str) -> Self {
        let record = Record::start().unwrap();
        let dir = std::env::temp_dir().join(format!("deed-turns-{name}-{}", std::process::id()));
        desk::lay_out(&dir, &record.base_url()).unwrap();
        let timeout = format!("timeout = \"{}\"", desk::TIMEOUT);
        edit(&dir, "deed.toml", &timeout, "timeout = \"2s\"\nconcurrency = 1").unwrap();
        let contract = "contracts/crash.set.toml";
        edit(&dir, contract, "backoff = \"100ms\"", "backoff = \"4s\"").unwrap();
        edit(&dir, contract, "timeout = \"20s\"", &format!("timeout = \"20s\"\n{limits}")).unwrap();
        host::expect(&["pin", dir.to_str().unwrap()]).unwrap();
        let mut bench = Self { dir, record, host: None };
        bench.start();
        bench
    }

    fn start(&mut self) {
        self.host = Some(Host::serve(&self.dir).unwrap());
    }

    fn client(&self) -> Client {
        Client::new(&self.host.as_ref().unwrap().url, HELPDESK)
    }

    fn propose(&self, item: &str) -> String {
        let body = SET.proposal(item).to_string().into_bytes();
        let answer = self.client().send("POST", "/v1/actions", &[("prefer", "wait=0")], body);
        answer.unwrap().text("/id")
    }

    fn settled(&self, id: &str) -> Value {
        let path = format!("/v1/actions/{id}");
        let wait = [("prefer", "wait=60")];
        self.client().send("GET", &path, &wait, vec![]).unwrap().json()
    }

    fn cancel(&self, id: &str) -> Answer {
        self.client().post(&format!("/v1/actions/{id}/cancel"), &json!({})).unwrap()
    }

    /// Reads of this item never get an answer, so each keeps its run slot for two seconds.
    fn silence(&self, item: &str) {
        let fault = Fault { lands: Lands::Never, how: How::Silence };
        self.record.fail(&On::reads(item), 0, 100, fault);
    }

    /// Waits until this number of actions wait for a run slot.
    fn queued(&self, count: u64) {
        let operations = Client::new(&self.host.as_ref().unwrap().operations, "");
        let start = Instant::now();
        loop {
            let text = String::from_utf8(operations.get("/metrics").unwrap().bytes).unwrap();
            let gauge = text.lines().find_map(|line| line.strip_prefix("deed_runs_queued "));
            if gauge.unwrap().parse() == Ok(count) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{gauge:?} wait, not {count}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the story of this action has such an event.
    fn told(&self, id: &str, event: &str) {
        let start = Instant::now();
        loop {
            let view = self.client().get(&format!("/v1/actions/{id}")).unwrap().json();
            if view["ledger"].as_array().unwrap().iter().any(|line| line["event"] == event) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{view:#}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn arrived(&self, item: &str) -> usize {
        let named = |path: &str| path.split('/').any(|part| part == item);
        self.record.arrived().iter().filter(|request| named(&request.path)).count()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.host = None;
        fs::remove_dir_all(&self.dir).ok();
    }
}

#[test]
fn what_waits_for_a_turn_is_cancelled_without_one() {
    let bench = Bench::serve("cancel", "");
    // Different items, because a resource belongs to one action at a time.
    bench.silence("slow");
    bench.silence("slow-two");
    let slow = [bench.propose("slow"), bench.propose("late"), bench.propose("slow-two")];
    bench.queued(2);
    let cancelled = bench.cancel(&slow[1]);
    assert!(matches!(cancelled.status, 200 | 202), "{}", cancelled.json());
    assert_eq!(bench.settled(&slow[1])["status"], "cancelled");
    assert_eq!(bench.arrived("late"), 0);
    for id in [&slow[0], &slow[2]] {
        assert_eq!(bench.settled(id)["status"], "failed", "its look had no answer");
    }
}

/// A waiting driver reads the journal once a second: here it gets the run slot first, right after the cancellation.
#[test]
fn a_turn_that_comes_after_a_cancellation_carries_nothing_out() {
    let bench = Bench::serve("overtaken", "");
    let slow = bench.record.stop(&On::reads("slow"), 0, Point::Received);
    let ids = [bench.propose("slow"), bench.propose("late")];
    bench.queued(1);
    let cancelled = thread::scope(|scope| {
        let cancelling = scope.spawn(|| bench.cancel(&ids[1]));
        bench.told(&ids[1], "cancel_requested");
        slow.go();
        cancelling.join().unwrap()
    });
    assert!(matches!(cancelled.status, 200 | 202), "{}", cancelled.json());
    assert_eq!(bench.settled(&ids[1])["status"], "cancelled");
    let named = |path: &str| path.split('/').any(|part| part == "late");
    let arrived = bench.record.arrived();
    let wrote = arrived.iter().filter(|one| named(&one.path) && one.method != "GET");
    assert_eq!(wrote.count(), 0, "it was written after it had been cancelled");
}

#[test]
fn who_has_no_time_left_is_not_started() {
    let bench = Bench::serve("late", "queue = \"1s\"\n");
    bench.silence("slow");
    let slow = bench.propose("slow");
    let start = Instant::now();
    while bench.arrived("slow") == 0 {
        assert!(start.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(5));
    }
    let late = bench.settled(&bench.propose("late"));
    assert_eq!(late["status"], "expired", "{late:#}");
    let why = "it did not get a run slot within 1000 ms, because `record` had its maximum number of runs; nothing was sent";
    assert_eq!(late["reason"], why);
    assert!(late["receipt"]["index"].is_u64(), "{late:#}");
    assert_eq!(bench.arrived("late"), 0);
    assert_eq!(bench.settled(&slow)["status"], "failed");
}

#[test]
fn a_planned_attempt_that_waits_beyond_its_total_is_given_up() {
    let bench = Bench::serve("total", "total = \"8s\"\n");
    let items: Vec<String> = (0..6).map(|n| format!("slow-{n}")).collect();
    for item in &items {
        bench.silence(item);
    }
    let refused = Fault { lands: Lands::Never, how: How::Status(500) };
    bench.record.fail(&On::writes("once"), 0, 1, refused);
    let once = bench.propose("once");
    // Its pause is two seconds at least. Whoever comes meanwhile has the turn for longer than is left.
    bench.told(&once, "retry_planned");
    let slow: Vec<String> = items.iter().map(|item| bench.propose(item)).collect();
    let view = bench.settled(&once);
    assert_eq!(view["status"], "failed", "{view:#}");
    let reason = view["reason"].as_str().unwrap();
    assert!(reason.contains("it was not tried again: "), "{view:#}");
    assert_eq!(bench.record.times("once", "one"), 0);
    let writes = view["calls"].as_array().unwrap().iter().filter(|call| call["method"] == "PUT");
    assert_eq!(writes.count(), 1, "{view:#}");
    for id in slow {
        assert_eq!(bench.settled(&id)["status"], "failed");
    }
}

#[test]
fn who_waits_for_a_turn_rests_at_a_stop_and_goes_on_after_it() {
    let mut bench = Bench::serve("stop", "");
    bench.silence("slow");
    let slow = bench.propose("slow");
    let next = bench.propose("next");
    bench.queued(1);
    assert!(bench.host.take().unwrap().stop().unwrap(), "it waits for who only waits");
    assert_eq!(bench.arrived("next"), 0);
    bench.start();
    assert_eq!(bench.settled(&next)["status"], "verified");
    assert_eq!(bench.settled(&slow)["status"], "failed");
    assert_eq!(bench.record.times("next", "one"), 1);
}
