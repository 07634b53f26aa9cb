//! Tests of run slots. An action that waits for a run slot can be cancelled, gives up in time, and continues after a
//! restart. An action whose write was sent is observed, however long it must wait for a run slot.

use std::thread;

use deed_tests::client::{Answer, Client};
use deed_tests::home::Home;
use deed_tests::record::contracts::{self, Deed, Kind};
use deed_tests::record::{Fault, How, Lands, On, Point, Record};
use deed_tests::wait;
use deed_tests::world::{HELPDESK, edit};
use serde_json::{Value, json};

const SET: Deed = Deed { kind: Kind::Set, writes: 1, asked: false };

/// A host whose upstream allows one run at a time and has a timeout of two seconds.
struct Bench {
    home: Home,
    record: Record,
}

impl Bench {
    fn serve(limits: &str) -> Self {
        let (home, record) = (Home::new("turns"), Record::start().unwrap());
        contracts::lay_out(&home.dir, &record.base_url()).unwrap();
        let timeout = format!("timeout = \"{}\"", contracts::TIMEOUT);
        edit(&home.dir, "deed.toml", &timeout, "timeout = \"2s\"\nconcurrency = 1").unwrap();
        let contract = "contracts/crash.set.toml";
        edit(&home.dir, contract, "backoff = \"100ms\"", "backoff = \"4s\"").unwrap();
        let more = format!("timeout = \"20s\"\n{limits}");
        edit(&home.dir, contract, "timeout = \"20s\"", &more).unwrap();
        home.pin().unwrap();
        let mut bench = Self { home, record };
        bench.home.serve().unwrap();
        bench
    }

    fn client(&self) -> Client {
        self.home.client(HELPDESK)
    }

    fn propose(&self, item: &str) -> String {
        let at_once = [("prefer", "wait=0")];
        self.client().propose(&SET.proposal(item), &at_once).unwrap().text("/id")
    }

    fn settled(&self, id: &str) -> Value {
        self.client().rests(id, 60).unwrap().json()
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
        let queued = || self.home.metric("deed_runs_queued").unwrap();
        wait::answer("so many wait", queued, |queued| *queued == Some(count));
    }

    /// Waits until the history of this action contains an event with this name.
    fn told(&self, id: &str, event: &str) {
        let view = || self.client().get(&format!("/v1/actions/{id}")).unwrap().json();
        wait::answer(event, view, |view| {
            view["ledger"].as_array().unwrap().iter().any(|line| line["event"] == event)
        });
    }

    fn arrived(&self, item: &str) -> usize {
        let named = |path: &str| path.split('/').any(|part| part == item);
        self.record.arrived().iter().filter(|request| named(&request.path)).count()
    }
}

#[test]
fn what_waits_for_a_turn_is_cancelled_without_one() {
    let bench = Bench::serve("");
    // Each action uses a different item because only one action at a time may hold a resource.
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

/// While an action waits for a run slot, its driver (the task that runs it) reads the journal only once a second. In
/// this test, the driver gets the run slot right after the cancellation, before it reads the journal.
#[test]
fn a_turn_that_comes_after_a_cancellation_carries_nothing_out() {
    let bench = Bench::serve("");
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
    let bench = Bench::serve("queue = \"1s\"\n");
    bench.silence("slow");
    let slow = bench.propose("slow");
    wait::until("it has its turn", || bench.arrived("slow") > 0);
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
    let bench = Bench::serve("total = \"8s\"\n");
    let items: Vec<String> = (0..6).map(|n| format!("slow-{n}")).collect();
    for item in &items {
        bench.silence(item);
    }
    let refused = Fault { lands: Lands::Never, how: How::Status(500) };
    bench.record.fail(&On::writes("once"), 0, 1, refused);
    let once = bench.propose("once");
    // The pause before the retry is at least two seconds. An action that starts during the pause holds the run slot for
    // longer than the time that the retry has left.
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
    let mut bench = Bench::serve("");
    bench.silence("slow");
    let slow = bench.propose("slow");
    let next = bench.propose("next");
    bench.queued(1);
    assert!(bench.home.stop().unwrap(), "it waits for who only waits");
    assert_eq!(bench.arrived("next"), 0);
    bench.home.serve().unwrap();
    assert_eq!(bench.settled(&next)["status"], "verified");
    assert_eq!(bench.settled(&slow)["status"], "failed");
    assert_eq!(bench.record.times("next", "one"), 1);
}
