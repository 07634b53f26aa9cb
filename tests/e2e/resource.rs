//! Tests that only one action at a time holds a resource, even through waits, expiry, crashes and restarts.

use std::fs;
use std::path::Path;
use std::thread;

use deed_test_support::shared::{is_active, locked_out, scim};
use deed_tests::proxy::Fault;
use deed_tests::services::Result;
use deed_tests::wait::until;
use deed_tests::world::{BOB, HELPDESK, World, edit, with_operator};
use serde_json::{Value, json};

/// Changes the directory so that no approval is needed and suspending has no precondition that could end the action
/// before it queues.
fn free(dir: &Path) -> Result<()> {
    let permit = "@id(\"all\")\npermit (principal, action, resource);\n";
    fs::write(dir.join("policies/starter.cedar"), permit)?;
    let before = "[\"!has(pre.user.active) || pre.user.active\"]";
    edit(dir, "contracts/suspend_user.toml", before, "[]")
}

fn first_look(view: &Value) -> i64 {
    view["calls"][0]["at_ms"].as_i64().unwrap()
}

#[test]
fn an_approval_does_not_outlive_its_expiry_in_the_queue() {
    let world = World::with(scim(), "scim", |dir| {
        edit(dir, "deed.toml", "expires = \"1h\"", "expires = \"3s\"")?;
        edit(dir, "deed.toml", "timeout = \"2s\"", "timeout = \"20s\"")
    });
    let (world, user) = (world.unwrap(), locked_out());
    let propose = || {
        let proposal = World::proposal("idp.restore_access", &user);
        world.propose(&proposal).unwrap().text("/id")
    };
    let (first, second) = (propose(), propose());
    world.proxy.set("PATCH", Fault::Delay { ms: 5_000 });
    thread::scope(|scope| {
        scope.spawn(|| world.approve(&first, "bob", BOB).unwrap());
        until("it calls", || world.proxy.count("PATCH") > 0);
        // The approval arrives in time, but the action then waits for the resource until the approval expires.
        assert!(world.approve(&second, "bob", BOB).is_ok());
    });
    assert_eq!(world.settled(&first).unwrap()["status"], "verified");
    let view = world.settled(&second).unwrap();
    assert_eq!(view["status"], "expired", "{view:#}");
    assert_eq!(view["reason"], "the approval expired before it could run");
    assert_eq!(world.proxy.count("PATCH"), 1);
}

#[test]
fn a_queued_action_is_cancelled_at_once() {
    let world = World::with(scim(), "scim", |dir| {
        free(dir)?;
        edit(dir, "deed.toml", "timeout = \"2s\"", "timeout = \"20s\"")
    });
    let (world, user) = (world.unwrap(), locked_out());
    world.proxy.set("PATCH", Fault::Delay { ms: 5_000 });
    let restore = World::proposal("idp.restore_access", &user);
    thread::scope(|scope| {
        let first = scope.spawn(|| world.run(&restore).unwrap());
        until("it calls", || world.proxy.count("PATCH") > 0);
        let proposal = World::proposal("idp.suspend_user", &user);
        let agent = world.client(HELPDESK);
        let queued = agent.propose(&proposal, &[("prefer", "wait=0")]).unwrap();
        let path = format!("/v1/actions/{}/cancel", queued.text("/id"));
        let cancelled = agent.post(&path, &json!({})).unwrap();
        assert_eq!(cancelled.text("/status"), "cancelled", "{cancelled:?}");
        assert!(!first.is_finished(), "the holder is still at it");
        assert_eq!(first.join().unwrap()["status"], "verified");
    });
    assert_eq!(world.proxy.count("PATCH"), 1);
}

#[test]
fn after_a_crash_the_resource_is_not_free_until_the_old_write_was_judged() {
    let mut world = World::with(scim(), "scim", free).unwrap();
    let user = locked_out();
    world.proxy.set("PATCH", Fault::Delay { ms: 1_200 });
    let first = thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let proposal = World::proposal("idp.restore_access", &user);
            world.client(HELPDESK).propose(&proposal, &[("prefer", "wait=0")]).ok()
        });
        until("it calls", || world.proxy.count("PATCH") > 0);
        asking.join().unwrap().map(|answer| answer.text("/id"))
    });
    world.host.take().unwrap().kill().unwrap();
    world.proxy.set("PATCH", Fault::None);
    world.serve().unwrap();
    let second = world.run(&World::proposal("idp.suspend_user", &user)).unwrap();
    let first = world.settled(&first.unwrap()).unwrap();
    // The old write took effect after the crash. The second action saw the effect of the old write and not the earlier
    // state.
    assert_eq!(first["status"], "verified", "{first:#}");
    assert_eq!(second["status"], "verified", "{second:#}");
    let judged = |line: &&Value| line["event"] == "judged";
    let judged = first["ledger"].as_array().unwrap().iter().find(judged).unwrap();
    assert!(first_look(&second) >= judged["at_ms"].as_i64().unwrap(), "{first:#}\n{second:#}");
    let back = json!([{"pointer": "/user/active", "old": true, "new": false}]);
    assert_eq!(second["changes"], back);
    assert!(!is_active(&user));
    assert_eq!(world.proxy.count("PATCH"), 2);
}

#[test]
fn a_key_stands_for_its_action_whatever_the_contract_became() {
    let mut world = World::start(scim()).unwrap();
    let proposal = World::proposal("idp.read_user", &locked_out());
    let ask = |world: &World| {
        let headers = [("idempotency-key", "k"), ("prefer", "wait=30")];
        world.client(HELPDESK).propose(&proposal, &headers).unwrap()
    };
    let first = ask(&world);
    assert_eq!(first.text("/status"), "verified");
    world.host = None;
    let stricter = "pattern = \"^[0-9]{3}$\"";
    edit(&world.dir, "contracts/read_user.toml", "pattern = \"^[0-9a-f]{32}$\"", stricter).unwrap();
    deed_tests::host::expect(&["pin", world.path()]).unwrap();
    world.serve().unwrap();
    let again = ask(&world);
    assert_eq!((again.status, again.text("/id")), (200, first.text("/id")));
}

#[test]
fn an_action_of_an_older_contract_never_runs() {
    let mut world = World::start(scim()).unwrap();
    let user = locked_out();
    let id = world.propose(&World::proposal("idp.restore_access", &user)).unwrap().text("/id");
    world.host = None;
    let title = "Restore a locked-out user's access";
    edit(&world.dir, "contracts/restore_access.toml", title, "Restore").unwrap();
    deed_tests::host::expect(&["pin", world.path()]).unwrap();
    world.serve().unwrap();
    // Either the approver's client refuses to sign because the host can no longer show the state, or the host refuses
    // the approval.
    world.approve(&id, "bob", BOB).unwrap();
    let view = world.show(&id).unwrap();
    assert!(["waiting", "denied"].contains(&view["status"].as_str().unwrap()), "{view:#}");
    assert!(!is_active(&user));
    assert_eq!(world.proxy.count("PATCH"), 0);
}

#[test]
fn an_agent_sees_and_cancels_its_own_actions_only() {
    let other = "deed_token-of-another-agent-of-acme";
    let world = World::with(scim(), "scim", |dir| {
        let hash = deed_spec::digest::Digest::of(other.as_bytes());
        let table = format!(
            "[tenant.acme.agent.nosy]\nperson = \"alice\"\nroles = [\"helpdesk\"]\ntoken = \"{hash}\"\n\n[tenant.acme.agent.helpdesk]"
        );
        edit(dir, "deed.toml", "[tenant.acme.agent.helpdesk]", &table)
    });
    let (world, user) = (world.unwrap(), locked_out());
    let id = world.propose(&World::proposal("idp.restore_access", &user)).unwrap().text("/id");
    let path = format!("/v1/actions/{id}/cancel");
    assert_eq!(world.client(other).post(&path, &json!({})).unwrap().status, 404);
    assert_eq!(world.client(other).get(&format!("/v1/actions/{id}")).unwrap().status, 404);
    assert_eq!(world.client(other).get("/v1/actions").unwrap().json()["actions"], json!([]));
    assert_eq!(world.show(&id).unwrap()["status"], "waiting");
    assert_eq!(world.client(HELPDESK).post(&path, &json!({})).unwrap().status, 200);
    assert_eq!(world.show(&id).unwrap()["status"], "cancelled");
}

#[test]
fn a_write_whose_contract_changed_before_it_was_judged_stays_open_and_keeps_the_resource() {
    let world = World::with(scim(), "scim", |dir| {
        with_operator(dir)?;
        free(dir)
    });
    let mut world = world.unwrap();
    let user = locked_out();
    world.proxy.set("PATCH", Fault::Delay { ms: 300 });
    let id = thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let proposal = World::proposal("idp.restore_access", &user);
            world.client(HELPDESK).propose(&proposal, &[("prefer", "wait=0")])
        });
        until("it calls", || world.proxy.count("PATCH") > 0);
        asking.join().unwrap().unwrap().text("/id")
    });
    world.host.take().unwrap().kill().unwrap();
    let title = "Restore a locked-out user's access";
    edit(&world.dir, "contracts/restore_access.toml", title, "Restore").unwrap();
    deed_tests::host::expect(&["pin", world.path()]).unwrap();
    world.serve().unwrap();
    let view = world.settled(&id).unwrap();
    deed_test_support::shared::ended(
        &world,
        &view,
        "indeterminate",
        "the contract changed after a write",
    );
    let proposal = World::proposal("idp.suspend_user", &user);
    let agent = world.client(HELPDESK);
    let next = agent.propose(&proposal, &[("prefer", "wait=1")]).unwrap();
    assert_eq!(next.text("/status"), "pending", "{}", next.json());
    // The host notifies an operator only when the write can no longer take effect.
    world.until(&id, |view| view["escalated"].is_string()).unwrap();
    let (done, said) = world.resolve(&id, "applied", "the directory has it").unwrap();
    assert!(done && said.contains("the host could not look again"), "{said}");
    let next = world.settled(&next.text("/id")).unwrap();
    assert_eq!(next["status"], "verified", "{next:#}");
}

/// If the host created a new log next to a journal that has actions, the log would be forked without any report.
#[test]
fn a_log_that_is_gone_is_not_begun_anew() {
    let mut world = World::start(scim()).unwrap();
    world.run(&World::proposal("idp.restore_access", &locked_out())).unwrap();
    world.host.take().unwrap().stop().unwrap();
    let log = world.dir.join("state/log/acme");
    let aside = world.dir.join("aside");
    fs::rename(&log, &aside).unwrap();
    let said = world.serve().unwrap_err().to_string();
    assert!(said.contains("a log is missing") && said.contains("act_"), "{said}");
    fs::rename(&aside, &log).unwrap();
    world.serve().unwrap();
}
