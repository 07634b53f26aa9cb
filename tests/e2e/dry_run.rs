//! Dry runs: an action that is decided, observed and rehearsed, sends no write and asks nobody. Each test reads the state
//! from the SCIM server itself and counts the writes that reached it.

use std::fs;
use std::path::Path;
use std::thread;

use deed_test_support::office::{Case, Office};
use deed_test_support::shared::{
    declare, declared, ended, fresh_name, is_active, locked_out, look, scim, user,
};
use deed_tests::host;
use deed_tests::proxy::Fault;
use deed_tests::services::Result;
use deed_tests::wait::until;
use deed_tests::world::{BOB, HELPDESK, World, edit};
use serde_json::{Value, json};

const RESTORE: &str = "idp.restore_access";
const STARTER: &str = "policies/starter.cedar";

fn dry(contract: &str, user: &str) -> Value {
    let mut proposal = World::proposal(contract, user);
    proposal["dry_run"] = json!(true);
    proposal
}

/// Makes a dry run as the helpdesk agent, and returns the agent's view of it.
fn tried(world: &World, proposal: &Value) -> Value {
    let answer = world.propose(proposal).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}

fn with_policy(policy: &str) -> World {
    let change = |dir: &Path| {
        let text = fs::read_to_string(dir.join(STARTER))?;
        Ok(fs::write(dir.join(STARTER), format!("{text}\n{policy}\n"))?)
    };
    World::with(scim(), "scim", change).unwrap()
}

/// Asserts that the host sent no write, according to the proxy.
fn nothing_sent(world: &World) {
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        assert_eq!(world.proxy.count(method), 0, "{method}");
    }
}

#[test]
fn a_dry_run_sends_nothing_and_says_what_a_real_run_would_need() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let view = tried(&world, &dry(RESTORE, &user));
    let needs = "nothing was sent; the action would need approval: 1 × `support-lead` (policy `restore-needs-lead`)";
    let receipt = ended(&world, &view, "rehearsed", needs);
    assert_eq!((&receipt["approvals"], &receipt["attempts"]), (&json!([]), &json!([])));
    assert_eq!(view["dry_run"], true, "{view:#}");
    assert_eq!((view.get("approve_url"), view.get("plan")), (None, None), "{view:#}");
    let ledger = view["ledger"].to_string();
    assert!(!ledger.contains(", until "), "nobody is asked: {ledger}");
    assert_eq!(world.proxy.count("GET"), 1, "the state was read");
    nothing_sent(&world);
    assert!(!is_active(&user));
    let listed = world.client(HELPDESK).get("/v1/actions?status=rehearsed").unwrap().json();
    assert_eq!(listed["actions"][0]["id"], view["id"], "{listed:#}");
    // The real action is another action, and people are asked about it.
    let real = world.run(&World::proposal(RESTORE, &user)).unwrap();
    ended(&world, &real, "verified", "every expectation holds");
    assert!(is_active(&user));
}

#[test]
fn a_dry_run_that_needs_no_approval_says_that_policy_would_allow_it() {
    let change = |dir: &Path| {
        edit(dir, "deed.toml", "environment = \"production\"", "environment = \"staging\"")
    };
    let (world, user) = (World::with(scim(), "scim", change).unwrap(), locked_out());
    let view = tried(&world, &dry(RESTORE, &user));
    ended(&world, &view, "rehearsed", "nothing was sent; policy would allow the action");
    nothing_sent(&world);
    assert!(!is_active(&user));
}

#[test]
fn a_dry_run_is_denied_where_a_real_run_would_be() {
    let no_vip = "@id(\"no-vip\") forbid (principal, action == Deed::Action::\"idp.restore_access\", resource) \
        when { context has pre.user.displayName && context.pre.user.displayName like \"VIP*\" };";
    let world = with_policy(no_vip);
    let (vip, active) = (locked_out(), user("not-locked-out", Some(true)));
    let name = json!([{"op": "replace", "path": "displayName", "value": "VIP Jensen"}]);
    scim().patch(&vip, &name).unwrap();
    let view = tried(&world, &dry(RESTORE, &vip));
    ended(&world, &view, "denied", "forbidden by `no-vip`");
    let view = tried(&world, &dry(RESTORE, &active));
    ended(&world, &view, "denied", "precondition `has(pre.user.active) && !pre.user.active`");
    nothing_sent(&world);
}

#[test]
fn a_dry_run_of_a_read_shows_its_agent_no_state() {
    let world = World::start(scim()).unwrap();
    let user = scim().create_user("dry-read-secret@example.com", Some(true)).unwrap();
    let view = tried(&world, &dry("idp.read_user", &user));
    ended(&world, &view, "rehearsed", "nothing was sent");
    assert_eq!(view.get("result"), None, "{view:#}");
    assert!(!view.to_string().contains("dry-read-secret"), "{view:#}");
}

#[test]
fn nobody_can_approve_a_dry_run() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let view = tried(&world, &dry(RESTORE, &user));
    let id = view["id"].as_str().unwrap();
    let (done, said) = world.approve(id, "bob", BOB).unwrap();
    assert!(!done, "{said}");
    let shown = world.show(id).unwrap();
    assert_eq!((&shown["status"], &shown["approvals"]), (&json!("rehearsed"), &json!([])));
    nothing_sent(&world);
    assert!(!is_active(&user));
}

#[test]
fn a_key_of_a_dry_run_does_not_stand_for_the_real_action() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let headers = [("idempotency-key", "dry-1"), ("prefer", "wait=60")];
    let keyed = |body: &Value| world.client(HELPDESK).propose(body, &headers).unwrap();
    let first = keyed(&dry(RESTORE, &user));
    assert_eq!(keyed(&dry(RESTORE, &user)).text("/id"), first.text("/id"));
    assert_eq!(keyed(&World::proposal(RESTORE, &user)).status, 409);
    let mut odd = World::proposal(RESTORE, &user);
    odd["dry_run"] = json!("yes");
    assert_eq!(keyed(&odd).status, 422, "`dry_run` is true or false");
}

#[test]
fn a_dry_run_does_not_wait_for_the_resource_of_another_action() {
    let change = |dir: &Path| edit(dir, "deed.toml", "timeout = \"2s\"", "timeout = \"20s\"");
    let (world, user) = (World::with(scim(), "scim", change).unwrap(), locked_out());
    let id = world.propose(&World::proposal(RESTORE, &user)).unwrap().text("/id");
    world.proxy.set("PATCH", Fault::Delay { ms: 5_000 });
    thread::scope(|scope| {
        let approving = scope.spawn(|| world.approve(&id, "bob", BOB).unwrap());
        until("it calls", || world.proxy.count("PATCH") > 0);
        let view = tried(&world, &dry(RESTORE, &user));
        assert_eq!(view["status"], "rehearsed", "{view:#}");
        assert_eq!(world.show(&id).unwrap()["status"], "running", "the write is still under way");
        let (done, said) = approving.join().unwrap();
        assert!(done, "{said}");
    });
    assert_eq!(world.settled(&id).unwrap()["status"], "verified");
    assert_eq!(world.proxy.count("PATCH"), 1);
}

/// Makes the contract that replaces a user open: its plan may omit the write.
fn opened(dir: &Path) -> Result<()> {
    declare(dir)?;
    let (guard, open) = ("guard    = \"etag\"", "guard    = \"etag\"\noptional = true");
    edit(dir, "contracts/scim_replace_user.toml", guard, open)
}

#[test]
fn the_agent_of_a_dry_run_sees_the_planned_writes_and_no_values_of_the_state() {
    let world = World::with(scim(), "scim", opened).unwrap();
    let name = fresh_name();
    let user = scim().create_user(&name, Some(true)).unwrap();
    let mut proposal =
        declared("scim.replace_user", json!({"user_id": user, "display_name": "Zoe"}));
    proposal["dry_run"] = json!(true);
    let view = tried(&world, &proposal);
    let receipt = ended(&world, &view, "rehearsed", "nothing was sent; the plan has 1 write; ");
    assert!(receipt["rehearsal"]["plan_sha256"].is_string(), "{receipt:#}");
    let planned = json!([{
        "method": "PUT", "upstream": "idp", "request": format!("PUT /Users/{user}"), "changed": [],
        "optional": true
    }]);
    assert_eq!(view["plan"], planned, "{view:#}");
    for shown in [&view, &receipt] {
        assert!(!shown.to_string().contains(&name), "{shown:#}");
    }
    let bundle = format!("/v1/actions/{}/bundle", view["id"].as_str().unwrap());
    let copy = world.client(HELPDESK).get(&bundle).unwrap().bytes;
    let parts = deed_record::bundle::read(&copy).unwrap();
    assert!(parts.keys().all(|part| !part.starts_with("evidence/")), "{:?}", parts.keys());
    for (part, bytes) in &parts {
        assert!(!String::from_utf8_lossy(bytes).contains(&name), "{part}");
    }
    assert_eq!(look(&world, &view, "pre")["state"]["user"]["userName"], json!(name));
    nothing_sent(&world);
    assert_ne!(scim().get_user(&user).unwrap()["displayName"], "Zoe");
}

/// The adapter puts the title, which is a value of the state, into a part whose schema the title does not fit.
#[test]
fn the_agent_of_a_dry_run_sees_no_computed_value_when_a_part_does_not_fit() {
    let title = "properties.title = { type = \"string\", maxLength = 200 }";
    let case = Case::tag_document().with(title, "properties.title = { type = \"integer\" }");
    let office = Office::open();
    let world = case.serve(&office).unwrap();
    let mut proposal = case.proposal(json!({"document": "d-1", "tag": "reviewed"}));
    proposal["dry_run"] = json!(true);
    let view = tried(&world, &proposal);
    let why = "does not fit its schema at `/title`: it must be an integer";
    let receipt = ended(&world, &view, "denied", why);
    let read = office.get("/documents/d-1")["title"].as_str().unwrap().to_owned();
    for shown in [&view, &receipt] {
        assert!(!shown.to_string().contains(&read), "{shown:#}");
    }
    let bundle = format!("/v1/actions/{}/bundle", view["id"].as_str().unwrap());
    let copy = world.client(HELPDESK).get(&bundle).unwrap().bytes;
    for (part, bytes) in &deed_record::bundle::read(&copy).unwrap() {
        assert!(!String::from_utf8_lossy(bytes).contains(&read), "{part}");
    }
    // People see the whole text.
    let refused = look(&world, &view, "rehearsal")["refused"].to_string();
    assert!(refused.contains(&read) && refused.contains("is not an integer"), "{refused}");
    assert_eq!(office.upstream.writes().len(), 0);
}

#[test]
fn deed_act_makes_a_dry_run() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let param = format!("user_id={user}");
    let act = |more: &[&str]| {
        let args = ["act", RESTORE, "--param", &param, "--intent", "locked out"];
        let to = ["--source", "ticket:1", "--url", world.url(), "--token", HELPDESK];
        let output = host::run(&[&args[..], &to, more].concat(), "").unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, page, notes) = act(&["--dry-run"]);
    assert_eq!(code, Some(0), "{page}{notes}");
    for wanted in ["  rehearsed\n", "no write is sent, and nobody is asked", "1 × `support-lead`"]
    {
        assert!(page.contains(wanted), "`{wanted}` is missing in\n{page}");
    }
    let real = format!("next: deed act {RESTORE} …, with the arguments of the dry run and without");
    assert!(notes.contains(&real) && notes.contains("next: deed bundle"), "{notes}");
    let (code, said, _) = act(&["--dry-run", "--json"]);
    let view: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &view["outcome"]), (Some(0), &json!("rehearsed")), "{view:#}");
    let (code, _, refused) = act(&["--dry-run", "--explain"]);
    assert_eq!(code, Some(2), "{refused}");
    let (code, _, hint) = act(&["--explain"]);
    assert_eq!(code, Some(0), "{hint}");
    assert!(hint.contains("--dry-run"), "{hint}");
    nothing_sent(&world);
    assert!(!is_active(&user));
}
