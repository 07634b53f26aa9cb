//! Tests of `guard = "etag"`. The upstream accepts a write only if the state is still the state that the host saw. A
//! write that the upstream rejects changes nothing, and the host asks the approvers again.

use std::thread;

use deed_test_support::shared::{ended, is_active, scim, user};
use deed_tests::proxy::Fault;
use deed_tests::wait::until;
use deed_tests::world::{BOB, HELPDESK, World, edit};
use serde_json::{Value, json};

const SUSPEND: &str = "idp.suspend_user";
const CONTRACT: &str = "contracts/suspend_user.toml";
const TURNED_AWAY: &str = "the upstream rejected the write (412)";

/// Another client renames the user between the host's observation and its write.
fn renamed(name: &str) -> Fault {
    let operations = json!([{ "op": "replace", "path": "displayName", "value": name }]);
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
    Fault::PatchBefore { body: json!({ "schemas": schemas, "Operations": operations }) }
}

fn in_staging() -> World {
    let staging = |dir: &std::path::Path| {
        edit(dir, "deed.toml", "environment = \"production\"", "environment = \"staging\"")
    };
    World::with(scim(), "scim", staging).unwrap()
}

/// Runs an action until it is approved, rejected by the upstream's guard, and waiting for approval again. Returns its
/// id.
fn turned_away(world: &World, user: &str) -> String {
    world.proxy.set("PATCH", renamed("Somebody Else {n}"));
    let view = world.run(&World::proposal(SUSPEND, user)).unwrap();
    assert_eq!(view["status"], "waiting", "{view:#}");
    let told = view["ledger"].to_string();
    assert!(told.contains(TURNED_AWAY), "{told}");
    assert!(is_active(user), "it was not carried out");
    world.proxy.set("PATCH", Fault::None);
    view["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_guarded_write_carries_the_tag_that_the_host_saw() {
    let (world, user) = (World::start(scim()).unwrap(), user("guarded", Some(true)));
    let view = world.run(&World::proposal(SUSPEND, &user)).unwrap();
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(receipt["guard"], "etag");
    let sent = world.proxy.requests();
    let write = sent.iter().find(|request| request.method == "PATCH").unwrap();
    let seen =
        deed_test_support::shared::look(&world, &view, "pre")["exchanges"][0]["etag"].clone();
    assert_eq!(write.header("if-match"), seen.as_str());
    assert!(sent.iter().all(|r| r.method == "PATCH" || r.header("if-match").is_none()));
    assert!(!is_active(&user));
}

#[test]
fn a_write_without_a_guard_is_told_as_unguarded() {
    let (world, user) = (World::start(scim()).unwrap(), user("unguarded", Some(false)));
    let view = world.run(&World::proposal("idp.restore_access", &user)).unwrap();
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(receipt["guard"], "unguarded");
}

#[test]
fn a_state_that_changed_under_the_write_is_asked_about_anew() {
    let (world, user) = (World::start(scim()).unwrap(), user("raced", Some(true)));
    let id = turned_away(&world, &user);
    let request = world.client(BOB).get(&format!("/v1/actions/{id}/approval_request")).unwrap();
    let shown = request.text("/pre/user/displayName");
    assert!(shown.starts_with("Somebody Else"), "they see what is: {shown}");
    let (done, said) = world.approve(&id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    let view = world.settled(&id).unwrap();
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(receipt["attempts"].as_array().unwrap().len(), 2, "{receipt:#}");
    let fate = &receipt["attempts"][0]["exchanges"][0]["fate"];
    assert_eq!(fate, &json!({"answered": {"status": 412}}));
    assert_eq!(receipt["changes"].as_array().unwrap().len(), 1, "the rename is not ours");
    assert_eq!(world.proxy.count("PATCH"), 2);
    assert!(!is_active(&user));
}

#[test]
fn what_was_turned_away_can_still_be_denied_or_cancelled() {
    let (world, user) = (World::start(scim()).unwrap(), user("denied", Some(true)));
    let id = turned_away(&world, &user);
    let (done, said) = world.answer("deny", &id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    ended(&world, &world.settled(&id).unwrap(), "denied", "bob (support-lead) denied it");
    let id = turned_away(&world, &user);
    let cancelled = world.client(HELPDESK).post(&format!("/v1/actions/{id}/cancel"), &Value::Null);
    assert_eq!(cancelled.unwrap().status, 200);
    ended(&world, &world.settled(&id).unwrap(), "cancelled", "cancelled by helpdesk");
    assert!(is_active(&user));
}

#[test]
fn a_state_that_never_rests_is_given_up() {
    let (world, user) = (in_staging(), user("restless", Some(true)));
    world.proxy.set("PATCH", renamed("Never At Rest {n}"));
    let view = world.run(&World::proposal(SUSPEND, &user)).unwrap();
    let receipt = ended(&world, &view, "failed", "3 times; nothing was carried out");
    assert_eq!(receipt["attempts"].as_array().unwrap().len(), 3);
    assert_eq!(world.proxy.count("PATCH"), 3);
    assert!(is_active(&user));
}

#[test]
fn a_crash_under_a_guarded_write_is_looked_at_and_told() {
    let (mut world, user) = (World::start(scim()).unwrap(), user("crashed", Some(true)));
    let id = world.propose(&World::proposal(SUSPEND, &user)).unwrap().text("/id");
    world.proxy.set("PATCH", Fault::Delay { ms: 1_500 });
    thread::scope(|scope| {
        scope.spawn(|| world.approve(&id, "bob", BOB).ok());
        until("it calls", || world.proxy.count("PATCH") > 0);
        world.host.as_ref().unwrap().signal("KILL").unwrap();
    });
    world.host = None;
    world.serve().unwrap();
    let view = world.settled(&id).unwrap();
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(receipt["attempts"][0]["claim"], "lost", "{receipt:#}");
    assert_eq!(world.proxy.count("PATCH"), 1, "it looked, it did not send again");
}

#[test]
fn without_a_tag_nothing_is_sent_and_nobody_is_asked() {
    let (world, user) = (World::start(scim()).unwrap(), user("untagged", Some(true)));
    world.proxy.set("GET", Fault::WithoutTag);
    let view = world.run(&World::proposal(SUSPEND, &user)).unwrap();
    ended(&world, &view, "denied", "is guarded, but the observation has no entity tag");
    assert_eq!(world.proxy.count("PATCH"), 0);
    assert!(is_active(&user));
}

#[test]
fn a_guard_that_could_not_work_is_refused() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let check = || {
        let output = deed_tests::host::run(&["check", world.path()], "").unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let guard = "guard    = \"etag\"";
    edit(&world.dir, CONTRACT, guard, "guard    = \"etag\"\ncalls    = 2").unwrap();
    assert!(check().contains("a guarded write can be sent only once"), "{}", check());
    edit(&world.dir, CONTRACT, "calls    = 2", "").unwrap();
    edit(&world.dir, CONTRACT, "GET /Users/{user_id}", "GET /People/{user_id}").unwrap();
    assert!(check().contains("add [[observe.http]] with `GET /Users/{user_id}`"), "{}", check());
    edit(&world.dir, CONTRACT, "\"PATCH /Users/{user_id}\"", "\"GET /Users/{user_id}\"").unwrap();
    assert!(check().contains("it cannot have a `guard`"), "{}", check());
}
