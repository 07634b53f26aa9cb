//! Snapshots of what agents, approvers, operators and auditors read about an action: the output of the commands from
//! proposal to bundle, and the action's page for each outcome.

use std::path::Path;

use deed_test_support::shared::{locked_out, scim};
use deed_tests::proxy::Fault;
use deed_tests::services::{Result, workspace};
use deed_tests::world::{BOB, CAROL, HELPDESK, World, edit, with_operator};
use serde_json::{Value, json};

use super::transcript::Transcript;

const RESTORE: &str = "idp.restore_access";

/// Waits until the action's view satisfies the condition, and returns the view.
fn until(world: &World, id: &str, so: impl Fn(&Value) -> bool) -> Value {
    world.until(id, so).unwrap()
}

fn id(view: &Value) -> String {
    view["id"].as_str().unwrap().to_owned()
}

fn key(world: &World, person: &str) -> String {
    world.dir.join(format!("approvers/{person}.key")).display().to_string()
}

/// Every command that is typed for an action that a person approves.
#[test]
fn from_proposal_to_verified_bundle() {
    let world = World::start(scim()).unwrap();
    let mut transcript = Transcript::of(&world);
    let user = locked_out();
    let param = format!("user_id={user}");
    let ask = ["act", RESTORE, "--param", &param, "--intent", "locked out", "--source", "ticket:1"];
    transcript.run_as(HELPDESK, &[&ask[..], &["--explain"]].concat(), "");
    transcript.run_as(HELPDESK, &[&ask[..], &["--explain", "--json"]].concat(), "");
    transcript.run_as(HELPDESK, &ask, "");
    let listed = world.client(BOB).get("/v1/actions").unwrap().json();
    let id = id(&listed["actions"][0]);
    transcript.run_as(BOB, &["ls"], "");
    transcript.run_as(BOB, &["ls", "--json"], "");
    transcript.run_as(HELPDESK, &["show", &id], "");
    transcript.run_as(HELPDESK, &["show", &id, "--json"], "");
    let bob = key(&world, "bob");
    let sign = ["--key", &bob, "--person", "bob", "--role", "support-lead"];
    transcript.run_as(BOB, &[&["approve", &id], &sign[..]].concat(), "");
    transcript.run_as(BOB, &[&["approve", &id, "--yes"], &sign[..]].concat(), "");
    assert_eq!(world.settled(&id).unwrap()["status"], "verified");
    transcript.run_as(BOB, &[&["approve", &id, "--yes"], &sign[..]].concat(), "");
    transcript.run_as(BOB, &["show", &id], "");
    transcript.run_as(BOB, &["show", &id, "--json"], "");
    transcript.run_as(HELPDESK, &["cancel", &id], "");
    evidence(&world, &mut transcript, &id);
    transcript.check("action-story");
}

/// The bundle in the version for persons and in the version for the agent, and the reports of offline tools about these
/// bundles.
fn evidence(world: &World, transcript: &mut Transcript, id: &str) {
    let path = |name: &str| world.dir.join(name).display().to_string();
    let (whole, agents, trust) = (path("whole.deed"), path("agents.deed"), path("trust"));
    transcript.run_as(BOB, &["bundle", id, "-o", &whole], "");
    transcript.run_as(HELPDESK, &["bundle", id, "-o", &agents], "");
    transcript.run(&["trust", world.path(), &trust, "--tenant", "acme"]);
    transcript.run(&["verify", &whole, "--trust", &trust]);
    transcript.run(&["verify", &whole, "--trust", &trust, "--json"]);
    transcript.run(&["verify", &agents, "--trust", &trust]);
    transcript.run(&["verify", &whole]);
    transcript.run(&["verify", &path("deed.toml"), "--trust", &trust]);
    transcript.run(&["verify", &path("none.deed"), "--trust", &trust]);
    let adapter = workspace().join("target/adapters/scim.wasm").display().to_string();
    let other = workspace().join("target/adapters/silent.wasm").display().to_string();
    transcript.run(&["replay", &whole, &adapter]);
    transcript.run(&["replay", &whole, &adapter, "--json"]);
    transcript.run(&["replay", &whole, &other]);
    transcript.run(&["replay", &whole, &other, "--other-build"]);
    transcript.run(&["replay", &agents, &adapter]);
}

/// The page that a person reads, once the action's last entry is in the log.
fn page(transcript: &mut Transcript, world: &World, title: &str, view: &Value) {
    let logged = |view: &Value| view["outcome"].is_null() || view["receipt"]["index"].is_u64();
    let id = id(&until(world, &id(view), logged));
    transcript.heading(title);
    transcript.name(world.path(), "DIR");
    let output = deed_tests::host::run(&["show", &id, "--url", world.url(), "--token", BOB], "");
    let output = output.unwrap();
    transcript.lines(&String::from_utf8_lossy(&[output.stdout, output.stderr].concat()));
}

fn with_contract(from: &str, to: &str) -> World {
    let change = |dir: &Path| edit(dir, "contracts/restore_access.toml", from, to);
    World::with(scim(), "scim", change).unwrap()
}

#[test]
fn pages_of_what_was_never_sent() {
    let mut transcript = Transcript::new();
    let world = World::start(scim()).unwrap();
    let proposal = |user: &str| World::proposal(RESTORE, user);
    let waiting = |user: &str| world.propose(&proposal(user)).unwrap().json();

    page(&mut transcript, &world, "waiting", &waiting(&locked_out()));
    let denied = waiting(&locked_out());
    assert!(world.answer("deny", &id(&denied), "carol", CAROL).unwrap().0);
    page(&mut transcript, &world, "denied by a person", &denied);
    let cancelled = waiting(&locked_out());
    let path = format!("/v1/actions/{}/cancel", id(&cancelled));
    world.client(HELPDESK).post(&path, &json!({})).unwrap();
    page(&mut transcript, &world, "cancelled", &cancelled);
    let mut elsewhere = proposal(&locked_out());
    elsewhere["environment"] = json!("test");
    let elsewhere = world.propose(&elsewhere).unwrap().json();
    page(&mut transcript, &world, "denied: another environment", &elsewhere);
    let mut unsourced = proposal(&locked_out());
    unsourced["sources"] = json!([]);
    let unsourced = world.propose(&unsourced).unwrap().json();
    page(&mut transcript, &world, "denied: no source", &unsourced);
    let active = deed_test_support::shared::user("snapshot-active", Some(true));
    let unneeded = world.propose(&proposal(&active)).unwrap().json();
    page(&mut transcript, &world, "denied: the precondition does not hold", &unneeded);
    stale(&mut transcript, &world);
    expired(&mut transcript);
    by_policy(&mut transcript);
    world.proxy.set("GET", Fault::Refuse { status: 503 });
    let unseen = world.propose(&proposal(&locked_out())).unwrap().json();
    page(&mut transcript, &world, "failed: the state could not be read", &unseen);
    transcript.check("action-pages-unsent");
}

fn stale(transcript: &mut Transcript, world: &World) {
    let user = locked_out();
    let asked = world.propose(&World::proposal(RESTORE, &user)).unwrap().json();
    let rename = json!([{ "op": "replace", "path": "displayName", "value": "Renamed" }]);
    scim().patch(&user, &rename).unwrap();
    let (_, said) = world.approve(&id(&asked), "bob", BOB).unwrap();
    transcript.heading("approving what changed meanwhile");
    transcript.lines(&said);
    until(world, &id(&asked), |view| view["stale"][0].is_string());
    page(transcript, world, "waiting again, after the state changed", &asked);
}

fn expired(transcript: &mut Transcript) {
    let soon = |dir: &Path| edit(dir, "deed.toml", "expires = \"1h\"", "expires = \"1s\"");
    let world = World::with(scim(), "scim", soon).unwrap();
    let view = world.propose(&World::proposal(RESTORE, &locked_out())).unwrap().json();
    let ended = until(&world, &id(&view), |view| view["outcome"].is_string());
    page(transcript, &world, "expired", &ended);
}

fn by_policy(transcript: &mut Transcript) {
    let never = |dir: &Path| -> Result<()> {
        let forbid = "@id(\"never\")\nforbid (principal, action, resource);\n";
        Ok(std::fs::write(dir.join("policies/starter.cedar"), forbid)?)
    };
    let world = World::with(scim(), "scim", never).unwrap();
    let view = world.propose(&World::proposal(RESTORE, &locked_out())).unwrap().json();
    page(transcript, &world, "denied by policy", &view);
}

#[test]
fn pages_of_what_was_sent() {
    let mut transcript = Transcript::new();
    let world = World::start(scim()).unwrap();
    let run = |transcript: &mut Transcript, title: &str, fault: Fault| {
        world.proxy.set("PATCH", fault);
        let view = world.run(&World::proposal(RESTORE, &locked_out())).unwrap();
        page(transcript, &world, title, &view);
    };
    run(&mut transcript, "verified", Fault::None);
    run(&mut transcript, "verified, though no answer came", Fault::DropAfter);
    run(&mut transcript, "failed: refused", Fault::Refuse { status: 403 });
    run(&mut transcript, "failed: refused with 412", Fault::Refuse { status: 412 });
    run(&mut transcript, "mismatch: a success that changed nothing", Fault::Lie2xx);
    let rename = json!([{ "op": "replace", "path": "displayName", "value": "Mallory" }]);
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": rename
    });
    run(&mut transcript, "mismatch: more changed than may", Fault::AlsoPatch { body });
    let user = deed_test_support::shared::user("snapshot-read", Some(true));
    let read = world.propose(&World::proposal("idp.read_user", &user)).unwrap().json();
    page(&mut transcript, &world, "a read", &read);
    let settling = with_contract("settle     = \"0s\"", "settle     = \"1s\"");
    settling.proxy.set("PATCH", Fault::ApplyLater { ms: 300 });
    let view = settling.run(&World::proposal(RESTORE, &locked_out())).unwrap();
    page(&mut transcript, &settling, "verified after it settled", &view);
    let hostile = |adapter: &str| World::with(scim(), adapter, |_| Ok(())).unwrap();
    for adapter in ["silent", "panics", "writes-while-observing", "lies", "claims-failure"] {
        let world = hostile(adapter);
        let view = world.run(&World::proposal(RESTORE, &locked_out())).unwrap();
        page(&mut transcript, &world, &format!("with the adapter `{adapter}`"), &view);
    }
    transcript.check("action-pages-sent");
}

/// Changes the directory so that no approval is needed and an observation without an effect proves nothing.
fn opaque(dir: &Path) -> Result<()> {
    let permit = "@id(\"all\")\npermit (principal, action, resource);\n";
    std::fs::write(dir.join("policies/starter.cedar"), permit)?;
    edit(dir, "contracts/restore_access.toml", "\"observable\"", "\"opaque\"")?;
    with_operator(dir)
}

#[test]
fn an_open_outcome_and_its_resolution() {
    let world = World::with(scim(), "scim", opaque).unwrap();
    let mut transcript = Transcript::of(&world);
    world.proxy.set("PATCH", Fault::DropBefore);
    let view = world.run(&World::proposal(RESTORE, &locked_out())).unwrap();
    world.proxy.set("PATCH", Fault::None);
    let id = id(&view);
    let look = |view: &Value| view["escalated"].is_string();
    until(&world, &id, look);
    page(&mut transcript, &world, "indeterminate", &view);
    let carol = key(&world, "carol");
    let resolve = ["resolve", &id, "not-applied", "--reason", "asked the owner", "--key", &carol];
    // A host accepts a resolution only when the write can no longer take effect.
    until(&world, &id, |_| can_resolve(&world, &id));
    transcript.run_as(CAROL, &resolve, "");
    transcript.run_as(CAROL, &[&resolve[..], &["--yes"]].concat(), "");
    let settled = until(&world, &id, |view| view["reconciliation"]["index"].is_u64());
    page(&mut transcript, &world, "resolved", &settled);
    transcript.run_as(CAROL, &[&resolve[..], &["--yes"]].concat(), "");
    transcript.check("action-resolved");
}

fn can_resolve(world: &World, id: &str) -> bool {
    let path = format!("/v1/actions/{id}/resolution_request");
    world.client(CAROL).get(&path).unwrap().status == 200
}
