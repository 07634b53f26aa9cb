//! Tests of observations that fail before a write was sent: which of them the host repeats, how often, and what can
//! happen in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use deed_test_support::shared::{ended, look};
use deed_tests::wait::until;
use deed_tests::world::{BOB, HELPDESK, World, edit};
use serde_json::{Value, json};

use super::upstream::{Reply, Upstream};
use super::{contract, proposal, served, served_asking, tried};

const SET: &str = r#"
[state.thing]
from = "GET /t/{id}"
required = ["a"]
properties.a = { type = "integer" }
[[observe.http]]
upstream = "field"
request  = "GET /t/{id}"
[[perform.http]]
upstream = "field"
request  = "PUT /t/{id}"
body     = { a = 2 }
[verify]
after      = ["post.thing.a == 2"]
may_change = ["/thing/a"]
[limits]
backoff = "50ms"
"#;

const READ: &str = r#"
[state.thing]
from = "GET /t/{id}"
properties.a = { type = "integer" }
[[observe.http]]
upstream = "field"
request  = "GET /t/{id}"
[limits]
backoff = "50ms"
"#;

const AGAIN: &str = "the look before it gave no result";

fn set() -> String {
    contract("update", SET)
}

/// An upstream with one object. `answer` gets the number of each GET, from 1, and may return a reply instead of the
/// object.
fn failing(mut answer: impl FnMut(usize) -> Option<Reply> + Send + 'static) -> Upstream {
    let (mut a, mut n) = (1, 0);
    Upstream::start(move |request| {
        if request.method == "PUT" {
            a = 2;
            return Reply::empty(204);
        }
        n += 1;
        answer(n).unwrap_or_else(|| Reply::json(200, json!({"a": a})))
    })
}

/// An upstream on which one GET, the one with the number `at`, fails with this status.
fn failing_at(at: usize, status: u16) -> Upstream {
    failing(move |n| (n == at).then(|| Reply::json(status, json!({"message": "not now"}))))
}

fn looks(upstream: &Upstream) -> usize {
    upstream.seen().len() - upstream.writes().len()
}

fn repeated(view: &Value) -> usize {
    let lines = view["ledger"].as_array().unwrap();
    lines.iter().filter(|line| line["text"].as_str().unwrap().contains(AGAIN)).count()
}

#[test]
fn a_look_at_the_gate_that_fails_once_does_not_void_the_approval() {
    for status in [0, 408, 425, 429, 500, 503] {
        let upstream = failing_at(2, status);
        let world = served_asking(&upstream, &set());
        let view = tried(&world);
        let receipt = ended(&world, &view, "verified", "every expectation holds");
        assert_eq!(receipt["approvals"].as_array().unwrap().len(), 1, "{status}: {receipt:#}");
        assert_eq!((looks(&upstream), upstream.writes().len()), (4, 1), "{status}");
        assert_eq!(repeated(&view), 1, "{status}: {view:#}");
        let log = world.host.as_ref().unwrap().said();
        assert!(log.contains("the state could not be observed before a write"), "{log}");
        // The record has only the successful observation and nothing of the failed ones.
        assert_eq!(look(&world, &view, "pre")["exchanges"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn a_first_look_that_fails_is_repeated_for_writes_and_reads() {
    for (verb, tables) in [("update", SET), ("read", READ)] {
        let upstream = failing(|n| (n <= 3).then(|| Reply::json(503, json!({}))));
        let world = served(&upstream, &contract(verb, tables), "");
        let view = tried(&world);
        ended(&world, &view, "verified", "");
        assert_eq!(repeated(&view), 3, "{verb}: {view:#}");
    }
    // The upstream does not answer the first GET before the host's timeout.
    let upstream = failing(|n| {
        let slow = n == 1;
        slow.then(|| {
            thread::sleep(Duration::from_millis(2_500));
            Reply::empty(0)
        })
    });
    let world = served(&upstream, &set(), "");
    let view = tried(&world);
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(repeated(&view), 1, "{view:#}");
}

#[test]
fn a_failure_that_will_not_pass_is_not_repeated() {
    let refused = [401, 403, 404, 409, 422].map(|status| (status, json!({}), "has the status"));
    let misfits = [
        (200, json!({"a": "1"}), "does not fit the contract"),
        (200, json!({}), "required field `/thing/a` is missing"),
        (200, json!("503"), "does not fit the contract"),
    ];
    for (status, body, why) in refused.into_iter().chain(misfits) {
        let upstream = failing(move |_| Some(Reply::json(status, body.clone())));
        let world = served(&upstream, &set(), "");
        let view = tried(&world);
        ended(&world, &view, "failed", "could not be observed; nothing was sent");
        let reason = view["reason"].as_str().unwrap();
        assert!(reason.contains(why) && !reason.contains("may have landed"), "{reason}");
        assert_eq!(looks(&upstream), 1, "{status}");
    }
}

#[test]
fn a_failure_beside_one_that_will_not_pass_is_not_repeated() {
    let more = r#"
[state.other]
from = "GET /o/{id}"
properties.a = { type = "integer" }
[[observe.http]]
upstream = "field"
request  = "GET /o/{id}"
[[perform.http]]"#;
    let text = contract("update", &SET.replacen("\n[[perform.http]]", more, 1));
    for (status, body) in [(403, json!({})), (200, json!({"a": "1"}))] {
        let upstream = Upstream::start(move |request| match request.target.as_str() {
            "/o/a1" => Reply::json(503, json!({})),
            _ => Reply::json(status, body.clone()),
        });
        let world = served(&upstream, &text, "");
        ended(&world, &tried(&world), "failed", "nothing was sent");
        assert_eq!(looks(&upstream), 2, "{status}");
    }
}

#[test]
fn an_upstream_that_stays_down_ends_the_action_after_four_looks() {
    for status in [0, 429, 502] {
        let upstream = failing_after(1, status);
        let world = served_asking(&upstream, &set());
        let view = tried(&world);
        ended(&world, &view, "failed", "nothing was sent");
        let reason = view["reason"].as_str().unwrap();
        assert!(reason.contains("the host looked 4 times"), "{reason}");
        assert!(!reason.contains("may have landed"), "{reason}");
        assert_eq!((looks(&upstream), upstream.writes().len()), (5, 0), "{status}");
    }
}

/// An upstream that answers the first `good` GET requests correctly, and each later one with `status`.
fn failing_after(good: usize, status: u16) -> Upstream {
    failing(move |n| (n > good).then(|| Reply::json(status, json!({}))))
}

#[test]
fn the_pause_that_the_upstream_asks_for_is_kept() {
    let busy = |n| (n == 1).then(|| Reply::json(429, json!({})).header("retry-after", "2"));
    let world = served(&failing(busy), &set(), "");
    let started = Instant::now();
    ended(&world, &tried(&world), "verified", "every expectation holds");
    assert!(started.elapsed() >= Duration::from_secs(2), "{:?}", started.elapsed());
    // The host does not begin a pause that would end later than `limits.queue` allows.
    let upstream = failing(|_| Some(Reply::json(503, json!({})).header("retry-after", "1200")));
    let world = served(&upstream, &set(), "");
    ended(&world, &tried(&world), "failed", "looks may be repeated for 600000 ms (`limits.queue`)");
    assert_eq!(looks(&upstream), 1);
}

/// Some upstreams answer a read with 403 and `Retry-After` at a rate limit.
#[test]
fn a_rate_limit_with_403_is_waited_for_if_the_contract_says_so() {
    let limited =
        || failing(|n| (n == 2).then(|| Reply::json(403, json!({})).header("retry-after", "1")));
    let rule = "request  = \"GET /t/{id}\"";
    let declared = set().replacen(rule, &format!("{rule}\nthrottled = [403]"), 1);
    let upstream = limited();
    let world = served_asking(&upstream, &declared);
    let view = tried(&world);
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(receipt["approvals"].as_array().unwrap().len(), 1, "{receipt:#}");
    assert_eq!((repeated(&view), upstream.writes().len()), (1, 1), "{view:#}");
    let upstream = limited();
    let world = served_asking(&upstream, &set());
    ended(&world, &tried(&world), "failed", "has the status 403");
    assert!(upstream.writes().is_empty());
    // Without `Retry-After`, a 403 is a refusal.
    let world = served(&failing_at(1, 403), &declared, "");
    ended(&world, &tried(&world), "failed", "has the status 403");
}

/// An upstream that answers one GET, the one with the number `at`, with 503 and a `Retry-After` of one minute. Also
/// returns a counter of the GET requests.
fn pausing(at: usize) -> (Upstream, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let upstream = failing(move |n| {
        counted.store(n, SeqCst);
        (n == at).then(|| Reply::json(503, json!({})).header("retry-after", "60"))
    });
    (upstream, count)
}

fn proposed(world: &World) -> String {
    let agent = world.client(HELPDESK);
    let answer = agent.propose(&proposal(json!({"id": "a1"})), &[("prefer", "wait=1")]).unwrap();
    answer.text("/id")
}

#[test]
fn a_cancellation_takes_effect_while_the_look_is_waited_for() {
    for at in [1, 2] {
        let (upstream, count) = pausing(at);
        let world =
            if at == 1 { served(&upstream, &set(), "") } else { served_asking(&upstream, &set()) };
        let id = proposed(&world);
        thread::scope(|scope| {
            let approving = scope.spawn(|| at == 2 && world.approve(&id, "bob", BOB).is_ok());
            until("a look fails", || count.load(SeqCst) == at);
            let path = format!("/v1/actions/{id}/cancel");
            until("it is taken", || {
                world.client(HELPDESK).post(&path, &Value::Null).unwrap().status == 200
            });
            approving.join().unwrap();
        });
        let started = Instant::now();
        let view = world.settled(&id).unwrap();
        ended(&world, &view, "cancelled", "cancelled by helpdesk");
        assert!(started.elapsed() < Duration::from_secs(30), "it did not wait for the pause");
        assert_eq!(looks(&upstream), at);
    }
}

#[test]
fn an_approval_expires_while_the_look_is_waited_for() {
    let (upstream, count) = pausing(2);
    let mut world = served_asking(&upstream, &set());
    edit(&world.dir, "deed.toml", "expires = \"1h\"", "expires = \"5s\"").unwrap();
    world.restart().unwrap();
    let id = proposed(&world);
    world.approve(&id, "bob", BOB).ok();
    assert_eq!(count.load(SeqCst), 2, "the look at the gate has failed");
    let view = world.settled(&id).unwrap();
    ended(&world, &view, "expired", "the approval expired before it could run");
    assert_eq!((looks(&upstream), upstream.writes().len()), (2, 0));
}

#[test]
fn a_restart_while_the_look_is_waited_for_looks_again() {
    for orderly in [true, false] {
        let (upstream, count) = pausing(2);
        let mut world = served_asking(&upstream, &set());
        let id = proposed(&world);
        thread::scope(|scope| {
            scope.spawn(|| world.approve(&id, "bob", BOB).ok());
            until("the look at the gate fails", || count.load(SeqCst) == 2);
            let waits = || world.host.as_ref().unwrap().said().contains("it is observed again");
            until("it waits", waits);
            world.host.as_ref().unwrap().signal(if orderly { "TERM" } else { "KILL" }).unwrap();
        });
        world.host = None;
        world.serve().unwrap();
        let view = world.settled(&id).unwrap();
        let receipt = ended(&world, &view, "verified", "every expectation holds");
        assert_eq!(receipt["approvals"].as_array().unwrap().len(), 1, "{receipt:#}");
        assert_eq!(upstream.writes().len(), 1);
        assert_eq!(repeated(&view), 1, "{view:#}");
    }
}
