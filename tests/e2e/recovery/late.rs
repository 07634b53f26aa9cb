//! A planned attempt whose time is over when it comes, or that comes back to another configuration: it does
//! not run.

use std::fs;
use std::time::Duration;

use deed_tests::host;
use deed_tests::proxy::Fault;
use deed_tests::world::World;

use super::{RESTORE, attempts, change, planned};
use crate::shared::{ended, is_active, locked_out, scim};

#[test]
fn a_pause_beyond_the_budget_or_the_key_is_not_begun() {
    for (effect, limits, outcome) in [
        ("keyed", "backoff = \"10m\"", "indeterminate"),
        ("idempotent", "backoff = \"10m\"\ntotal = \"1m\"", "failed"),
    ] {
        let user = locked_out();
        let world = World::with(scim(), "scim", |dir| change(dir, effect, "1m", limits)).unwrap();
        world.proxy.set("PATCH", Fault::DropBefore);
        let view = world.run(&World::proposal(RESTORE, &user)).unwrap();
        let receipt = ended(&world, &view, outcome, "no definite answer came");
        assert_eq!((attempts(&receipt), world.proxy.count("PATCH")), (1, 1), "{effect}");
    }
}

#[test]
fn a_host_that_comes_back_too_late_does_not_send_again() {
    for (effect, outcome, why) in [
        ("keyed", "indeterminate", "no idempotency key that still counts"),
        ("idempotent", "failed", "the contract allows no further attempt"),
    ] {
        let user = locked_out();
        let limits = "backoff = \"2s\"";
        let mut world =
            World::with(scim(), "scim", |dir| change(dir, effect, "10m", limits)).unwrap();
        world.proxy.set("PATCH", Fault::DropBefore);
        let id = planned(&world, &user);
        world.host.take().unwrap().kill().unwrap();
        world.proxy.set("PATCH", Fault::None);
        // Later than the key is known; later than the budget of the other one, too.
        let away_ms = if effect == "keyed" { 1_800_000 } else { 7_200_000 };
        let clock = world.dir.join("clock");
        fs::write(&clock, away_ms.to_string()).unwrap();
        world.serve_with(&[("DEED_TEST_CLOCK", clock.to_str().unwrap())]).unwrap();
        let view = world.settled(&id).unwrap();
        let receipt = ended(&world, &view, outcome, why);
        assert_eq!((attempts(&receipt), world.proxy.count("PATCH")), (1, 1), "{effect}");
        assert!(!is_active(&user), "{effect}");
    }
}

/// The machine sleeps while the host waits: our clock stands still, and the upstream's does not.
#[test]
fn a_key_that_was_slept_through_is_not_sent_again() {
    let user = locked_out();
    let mut world = World::lay_out(scim(), "scim").unwrap();
    change(&world.dir, "keyed", "10m", "backoff = \"5s\"").unwrap();
    host::expect(&["pin", world.path()]).unwrap();
    let clock = world.dir.join("clock");
    world.serve_with(&[("DEED_TEST_CLOCK", clock.to_str().unwrap())]).unwrap();
    world.proxy.set("PATCH", Fault::DropBefore);
    let id = planned(&world, &user);
    fs::write(&clock, "1800000").unwrap();
    world.proxy.set("PATCH", Fault::None);
    let view = world.settled(&id).unwrap();
    let why = "no idempotency key that still counts";
    let receipt = ended(&world, &view, "indeterminate", why);
    assert_eq!((attempts(&receipt), world.proxy.count("PATCH")), (1, 1));
}

/// The host dies after policy allowed the second attempt and before that starts; then policy is another.
#[test]
fn what_was_allowed_before_a_restart_is_asked_again() {
    let user = locked_out();
    let mut world = World::lay_out(scim(), "scim").unwrap();
    change(&world.dir, "idempotent", "10m", "backoff = \"2s\"").unwrap();
    host::expect(&["pin", world.path()]).unwrap();
    let deadly = [("DEED_FAILPOINT", "journal.write.before/attempt_started:2")];
    world.serve_with(&deadly).unwrap();
    world.proxy.set("PATCH", Fault::DropBefore);
    let id = planned(&world, &user);
    let mut dying = world.host.take().unwrap();
    assert!(dying.ends_within(Duration::from_mins(1)).unwrap(), "the second attempt never came");
    world.proxy.set("PATCH", Fault::None);
    let policies = world.dir.join("policies/starter.cedar");
    let text = fs::read_to_string(&policies).unwrap();
    let stop = "@id(\"stop\") forbid (principal, action, resource);";
    fs::write(&policies, format!("{text}{stop}\n")).unwrap();
    world.serve().unwrap();
    let view = world.settled(&id).unwrap();
    let receipt = ended(&world, &view, "failed", "policy does not allow it any more");
    assert_eq!((attempts(&receipt), world.proxy.count("PATCH")), (1, 1));
}
