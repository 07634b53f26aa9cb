//! Tests of adapters that lie, loop or reach beyond their grant: the host judges an adapter's requests and not its
//! claims.

use std::path::Path;
use std::time::{Duration, Instant};

use deed_test_support::cpu::quiet;
use deed_test_support::shared::{ended, is_active, locked_out, scim};
use deed_tests::proxy::Fault;
use deed_tests::world::{World, edit};
use serde_json::json;

use super::{CONTRACT, RESTORE, with_adapter};

#[test]
fn an_adapter_that_reports_a_state_which_no_exchange_contains_is_never_verified() {
    let (world, user) = (with_adapter("lies"), locked_out());
    // The upstream answers 204 and changes nothing; the adapter reports that the user is active.
    world.proxy.set("PATCH", Fault::Lie2xx);
    let view = world.run(&World::proposal(RESTORE, &user)).unwrap();
    let receipt = ended(&world, &view, "mismatch", "reported success and nothing changed");
    for look in ["pre", "post"] {
        let name = &scim().get_user(&user).unwrap()["userName"];
        let seen = deed_test_support::shared::look(&world, &view, look);
        assert_eq!(&seen["state"]["user"]["userName"], name, "{look} is what the host read");
        assert_eq!(seen["state"]["user"]["active"], false);
        assert_eq!(receipt[look]["derived"], json!([]));
    }
    assert_eq!(world.proxy.count("PATCH"), 1);
    assert!(!is_active(&user));
}

#[test]
fn an_adapter_that_never_ends_is_stopped_and_the_host_goes_on() {
    let slow = |dir: &Path| edit(dir, CONTRACT, "timeout = \"30s\"", "timeout = \"2s\"");
    let (world, user) = (World::with(scim(), "spins", slow).unwrap(), locked_out());
    let started = Instant::now();
    let view = world.run(&World::proposal(RESTORE, &user)).unwrap();
    let receipt = ended(&world, &view, "failed", "no write was sent");
    assert_eq!(receipt["attempts"][0]["claim"], "timed_out");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    let next = world.propose(&World::proposal("idp.read_user", &user)).unwrap();
    assert_eq!(next.text("/status"), "verified", "{}", next.json());
    quiet(&world);
}

#[test]
fn an_adapter_that_writes_while_it_observes_fails_before_anything_is_sent() {
    let (world, user) = (with_adapter("writes-while-observing"), locked_out());
    let answer = world.propose(&World::proposal(RESTORE, &user)).unwrap();
    assert_eq!(answer.status, 200, "nobody is asked: {}", answer.json());
    let receipt = ended(&world, &answer.json(), "failed", "PATCH");
    assert_eq!(receipt["attempts"], json!([]));
    assert_eq!(world.proxy.count("PATCH"), 0);
    assert!(!is_active(&user));
}
