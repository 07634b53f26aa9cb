//! Tests that a planned attempt does not run when its time is over, or when the configuration has changed since it was
//! planned.

use std::fs;
use std::time::Duration;

use deed_test_support::shared::{ended, is_active, locked_out, scim};
use deed_tests::host;
use deed_tests::proxy::Fault;
use deed_tests::wait::until;
use deed_tests::world::{BOB, HELPDESK, World, edit};

use super::{CONTRACT, RESTORE, attempts, change, planned};

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
        let receipt = ended(&world, &view, outcome, "there was no definite answer");
        assert_eq!((attempts(&receipt), world.proxy.count("PATCH")), (1, 1), "{effect}");
    }
}

#[test]
fn a_host_that_comes_back_too_late_does_not_send_again() {
    for (effect, outcome, why) in [
        ("keyed", "indeterminate", "its idempotency key is missing or has expired"),
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
        // For `keyed`, the clock advances past the validity of the idempotency key; for `idempotent`, it also advances
        // past the limit `total` for all attempts.
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

/// The host stops while it waits for a write that may still take effect. The host is restarted with a contract that is
/// easier to satisfy.
#[test]
fn what_was_sent_under_one_contract_is_not_judged_by_another() {
    let user = locked_out();
    let mut world = World::with(scim(), "scim", |dir| {
        change(dir, "observable", "10m", "")?;
        edit(dir, CONTRACT, "settle     = \"0s\"", "settle = \"5m\"")
    })
    .unwrap();
    world.proxy.set("PATCH", Fault::DropBefore);
    let proposal = World::proposal(RESTORE, &user);
    let at_once = [("prefer", "wait=0")];
    let proposed = world.client(HELPDESK).propose(&proposal, &at_once).unwrap();
    let id = proposed.text("/id");
    let looked = |world: &World| {
        let ledger = world.show(&id).unwrap()["ledger"].clone();
        let last = ledger.as_array().unwrap().last().unwrap()["event"].clone();
        last == "observed" && ledger.to_string().contains("attempt_ended")
    };
    until("it has looked", || looked(&world));
    assert!(world.host.take().unwrap().stop().unwrap());
    let easy = "after = [\"has(post.user.active)\"]";
    let hard = "after      = [\"has(post.user.active) && post.user.active\"]";
    edit(&world.dir, CONTRACT, hard, easy).unwrap();
    host::expect(&["pin", world.path()]).unwrap();
    world.serve().unwrap();
    let why = "the contract changed after a write may have been sent";
    ended(&world, &world.settled(&id).unwrap(), "indeterminate", why);
}

/// The machine sleeps while the host waits: the host's clock stops, but the upstream's clock continues.
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
    let why = "its idempotency key is missing or has expired";
    let receipt = ended(&world, &view, "indeterminate", why);
    assert_eq!((attempts(&receipt), world.proxy.count("PATCH")), (1, 1));
}

/// The host is killed after policy allowed the second attempt and before this attempt starts. The policy is changed
/// before the host starts again.
#[test]
fn what_was_allowed_before_a_restart_is_asked_again() {
    let user = locked_out();
    let mut world = World::lay_out(scim(), "scim").unwrap();
    change(&world.dir, "idempotent", "10m", "backoff = \"2s\"").unwrap();
    host::expect(&["pin", world.path()]).unwrap();
    let deadly = [("DEED_FAILPOINT", "journal.write.before/decided+attempt_started:1")];
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
    let receipt = ended(&world, &view, "failed", "policy no longer allows it");
    assert_eq!((attempts(&receipt), world.proxy.count("PATCH")), (1, 1));
}

/// If a restart changed the contract, environment or binding of an action, the action cannot be approved, because it
/// could never run.
#[test]
fn what_waits_for_people_ends_when_its_world_changes() {
    let changes = [
        ("contract", CONTRACT, "version  = \"1.0.0\"", "version  = \"1.1.0\""),
        ("environment", "deed.toml", "environment = \"production\"", "environment = \"staging\""),
        (
            "upstream binding",
            "deed.toml",
            "secret = \"idp_write\", slot = \"bearer\"",
            "secret = \"idp_write\", slot = { basic = { user = \"deed\" } }",
        ),
    ];
    for (what, file, from, to) in changes {
        let mut world = World::start(scim()).unwrap();
        let proposal = World::proposal("idp.restore_access", &locked_out());
        let id = world.propose(&proposal).unwrap().text("/id");
        assert_eq!(world.show(&id).unwrap()["status"], "waiting");
        assert!(world.host.take().unwrap().stop().unwrap());
        edit(&world.dir, file, from, to).unwrap();
        host::expect(&["pin", world.path()]).unwrap();
        world.serve().unwrap();
        until(what, || world.show(&id).unwrap()["status"] != "waiting");
        let why = format!("stale: the {what} changed after it was proposed");
        ended(&world, &world.settled(&id).unwrap(), "denied", &why);
        let request = format!("/v1/actions/{id}/approval_request");
        assert_eq!(world.client(BOB).get(&request).unwrap().status, 409, "{what}");
        assert_eq!(world.proxy.count("PATCH"), 0);
    }
}
