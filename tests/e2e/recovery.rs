//! Tests what follows an incomplete attempt. The host makes another attempt only if the contract's effect allows it,
//! never causes a second effect, and records all attempts in one chain.

mod late;

use std::path::Path;
use std::thread;

use deed_test_support::shared::{ended, is_active, locked_out, scim};
use deed_tests::proxy::Fault;
use deed_tests::services::Result;
use deed_tests::wait::until;
use deed_tests::world::{HELPDESK, World, edit};
use serde_json::{Value, json};

const RESTORE: &str = "idp.restore_access";
const CONTRACT: &str = "contracts/restore_access.toml";

/// A test environment without approvals. The contract has this effect and allows three attempts, and the host waits
/// only briefly for answers.
fn world(effect: &str, backoff: &str) -> World {
    let limits = format!("backoff = \"{backoff}\"");
    World::with(scim(), "scim", |dir| change(dir, effect, "10m", &limits)).unwrap()
}

/// Changes the directory for these tests: sets the effect, the upstream's idempotency window, and additional limits.
fn change(dir: &Path, effect: &str, window: &str, limits: &str) -> Result<()> {
    edit(dir, "deed.toml", "environment = \"production\"", "environment = \"staging\"")?;
    let short = format!(
        "timeout = \"500ms\"\nidempotency = {{ header = \"X-Once\", window = \"{window}\" }}"
    );
    edit(dir, "deed.toml", "timeout = \"2s\"", &short)?;
    edit(dir, CONTRACT, "effect   = \"observable\"", &format!("effect = \"{effect}\""))?;
    let limits = format!("timeout = \"30s\"\nattempts = 3\n{limits}");
    edit(dir, CONTRACT, "timeout = \"30s\"", &limits)
}

/// Waits until the proxy has seen this many writes.
fn wait_for_writes(world: &World, count: usize) {
    until("it writes", || world.proxy.count("PATCH") >= count);
}

/// Runs an action whose first write meets this fault. The fault is removed after the first write.
fn once(world: &World, user: &str, fault: Fault) -> Value {
    world.proxy.set("PATCH", fault);
    thread::scope(|scope| {
        scope.spawn(|| {
            wait_for_writes(world, 1);
            world.proxy.set("PATCH", Fault::None);
        });
        world.run(&World::proposal(RESTORE, user)).unwrap()
    })
}

fn attempts(receipt: &Value) -> usize {
    receipt["attempts"].as_array().unwrap().len()
}

#[test]
fn what_did_not_happen_is_tried_again_with_the_same_key() {
    for effect in ["idempotent", "keyed", "observable"] {
        let (world, user) = (world(effect, "10ms"), locked_out());
        let view = once(&world, &user, Fault::DropBefore);
        let receipt = ended(&world, &view, "verified", "every expectation holds");
        assert_eq!((attempts(&receipt), world.proxy.count("PATCH")), (2, 2), "{effect}");
        assert!(is_active(&user));
        let sent = world.proxy.requests();
        let keys: Vec<_> = sent.iter().filter(|r| r.method == "PATCH").collect();
        let key = keys[0].header("x-once").unwrap();
        assert_eq!((key.len(), Some(key)), (52, keys[1].header("x-once")), "{effect}");
        assert!(sent.iter().all(|r| r.method == "PATCH" || r.header("x-once").is_none()));
        let told = &receipt["attempts"][1]["exchanges"][0]["idempotency_key"];
        assert_eq!(told, key, "{effect}");
        let ledger = view["ledger"].to_string();
        assert!(ledger.contains("it is tried again"), "{ledger}");
    }
}

#[test]
fn what_happened_is_not_tried_again() {
    for effect in ["idempotent", "keyed", "observable", "opaque"] {
        for fault in [Fault::DropAfter, Fault::Status5xxAfter] {
            let (world, user) = (world(effect, "10ms"), locked_out());
            let view = once(&world, &user, fault.clone());
            let receipt = ended(&world, &view, "verified", "every expectation holds");
            let counts = (attempts(&receipt), world.proxy.count("PATCH"));
            assert_eq!(counts, (1, 1), "{effect} {fault:?}");
        }
    }
}

#[test]
fn an_opaque_effect_is_never_sent_twice_and_a_refusal_ends_it() {
    let (opaque, user) = (world("opaque", "10ms"), locked_out());
    let view = once(&opaque, &user, Fault::DropBefore);
    let receipt = ended(&opaque, &view, "indeterminate", "there was no definite answer");
    assert_eq!((attempts(&receipt), opaque.proxy.count("PATCH")), (1, 1));
    let (refused, user) = (world("idempotent", "10ms"), locked_out());
    let view = once(&refused, &user, Fault::Refuse { status: 403 });
    let receipt = ended(&refused, &view, "failed", "the upstream refused");
    assert_eq!((attempts(&receipt), refused.proxy.count("PATCH")), (1, 1));
}

#[test]
fn the_budget_of_attempts_ends() {
    let (world, user) = (world("idempotent", "10ms"), locked_out());
    world.proxy.set("PATCH", Fault::Refuse { status: 503 });
    let view = world.run(&World::proposal(RESTORE, &user)).unwrap();
    let receipt = ended(&world, &view, "failed", "nothing changed and no write can still land");
    assert_eq!((attempts(&receipt), world.proxy.count("PATCH")), (3, 3));
    assert!(!is_active(&user));
}

#[test]
fn a_pause_outlives_the_host_and_can_be_cancelled() {
    let (mut first, user) = (world("idempotent", "3s"), locked_out());
    first.proxy.set("PATCH", Fault::DropBefore);
    let id = planned(&first, &user);
    first.kill().unwrap();
    first.proxy.set("PATCH", Fault::None);
    first.serve().unwrap();
    let receipt = ended(&first, &first.settled(&id).unwrap(), "verified", "every expectation");
    assert_eq!((attempts(&receipt), first.proxy.count("PATCH")), (2, 2));

    let (second, user) = (world("idempotent", "10m"), locked_out());
    second.proxy.set("PATCH", Fault::DropBefore);
    let id = planned(&second, &user);
    let cancel = format!("/v1/actions/{id}/cancel");
    assert_eq!(second.client(HELPDESK).post(&cancel, &json!({})).unwrap().status, 200);
    let view = second.settled(&id).unwrap();
    ended(&second, &view, "failed", "it was not tried again: cancelled by helpdesk");
    assert_eq!(second.proxy.count("PATCH"), 1);
}

/// Proposes an action and waits until its next attempt is planned. Returns the action's id.
fn planned(world: &World, user: &str) -> String {
    let proposal = World::proposal(RESTORE, user);
    let at_once = [("prefer", "wait=0")];
    let proposed = world.client(HELPDESK).propose(&proposal, &at_once).unwrap();
    let id = proposed.text("/id");
    let is_planned = |view: &Value| view["ledger"].to_string().contains("it is tried again");
    world.until(&id, is_planned).unwrap();
    id
}

#[test]
fn limits_and_idempotency_are_checked() {
    let lay_out = || World::lay_out(scim(), "scim").unwrap();
    for (file, from, to, words) in [
        (
            CONTRACT,
            "timeout = \"30s\"",
            "timeout = \"30s\"\nattempts = 6",
            "`attempts` must be from 1 to 5",
        ),
        (
            CONTRACT,
            "timeout = \"30s\"",
            "timeout = \"30s\"\nattempts = 0",
            "`attempts` must be from 1 to 5",
        ),
        (
            CONTRACT,
            "timeout = \"30s\"",
            "timeout = \"30s\"\nbackoff = \"1ms\"",
            "`backoff` must be from",
        ),
        (
            CONTRACT,
            "timeout = \"30s\"",
            "timeout = \"30s\"\nqueue = \"48h\"",
            "`queue` must be from",
        ),
        (
            "deed.toml",
            "timeout = \"2s\"",
            "idempotency = { header = \"Host\", window = \"1h\" }",
            "`host` is used",
        ),
        (
            "deed.toml",
            "timeout = \"2s\"",
            "idempotency = { header = \"a b\", window = \"1h\" }",
            "letters, digits",
        ),
        (
            "deed.toml",
            "timeout = \"2s\"",
            "idempotency = { header = \"x-key\", window = \"1s\" }",
            "`window` of",
        ),
        ("deed.toml", "timeout = \"2s\"", "idempotency = { header = \"x-key\" }", "window"),
    ] {
        let world = lay_out();
        edit(&world.dir, file, from, to).unwrap();
        let output = deed_tests::host::run(&["check", world.path()], "").unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(
            !output.status.success() && said.contains(words) && said.contains(file),
            "{to}: {said}"
        );
    }
    let world = lay_out();
    edit(&world.dir, CONTRACT, "effect   = \"observable\"", "effect = \"keyed\"").unwrap();
    deed_tests::host::expect(&["pin", world.path()]).unwrap();
    let output = deed_tests::host::run(&["check", world.path()], "").unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(said.contains("the effect of `idp.restore_access` is keyed"), "{said}");
}
