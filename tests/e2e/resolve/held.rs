//! An open action keeps its resource, even over restarts, until an observation or a person has settled the action.

use deed_test_support::shared::{ended, is_active, locked_out, scim};
use deed_tests::host;
use deed_tests::proxy::Fault;
use deed_tests::wait;
use deed_tests::world::{BOB, CAROL, HELPDESK, World, edit};
use serde_json::{Value, json};

use super::{REASON, escalated, lost, opaque, settled, until};

/// Proposes without waiting; returns the action's id.
fn queue(world: &World, contract: &str, user: &str) -> String {
    let at_once = [("prefer", "wait=0")];
    let proposal = World::proposal(contract, user);
    world.client(HELPDESK).propose(&proposal, &at_once).unwrap().text("/id")
}

fn is_held(id: &str) -> impl Fn(&Value) -> bool {
    move |view| view["held_by"] == id
}

#[test]
fn another_action_waits_until_the_open_one_is_resolved() {
    let before = "[\"!has(pre.user.active) || pre.user.active\"]";
    let world = World::with(scim(), "scim", |dir| {
        edit(dir, "contracts/suspend_user.toml", before, "[]")?;
        opaque(dir)
    });
    let (mut world, user) = (world.unwrap(), locked_out());
    let first = lost(&world, &user);
    let second = queue(&world, "idp.suspend_user", &user);
    until(&world, &second, is_held(&first));
    let shown = host::expect(&["show", &second, "--url", world.url(), "--token", BOB]).unwrap();
    assert!(shown.contains(&format!("behind {first}, which holds the resource")), "{shown}");
    let agents = world.client(HELPDESK).get(&format!("/v1/actions/{second}")).unwrap().json();
    assert_eq!(agents["held_by"], Value::Null, "an agent is told of its own actions only");
    escalated(&world, &first);
    // A host that stops does not wait for queued actions. After a restart, the second action is still held by the
    // first.
    world.restart().unwrap();
    until(&world, &second, is_held(&first));
    world.host.take().unwrap().kill().unwrap();
    world.serve().unwrap();
    until(&world, &second, is_held(&first));
    assert_eq!(world.proxy.count("PATCH"), 1, "only the lost one");
    // Actions on other resources can run.
    let other = world.run(&World::proposal("idp.suspend_user", &locked_out())).unwrap();
    assert_eq!(other["status"], "verified", "{other:#}");
    let (done, said) = world.resolve(&first, "not-applied", REASON).unwrap();
    assert!(done, "{said}");
    let view = settled(
        &world,
        &first,
        deed_record::lifecycle::outcome::Outcome::Failed,
        "was not applied",
    );
    let done = world.settled(&second).unwrap();
    assert_eq!(done["outcome"], "verified", "{done:#}");
    let event = |line: &&Value| line["event"] == "settled";
    let at = view["ledger"].as_array().unwrap().iter().find(event).unwrap()["at_ms"].as_i64();
    assert!(done["calls"][0]["at_ms"].as_i64() >= at, "{view:#}\n{done:#}");
    assert!(!is_active(&user));
    assert_eq!(world.proxy.count("PATCH"), 3);
}

#[test]
fn a_queued_action_can_be_cancelled_and_the_open_one_keeps_its_resource() {
    let (world, user) = (World::with(scim(), "scim", opaque).unwrap(), locked_out());
    let first = lost(&world, &user);
    let second = queue(&world, "idp.restore_access", &user);
    until(&world, &second, is_held(&first));
    let path = format!("/v1/actions/{second}/cancel");
    let cancelled = world.client(HELPDESK).post(&path, &json!({})).unwrap();
    assert_eq!(cancelled.text("/status"), "cancelled", "{}", cancelled.json());
    let third = queue(&world, "idp.restore_access", &user);
    until(&world, &third, is_held(&first));
    // The observations of the first action do not queue behind the third action.
    let looks = world.proxy.count("GET");
    wait::until("it is looked at again and again", || world.proxy.count("GET") > looks);
    let (done, said) = world.resolve_as(&first, "applied", REASON, "carol", CAROL).unwrap();
    assert!(done, "{said}");
    world.proxy.set("PATCH", Fault::None);
    let third = world.settled(&third).unwrap();
    assert_eq!(third["outcome"], "verified", "{third:#}");
    assert_eq!(world.proxy.count("PATCH"), 2);
}

#[test]
fn who_queues_longer_than_its_contract_lets_it_has_expired() {
    let world = World::with(scim(), "scim", |dir| {
        let limits = "timeout = \"30s\"\nqueue = \"1s\"";
        edit(dir, "contracts/restore_access.toml", "timeout = \"30s\"", limits)?;
        opaque(dir)
    });
    let (world, user) = (world.unwrap(), locked_out());
    let first = lost(&world, &user);
    let second = queue(&world, "idp.restore_access", &user);
    let view = world.settled(&second).unwrap();
    ended(&world, &view, "expired", "was not free within 1000 ms");
    assert_eq!(world.proxy.count("PATCH"), 1);
    // The open action is unchanged.
    assert_eq!(world.show(&first).unwrap()["status"], "indeterminate");
    let third = queue(&world, "idp.restore_access", &user);
    until(&world, &third, is_held(&first));
}
