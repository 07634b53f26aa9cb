//! Guests that ask for much, within what they may ask for: each kind has its bound, and what the
//! host keeps of a run still fits into its journal.

use std::thread;

use deed_tests::guests::Guest;
use deed_tests::world::{World, edit};
use serde_json::{Value, json};

use super::siege::{CONTRACT, RESTORE, Siege};
use crate::shared::{is_active, locked_out, scim};

/// Runs at a time; what the host's pool holds.
const RUNS: usize = 64;

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

/// Answers of 900 KB each: the run gets no more than it may keep, and its end fits into the journal.
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

/// More guests at a time than the sandbox has places, all of which never end.
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
