//! Hostile adapters that ask the host for as much as possible. Each kind of request has a limit, and the data that the
//! host keeps from a run fits into the journal.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use deed_test_support::shared::{ended, is_active, locked_out, scim};
use deed_tests::guests::Guest;
use deed_tests::hostile::{self, Hostile, Step, answer};
use deed_tests::proxy::Recorded;
use deed_tests::world::{World, edit};
use serde_json::{Value, json};

use super::siege::{self, CONTRACT, RESTORE, Siege};
use crate::case::unharmed;
use crate::upstreams::stage::{Stage, fresh};

/// The number of runs that the host's sandbox can execute at the same time.
const RUNS: usize = 64;

/// The length of a string in an answer of just under 1 MiB, the maximum size of an answer.
const LARGE: usize = 1_048_400;

fn exchanges_of(receipt: &Value) -> Vec<Value> {
    receipt["attempts"][0]["exchanges"].as_array().unwrap().clone()
}

pub(super) fn exchanges() {
    let siege = Siege::generous(Guest::FloodsExchanges);
    let receipt = siege.ended(&siege.run(), "verified", "every expectation holds");
    assert_eq!(exchanges_of(&receipt).len(), 64);
    let refused = receipt["attempts"][0]["refused"].to_string();
    assert!(refused.contains("a run has 64 exchanges at most"), "{refused}");
    assert_eq!(siege.world.proxy.count("PATCH"), 32);
    assert!(is_active(&siege.user));
}

/// Each answer is 900 KB. The adapter receives no more answers than the host may keep from one run, so the journal
/// record of the run's end does not become too large.
pub(super) fn answers() {
    let siege = Siege::generous(Guest::FloodsExchanges);
    let large = json!([{"op": "replace", "path": "nickName", "value": "x".repeat(900_000)}]);
    scim().patch(&siege.user, &large).unwrap();
    let receipt = siege.ended(&siege.run(), "verified", "every expectation holds");
    let late = exchanges_of(&receipt).iter().filter(|e| e["problem"].is_string()).count();
    assert!(late > 20, "{receipt:#}");
}

pub(super) fn logs() {
    let siege = Siege::of(Guest::FloodsLogs);
    siege.stopped_while_observing("`unreachable`");
    let log = siege.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("adapter: xxx")).collect();
    assert_eq!(lines.len(), 100);
    assert!(lines.iter().all(|line| line.len() < 5 << 10));
    assert!(log.contains("300 more lines were dropped"));
}

pub(super) fn state() {
    let derived = "[state.NAME]\nderived = true\nproperties.text = { type = \"string\" }\n\n";
    let siege = Siege::with(Guest::HoardsState, |dir| {
        let states = ["first", "second", "third"].map(|name| derived.replace("NAME", name));
        edit(dir, CONTRACT, "[[observe.http]]", &format!("{}[[observe.http]]", states.concat()))
    });
    siege.stopped_while_observing("state `third` was not read");
    assert!(siege.log().contains("a run keeps at most 2097152 bytes of state"), "{}", siege.log());
}

/// All observed state changes after the write. The observation, the judgement and the receipt have megabytes each, and
/// are produced one directly after the other. The observation, the judgement and the receipt must be stored in separate
/// journal records, because one record could not hold all three.
pub(super) fn looks() {
    let again = "[state.again]\nproperties.displayName = { type = \"string\" }\n\n[[observe.http]]";
    let stage = Stage::with(Hostile::start().unwrap(), |dir| {
        siege::install(dir, Guest::HoardsLooks)?;
        edit(dir, CONTRACT, "\"GET /Users/{user_id}\"", "\"GET /Users/{user_id}\"\ncalls    = 6")?;
        edit(dir, CONTRACT, "[[observe.http]]", again)
    });
    let written = Arc::<AtomicBool>::default();
    let (seen, set) = (Arc::clone(&written), written);
    let shows = move |_: &Recorded| {
        let is = seen.load(Ordering::SeqCst);
        let name = if is { "y" } else { "x" }.repeat(LARGE);
        vec![Step::Send(hostile::json(
            &json!({"id": "1", "userName": "u", "displayName": name, "active": is}),
        ))]
    };
    let takes = move |_: &Recorded| {
        set.store(true, Ordering::SeqCst);
        vec![Step::Send(answer("204 No Content", ""))]
    };
    stage.hostile.lie("GET", 0, 100, Arc::new(shows));
    stage.hostile.lie("PATCH", 0, 1, Arc::new(takes));
    let view = stage.propose(RESTORE, &fresh());
    assert_eq!(stage.hostile.count("GET"), 12, "{}", view["reason"]);
    let receipt = ended(&stage.world, &view, "mismatch", "changed");
    let unexpected = receipt["unexpected"].to_string();
    assert!(unexpected.len() > 4 * LARGE, "{} bytes", unexpected.len());
    stage.hostile.be_honest();
    let mut world = stage.world;
    world.restart().unwrap();
    let id = view["id"].as_str().unwrap();
    assert_eq!(world.show(id).unwrap()["receipt"], view["receipt"], "all of it can be read again");
    unharmed(&world);
}

/// Runs more concurrent guests than the sandbox has slots. None of these guests ever ends.
pub(super) fn the_sandbox() {
    let siege = Siege::with(Guest::SpinsWhileObserving, |dir| {
        edit(dir, CONTRACT, "timeout = \"30s\"", "timeout = \"1s\"")
    });
    let users: Vec<String> = (0..RUNS + 6).map(|_| locked_out()).collect();
    thread::scope(|scope| {
        let propose = |user| siege.world.propose(&World::proposal(RESTORE, user)).unwrap();
        let asked: Vec<_> = users.iter().map(|user| scope.spawn(move || propose(user))).collect();
        for answer in asked.into_iter().map(|asked| asked.join().unwrap()) {
            assert_eq!(answer.text("/status"), "failed", "{}", answer.json());
        }
    });
    siege.stopped_while_observing("did not end within 1000 ms");
}
