//! A signed statement of the configuration (an activation statement) is in the log before any action runs under this
//! configuration. The host logs one activation statement for each change of the configuration in force.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_spec::digest::Digest;
use deed_test_support::shared::{ended, envelopes, locked_out, report, scim};
use deed_tests::host;
use deed_tests::world::{HELPDESK, World, edit};
use serde_json::{Value, json};

/// The number of activation statements in the log of `acme`.
pub(crate) fn activations(world: &World) -> u64 {
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

#[test]
fn a_bundle_has_what_was_in_force_and_an_agents_copy_too() {
    let world = World::start(scim()).unwrap();
    let view = world.run(&World::proposal("idp.restore_access", &locked_out())).unwrap();
    let receipt = ended(&world, &view, "verified", "");
    let first = envelopes(&world, &view).remove(0);
    let payload = STANDARD.decode(first["payload"].as_str().unwrap()).unwrap();
    assert_eq!(receipt["activated"], json!([Digest::of(&payload).to_string()]));
    let statement: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(statement["predicateType"], "urn:deed:activated:v1");
    assert_eq!(statement["subject"][0]["name"], "activation.json");
    // The activation statement in a bundle must not reveal the names of agents, resources and persons.
    let text = String::from_utf8(payload).unwrap();
    for name in ["helpdesk", "bob", "carol", "alice"] {
        assert!(!text.contains(&format!("\"{name}\"")), "{text}");
    }
    let report = report(&world, view["id"].as_str().unwrap());
    let line = report.checks.iter().find(|line| line.name == "activation").unwrap();
    assert!(line.detail.contains("activated at 0 of the log"), "{line:?}");
    let id = view["id"].as_str().unwrap();
    let copy = world.client(HELPDESK).get(&format!("/v1/actions/{id}/bundle")).unwrap().bytes;
    let chain = deed_record::bundle::read(&copy).unwrap()[deed_record::bundle::CHAIN].clone();
    assert_eq!(
        serde_json::from_slice::<Value>(chain.split(|b| *b == b'\n').next().unwrap()).unwrap(),
        first
    );
}

/// An attacker with write access to the stored statements cannot make the host publish a statement that it did not
/// sign.
#[test]
fn a_statement_that_was_changed_where_it_is_kept_is_found_out() {
    let mut world = World::start(scim()).unwrap();
    act(&world);
    assert!(world.host.take().unwrap().stop().unwrap());
    let folder = world.dir.join("state/statements");
    let file = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let of_acme = |path: &PathBuf| fs::read_to_string(path).unwrap().contains("\"bob\"");
    let file =
        file.filter(|path| path.extension().is_some_and(|e| e == "json")).find(of_acme).unwrap();
    let kept = fs::read_to_string(&file).unwrap();
    // The list of persons that is stored next to the statement is not signed, so it must match the list that the
    // statement names.
    fs::write(&file, kept.replace("\"bob\"", "\"mallory\"")).unwrap();
    let out = world.dir.join("forged");
    let output = host::run(&["trust", world.path(), out.to_str().unwrap(), "--tenant", "acme"], "");
    let said = String::from_utf8_lossy(&output.unwrap().stderr).into_owned();
    assert!(said.contains("not those that it names"), "{said}");
    let mut forged: Value = serde_json::from_str(&kept).unwrap();
    forged["envelope"]["payload"] = json!(STANDARD.encode("{}"));
    fs::write(&file, forged.to_string()).unwrap();
    let refused = world.serve().unwrap_err().to_string();
    assert!(refused.contains("does not match its name"), "{refused}");
    // If a stored activation statement is lost, the host signs it again.
    fs::remove_file(&file).unwrap();
    world.serve().unwrap();
    act(&world);
    assert_eq!(activations(&world), 2);
}
