//! Guests that never end or use all resources that they can get. The host stops each guest, and its action fails.

use std::time::{Duration, Instant};

use deed_test_support::shared::is_active;
use deed_tests::guests::Guest;
use deed_tests::proxy::Fault;
use deed_tests::world::edit;
use serde_json::json;

use super::siege::{CONTRACT, Siege};

/// A time limit far above the two seconds that the contract allows.
const STOPPED: Duration = Duration::from_mins(1);

const LATE: &str = "did not end within 2000 ms";

fn never_ends(guest: Guest) {
    let siege = Siege::short(guest);
    let started = Instant::now();
    siege.stopped_while_observing(LATE);
    assert!(started.elapsed() < STOPPED, "{:?}", started.elapsed());
}

pub(super) fn spins() {
    let siege = Siege::short(Guest::Spins);
    let started = Instant::now();
    let receipt = siege.ended(&siege.run(), "failed", "no write was sent");
    assert_eq!(receipt["attempts"][0]["claim"], "timed_out");
    assert!(started.elapsed() < STOPPED, "{:?}", started.elapsed());
    assert_eq!(siege.world.proxy.count("PATCH"), 0);
}

pub(super) fn spins_in_start() {
    never_ends(Guest::SpinsInStart);
}

pub(super) fn spins_while_observing() {
    never_ends(Guest::SpinsWhileObserving);
}

pub(super) fn spins_in_realloc() {
    never_ends(Guest::SpinsInRealloc);
}

pub(super) fn spins_after_return() {
    never_ends(Guest::SpinsAfterReturn);
}

pub(super) fn floods_host_calls() {
    never_ends(Guest::FloodsHostCalls);
}

pub(super) fn recurses() {
    Siege::of(Guest::Recurses).stopped_while_observing("call stack exhausted");
}

pub(super) fn grows_memory() {
    never_ends(Guest::GrowsMemory);
}

pub(super) fn grows_memories() {
    Siege::of(Guest::GrowsMemories).stopped_while_observing("`unreachable`");
}

pub(super) fn grows_tables() {
    Siege::of(Guest::GrowsTables).stopped_while_observing("`unreachable`");
}

pub(super) fn makes_handles() {
    Siege::of(Guest::MakesHandles).stopped_while_observing("handle");
}

/// When the time of the run is over while a write is in progress, the host waits until the write ends, but not until
/// the guest ends.
pub(super) fn hangs() {
    let siege = Siege::with(Guest::Hangs, |dir| {
        edit(dir, CONTRACT, "timeout = \"30s\"", "timeout = \"3s\"")?;
        edit(dir, "deed.toml", "timeout = \"2s\"", "timeout = \"20s\"")
    });
    siege.world.proxy.set("PATCH", Fault::Delay { ms: 4_500 });
    let receipt = siege.ended(&siege.run(), "verified", "every expectation holds");
    let attempt = &receipt["attempts"][0];
    assert_eq!(attempt["claim"], "timed_out");
    assert_eq!(attempt["exchanges"][0]["fate"], json!({"answered": {"status": 204}}));
    assert_eq!(siege.world.proxy.count("PATCH"), 1);
    assert!(is_active(&siege.user));
}
