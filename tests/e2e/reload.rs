//! Tests of reloads: a running host replaces its configuration as a whole, or keeps the one before.

mod apply;
mod bindings;
mod crashes;
mod persons;
mod under_way;

use std::fs;
use std::path::Path;

use deed_test_support::shared::{ended, locked_out, scim};
use deed_tests::layout::hash;
use deed_tests::services::Result;
use deed_tests::world::{BOB, HELPDESK, World, edit};
use serde_json::{Value, json};

use crate::activation::activations;

const POLICY: &str = "policies/starter.cedar";
const PERMITS: &str = "@id(\"helpdesk-reads\")\npermit";
const FORBIDS: &str = "@id(\"helpdesk-reads\")\nforbid";

/// Proposes a read of a user, which needs no approval.
fn read(world: &World) -> Value {
    world.propose(&World::proposal("idp.read_user", &locked_out())).unwrap().json()
}

/// Reloads, and checks that the reload has this result.
#[track_caller]
fn reload(world: &World, result: &str) -> Value {
    let says = world.reload().unwrap();
    assert_eq!(says["result"], result, "{says:#}");
    says
}

/// Removes a table of `deed.toml` with all of its lines.
fn remove_table(dir: &Path, head: &str) -> Result<()> {
    let path = dir.join("deed.toml");
    let text = fs::read_to_string(&path)?;
    let (before, rest) = text.split_once(head).ok_or("there is no such table")?;
    let after = rest.split_once("\n[").map(|(_, after)| format!("\n[{after}"));
    Ok(fs::write(&path, before.to_owned() + &after.unwrap_or_default())?)
}

#[test]
fn a_policy_that_forbids_denies_the_next_action() {
    let world = World::start(scim()).unwrap();
    ended(&world, &read(&world), "verified", "");
    edit(&world.dir, POLICY, PERMITS, FORBIDS).unwrap();
    reload(&world, "applied");
    let receipt = ended(&world, &read(&world), "denied", "forbidden by `helpdesk-reads`");
    assert_eq!(activations(&world), 2);
    edit(&world.dir, POLICY, FORBIDS, PERMITS).unwrap();
    reload(&world, "applied");
    let last = ended(&world, &read(&world), "verified", "");
    // Each decision names the activation that was the latest in the log.
    assert_ne!(receipt["activated"], last["activated"]);
    assert_eq!(activations(&world), 3);
}

#[test]
fn a_reload_of_files_that_have_not_changed_changes_nothing() {
    let world = World::start(scim()).unwrap();
    for reads in 2..5 {
        let says = reload(&world, "unchanged");
        assert_eq!(says["reads"], reads);
    }
    ended(&world, &read(&world), "verified", "");
    assert_eq!(activations(&world), 1);
}

#[test]
fn a_file_with_a_fault_changes_nothing_and_is_reported() {
    let world = World::start(scim()).unwrap();
    let toml = fs::read_to_string(world.dir.join("deed.toml")).unwrap();
    // The first file is good, so a host that replaced its configuration part by part would use it.
    edit(&world.dir, POLICY, PERMITS, FORBIDS).unwrap();
    edit(&world.dir, "deed.toml", "timeout = \"2s\"", "timeout = \"2 years\"").unwrap();
    let says = reload(&world, "refused");
    assert!(says["faults"][0].as_str().unwrap().starts_with("deed.toml:"), "{says:#}");
    let log = world.host.as_ref().unwrap().log();
    assert!(log.contains("the one before stays in force"), "{log}");
    assert_eq!(read(&world)["status"], "verified");
    fs::write(world.dir.join("deed.toml"), toml).unwrap();
    assert_eq!(activations(&world), 1);
    reload(&world, "applied");
    ended(&world, &read(&world), "denied", "");
    let metric = |name| world.metric(name).unwrap();
    assert_eq!(metric("deed_reloads_total"), Some(2));
}

#[test]
fn what_only_a_start_can_change_is_refused_with_its_name() {
    let world = World::start(scim()).unwrap();
    let toml = fs::read_to_string(world.dir.join("deed.toml")).unwrap();
    for (from, to, name) in [
        ("environment = \"production\"", "environment = \"staging\"", "`environment`"),
        ("listen = \"127.0.0.1:0\"", "listen = \"127.0.0.1:1\"", "`listen` under [http]"),
        ("[approval]", "[limits]\nruns = 3\n\n[approval]", "`runs` under [limits]"),
    ] {
        refused(&world, &toml.replacen(from, to, 1), name);
    }
    let (acme, _) = toml.split_once("[tenant.globex]").unwrap();
    refused(&world, acme, "the set of tenants changed from `acme, globex` to `acme`");
    fs::write(world.dir.join("deed.toml"), toml).unwrap();
    ended(&world, &read(&world), "verified", "");
}

/// Checks that a reload of this `deed.toml` is refused with a fault that has these words.
fn refused(world: &World, toml: &str, words: &str) {
    fs::write(world.dir.join("deed.toml"), toml).unwrap();
    let says = reload(world, "refused");
    let fault = says["faults"][0].as_str().unwrap();
    assert!(fault.contains(words) && fault.contains("restart the host"), "{fault}");
}

#[test]
fn a_contract_that_is_added_can_be_used() {
    let world = World::start(scim()).unwrap();
    add_contract(&world.dir).unwrap();
    world.pin().unwrap();
    let proposal = World::proposal("idp.look_at_user", &locked_out());
    let refused = world.propose(&proposal).unwrap();
    assert_eq!(refused.status, 404, "{refused:?}");
    reload(&world, "applied");
    ended(&world, &world.propose(&proposal).unwrap().json(), "verified", "");
    let listed = world.client(HELPDESK).get("/v1/contracts").unwrap().json().to_string();
    assert!(listed.contains("idp.look_at_user"), "{listed}");
    assert!(tools(&world).contains("idp_look_at_user"));
}

/// The list of tools that MCP offers the agent.
fn tools(world: &World) -> String {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    let headers =
        [("accept", "application/json, text/event-stream"), ("mcp-protocol-version", "2025-11-25")];
    let body = body.to_string().into_bytes();
    world.client(HELPDESK).send("POST", "/mcp", &headers, body).unwrap().json().to_string()
}

/// Adds a copy of a contract under another name, with a grant and a policy for it.
fn add_contract(dir: &Path) -> Result<()> {
    let text = fs::read_to_string(dir.join("contracts/read_user.toml"))?;
    // The adapter `scim` serves no contract of another name.
    let text = text.replace("idp.read_user", "idp.look_at_user");
    let text = text.replace("format = 1", "format = 2");
    let text = text.replace("adapter  = \"scim\"", "adapter  = \"declared\"");
    let from = "[state.user]\nfrom = \"GET /Users/{user_id}\" ";
    let text = text.replace("[state.user]", from);
    fs::write(dir.join("contracts/look_at_user.toml"), text)?;
    let policy = "@id(\"looks\")\npermit (principal, action == Deed::Action::\"idp.look_at_user\", resource);\n";
    fs::write(dir.join("policies/looks.cedar"), policy)?;
    let own = "[tenant.acme]\npolicies = [\"policies/starter.cedar\"";
    edit(dir, "deed.toml", own, &format!("{own}, \"policies/looks.cedar\""))?;
    let grant = "\n[tenant.acme.grant.\"idp.look_at_user\"]\nupstreams = [\"idp\"]\n";
    let toml = fs::read_to_string(dir.join("deed.toml"))?;
    Ok(fs::write(dir.join("deed.toml"), toml + grant)?)
}

#[test]
fn a_token_that_was_removed_is_refused_at_once() {
    let world = World::start(scim()).unwrap();
    let status = |token| world.client(token).get("/v1/contracts").unwrap().status;
    assert_eq!(status(HELPDESK), 200);
    let other = "deed_another-token-of-the-helpdesk-agent";
    edit(&world.dir, "deed.toml", &hash(HELPDESK), &hash(other)).unwrap();
    reload(&world, "applied");
    assert_eq!((status(HELPDESK), status(other)), (401, 200));
    assert_eq!(status(BOB), 200);
}

#[test]
fn an_action_that_waits_ends_at_once_if_its_contract_changed() {
    let world = World::start(scim()).unwrap();
    let proposal = World::proposal("idp.restore_access", &locked_out());
    let waiting = world.propose(&proposal).unwrap();
    assert_eq!(waiting.text("/status"), "waiting");
    edit(&world.dir, "contracts/restore_access.toml", "timeout = \"30s\"", "timeout = \"29s\"")
        .unwrap();
    world.pin().unwrap();
    reload(&world, "applied");
    let view = world.until(&waiting.text("/id"), |view| view["status"] != "waiting").unwrap();
    let view = world.settled(view["id"].as_str().unwrap()).unwrap();
    ended(&world, &view, "denied", "stale: the contract changed after it was proposed");
    ended(&world, &world.run(&proposal).unwrap(), "verified", "");
}

#[test]
fn an_approval_under_other_policies_is_asked_for_again() {
    let world = World::start(scim()).unwrap();
    let proposal = World::proposal("idp.restore_access", &locked_out());
    let waiting = world.propose(&proposal).unwrap();
    let id = waiting.text("/id");
    edit(&world.dir, POLICY, "restore-needs-lead", "restore-needs-a-lead").unwrap();
    reload(&world, "applied");
    world.approve(&id, "bob", BOB).unwrap();
    let view = world.settled(&id).unwrap();
    assert_eq!(view["status"], "waiting", "{view:#}");
    let (done, said) = world.approve(&id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    ended(&world, &world.settled(&id).unwrap(), "verified", "");
}
