//! What is in force is in the log before anything runs under it, once for every change.

use std::path::Path;

use deed_tests::host;
use deed_tests::world::{World, edit};
use serde_json::Value;

use crate::shared::{ended, locked_out, scim};

/// How many activations the log of `acme` has.
fn activations(world: &World) -> u64 {
    let (log, vkey) = (world.dir.join("state/log/acme"), world.dir.join("trust"));
    if !vkey.exists() {
        world.trust().unwrap();
    }
    let args = ["log", "audit", log.to_str().unwrap(), "--trust", vkey.to_str().unwrap(), "--json"];
    let found: Value = serde_json::from_str(&host::expect(&args).unwrap()).unwrap();
    found["entries"]["activated"].as_u64().unwrap_or(0)
}

fn act(world: &World) {
    let view = world.run(&World::proposal("idp.restore_access", &locked_out())).unwrap();
    ended(world, &view, "verified", "");
}

#[test]
fn a_changed_configuration_is_activated_once_and_an_unchanged_one_never_again() {
    let mut world = World::start(scim()).unwrap();
    assert_eq!(activations(&world), 1);
    act(&world);
    world.restart().unwrap();
    act(&world);
    assert_eq!(activations(&world), 1);
    let resource = "[tenant.acme.resource.\"user:1\"]\ntier = \"gold\"\n\n[tenant.globex]\n";
    let changes: [(&str, &str, &str); 4] = [
        ("policies/starter.cedar", "restore-needs-lead", "restore-needs-a-lead"),
        ("deed.toml", "roles = [\"helpdesk\"]", "roles = [\"helpdesk\", \"auditor\"]"),
        ("deed.toml", "[tenant.globex]\n", resource),
        ("deed.toml", "keys = [\"approvers/carol.pub\"]", "keys = []"),
    ];
    for (n, (file, from, to)) in changes.into_iter().enumerate() {
        edit(&world.dir, file, from, to).unwrap();
        world.restart().unwrap();
        assert_eq!(activations(&world), n as u64 + 2, "{file}: {to}");
        act(&world);
        world.restart().unwrap();
        assert_eq!(activations(&world), n as u64 + 2, "{file}: {to}");
    }
}

#[test]
fn what_another_tenant_changes_is_not_activated_here() {
    let mut world = World::start(scim()).unwrap();
    let globex = |dir: &Path| {
        edit(
            dir,
            "deed.toml",
            "person = \"dora\"\nroles = [\"helpdesk\"]",
            "person = \"dora\"\nroles = []",
        )
    };
    globex(&world.dir).unwrap();
    world.restart().unwrap();
    assert_eq!(activations(&world), 1);
}
