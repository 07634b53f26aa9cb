//! Tests of `deed replay`, which runs the adapter again on the data recorded in a bundle and reports any difference.

mod chance;
mod differences;

use std::fs;
use std::path::{Path, PathBuf};

use deed_test_support::shared::{ended, locked_out, scim, user};
use deed_tests::host;
use deed_tests::proxy::Fault;
use deed_tests::services::{Result, workspace};
use deed_tests::world::{World, edit};
use serde_json::{Value, json};

const RESTORE: &str = "idp.restore_access";

fn wasm(adapter: &str) -> PathBuf {
    workspace().join(format!("target/adapters/{adapter}.wasm"))
}

/// Exit code and output.
fn replay(bundle: &Path, adapter: &Path, more: &[&str]) -> (i32, String) {
    let args = [&["replay", bundle.to_str().unwrap(), adapter.to_str().unwrap()], more].concat();
    let output = host::run(&args, "").unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&text).into_owned())
}

/// Writes the bundle of an ended action to disk, in the version that persons get.
fn bundle(world: &World, view: &Value) -> PathBuf {
    let id = view["id"].as_str().unwrap();
    let path = world.dir.join(format!("{id}.deed"));
    fs::write(&path, world.bundle(id).unwrap()).unwrap();
    path
}

/// Replays the bundle with the adapter that made it, asserts that nothing differs, and returns the report.
fn identical(world: &World, view: &Value) -> Value {
    let adapter = world.dir.join("adapters/scim.wasm");
    let (code, said) = replay(&bundle(world, view), &adapter, &["--json"]);
    assert_eq!(code, 0, "{said}");
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["replay"]["verdict"], "identical", "{said}");
    report["replay"].clone()
}

fn runs(report: &Value) -> Vec<&str> {
    report["runs"].as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap()).collect()
}

const ALL: [&str; 3] = ["look before", "attempt 1", "look after"];

fn run_with(world: &World, fault: Fault) -> Value {
    world.proxy.set("PATCH", fault);
    world.run(&World::proposal(RESTORE, &locked_out())).unwrap()
}

fn opaque(dir: &Path) -> Result<()> {
    edit(dir, "contracts/restore_access.toml", "effect   = \"observable\"", "effect   = \"opaque\"")
}

#[test]
fn what_was_verified_replays_without_the_host_and_with_trust_is_verified_too() {
    let mut world = World::start(scim()).unwrap();
    let view = run_with(&world, Fault::None);
    ended(&world, &view, "verified", "every expectation holds");
    let (file, adapter) = (bundle(&world, &view), world.dir.join("adapters/scim.wasm"));
    world.host.take().unwrap().stop().unwrap();
    let (requests, trust) = (world.proxy.requests().len(), world.dir.join("trust"));
    let (code, said) = replay(&file, &adapter, &[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("same  look before") && said.contains("same  look after"), "{said}");
    assert!(said.contains("whether the record is authentic was not checked"), "{said}");
    assert!(said.trim_end().ends_with(&format!("IDENTICAL {}", view["id"].as_str().unwrap())));
    let (code, said) = replay(&file, &adapter, &["--trust", trust.to_str().unwrap()]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("VERIFIED") && said.contains("IDENTICAL"), "{said}");
    assert_eq!(world.proxy.requests().len(), requests, "nobody was asked");
}

#[test]
fn every_outcome_replays() {
    let world = World::start(scim()).unwrap();
    for (fault, outcome, reason) in [
        (Fault::Lie2xx, "mismatch", "reported success and nothing changed"),
        (Fault::Refuse { status: 403 }, "failed", "the upstream refused"),
        (Fault::DropBefore, "failed", "there was no definite answer"),
        (Fault::DropAfter, "verified", "every expectation holds"),
        (Fault::Status5xxAfter, "verified", "every expectation holds"),
        (Fault::Delay { ms: 3_000 }, "failed", "there was no definite answer"),
    ] {
        let view = run_with(&world, fault.clone());
        if !matches!(fault, Fault::Delay { .. }) {
            ended(&world, &view, outcome, reason);
        }
        assert_eq!(runs(&identical(&world, &view)), ALL, "{fault:?}");
    }
    let open = World::with(scim(), "scim", opaque).unwrap();
    let view = run_with(&open, Fault::DropBefore);
    ended(&open, &view, "indeterminate", "there was no definite answer");
    assert_eq!(runs(&identical(&open, &view)), ALL);
}

#[test]
fn a_read_and_a_look_that_failed_replay() {
    let world = World::start(scim()).unwrap();
    let user = user("replayed-read", Some(true));
    let view = world.run(&World::proposal("idp.read_user", &user)).unwrap();
    ended(&world, &view, "verified", "");
    assert_eq!(runs(&identical(&world, &view)), ["look before"]);
    for fault in [Fault::Refuse { status: 500 }, Fault::DropBefore, Fault::WithoutTag] {
        world.proxy.set("GET", fault);
        let view = world.run(&World::proposal("idp.suspend_user", &user)).unwrap();
        assert_eq!(runs(&identical(&world, &view)), ["look before"], "{view:#}");
    }
}

/// A host name that resolvers treat as an address. `deed check` does not recognize this name as an address and leaves
/// it to the resolver.
const LOOPBACK: &str = "0x7f000001";

#[test]
fn an_upstream_that_may_not_be_dialled_is_refused_again() {
    let world = World::with(scim(), "scim", |dir| {
        edit(
            dir,
            "deed.toml",
            "base_url = \"http://127.0.0.1:",
            &format!("base_url = \"http://{LOOPBACK}:"),
        )?;
        edit(
            dir,
            "deed.toml",
            "addresses = [\"loopback\"]\ntimeout",
            "addresses = [\"public\"]\ntimeout",
        )
    });
    let world = world.unwrap();
    let view = run_with(&world, Fault::None);
    let seen = deed_test_support::shared::look(&world, &view, "pre");
    assert_eq!(seen["exchanges"][0]["failure"], "denied", "{seen:#}");
    let reason = view["reason"].as_str().unwrap();
    assert!(
        reason.contains("the configuration does not allow the connection: upstream `idp`"),
        "{reason}"
    );
    assert!(!reason.contains("adapter"), "{reason}");
    let log = world.host.as_ref().unwrap().log();
    assert!(
        log.contains("the configuration does not allow") && !log.contains("outside its grant"),
        "{log}"
    );
    assert_eq!(runs(&identical(&world, &view)), ["look before"]);
}

#[test]
fn a_write_that_was_turned_away_and_sent_again_replays() {
    let world = World::start(scim()).unwrap();
    let user = user("replayed-race", Some(true));
    let renamed = json!([{ "op": "replace", "path": "displayName", "value": "Somebody {n}" }]);
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
    let body = json!({ "schemas": schemas, "Operations": renamed });
    world.proxy.set("PATCH", Fault::PatchBefore { body });
    let view = world.run(&World::proposal("idp.suspend_user", &user)).unwrap();
    assert_eq!(view["status"], "waiting", "{view:#}");
    world.proxy.set("PATCH", Fault::None);
    let id = view["id"].as_str().unwrap();
    assert!(world.approve(id, "bob", deed_tests::world::BOB).unwrap().0);
    let view = world.settled(id).unwrap();
    ended(&world, &view, "verified", "every expectation holds");
    let report = identical(&world, &view);
    assert_eq!(runs(&report), ["look before", "attempt 1", "attempt 2", "look after"]);
}

#[test]
fn guests_that_lie_and_reach_beyond_their_grant_replay() {
    for guest in
        ["lies", "points-astray", "asks-elsewhere", "claims-failure", "writes-while-observing"]
    {
        let world = World::with(scim(), guest, |_| Ok(())).unwrap();
        let view = run_with(&world, Fault::None);
        assert!(view["outcome"].is_string(), "{guest}: {view:#}");
        let report = identical(&world, &view);
        assert!(!runs(&report).is_empty(), "{guest}");
    }
}

#[test]
fn a_guest_that_the_clock_stopped_is_stopped_again() {
    let slow = |dir: &Path| {
        edit(dir, "contracts/restore_access.toml", "timeout = \"30s\"", "timeout = \"2s\"")
    };
    let world = World::with(scim(), "spins", slow).unwrap();
    let view = run_with(&world, Fault::None);
    ended(&world, &view, "failed", "no write was sent");
    let report = identical(&world, &view);
    assert!(runs(&report).contains(&"attempt 1"), "{report:#}");
}
