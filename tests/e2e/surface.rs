//! Tests of the HTTP interface: idempotency, races, order, restarts, refusals and an orderly stop.

use std::fs;
use std::thread;

use deed_test_support::shared::scim;
use deed_tests::people;
use deed_tests::proxy::Fault;
use deed_tests::wait::until;
use deed_tests::world::{BOB, HELPDESK, STRANGER, World, edit};
use serde_json::{Value, json};

fn keyed(world: &World, key: &str, body: &Value) -> deed_tests::client::Answer {
    let headers = [("idempotency-key", key), ("prefer", "wait=60")];
    world.client(HELPDESK).propose(body, &headers).unwrap()
}

#[test]
fn one_key_and_body_is_one_action_and_another_body_is_a_conflict() {
    let world = World::start(scim()).unwrap();
    let user = scim().create_user("key@example.com", Some(true)).unwrap();
    let body = World::proposal("idp.read_user", &user);
    let first = keyed(&world, "k1", &body);
    assert_eq!(first.status, 200);
    let again = keyed(&world, "k1", &body);
    assert_eq!((again.status, again.text("/id")), (200, first.text("/id")));
    assert_eq!(world.proxy.count("GET"), 1, "the second call ran nothing");
    let mut other = body.clone();
    other["intent"] = json!("something else");
    let refused = keyed(&world, "k1", &other);
    assert_eq!((refused.status, refused.content_type.as_str()), (409, "application/problem+json"));
    assert_ne!(keyed(&world, "k2", &body).text("/id"), first.text("/id"));
}

#[test]
fn racing_callers_make_one_run() {
    let world = World::start(scim()).unwrap();
    let user = scim().create_user("race@example.com", Some(true)).unwrap();
    let body = World::proposal("idp.read_user", &user);
    let ids: Vec<String> = thread::scope(|scope| {
        let calls: Vec<_> =
            (0..8).map(|_| scope.spawn(|| keyed(&world, "same", &body).text("/id"))).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0] && !id.is_empty()), "{ids:?}");
    assert_eq!(world.proxy.count("GET"), 1);
}

#[test]
fn racing_approvals_make_one_run() {
    let world = World::start(scim()).unwrap();
    let user = scim().create_user("race2@example.com", Some(false)).unwrap();
    let id = world.propose(&World::proposal("idp.restore_access", &user)).unwrap().text("/id");
    thread::scope(|scope| {
        let bob = scope.spawn(|| world.approve(&id, "bob", BOB).unwrap());
        let carol = scope.spawn(|| world.approve(&id, "carol", deed_tests::world::CAROL).unwrap());
        assert!(bob.join().unwrap().0 | carol.join().unwrap().0);
    });
    assert_eq!(world.settled(&id).unwrap()["status"], "verified");
    assert_eq!(world.proxy.count("PATCH"), 1);
}

#[test]
fn two_actions_on_one_resource_run_in_order() {
    // Changes the directory so that no approval is needed, and so that suspending has no precondition that could end
    // the second action before it queues.
    let free = |dir: &std::path::Path| {
        let permit = "@id(\"all\")\npermit (principal, action, resource);\n";
        fs::write(dir.join("policies/starter.cedar"), permit)?;
        let before = "[\"!has(pre.user.active) || pre.user.active\"]";
        edit(dir, "contracts/suspend_user.toml", before, "[]")
    };
    let world = World::with(scim(), "scim", free).unwrap();
    let user = scim().create_user("order@example.com", Some(false)).unwrap();
    world.proxy.set("PATCH", Fault::Delay { ms: 700 });
    let (restored, suspended) = thread::scope(|scope| {
        let restore =
            scope.spawn(|| world.run(&World::proposal("idp.restore_access", &user)).unwrap());
        until("it calls", || world.proxy.count("PATCH") > 0);
        let suspend = world.run(&World::proposal("idp.suspend_user", &user)).unwrap();
        (restore.join().unwrap(), suspend)
    });
    assert_eq!(
        (&restored["status"], &suspended["status"]),
        (&json!("verified"), &json!("verified"))
    );
    // The second action waited for the resource and read the state only after the first action had ended, so it changed
    // the state that the first action had left.
    let back = json!([{"pointer": "/user/active", "old": true, "new": false}]);
    assert_eq!(suspended["changes"], back, "{suspended}");
    let calls = |view: &Value| view["calls"].as_array().unwrap().clone();
    let first_ended = calls(&restored).last().unwrap()["at_ms"].as_i64();
    assert!(calls(&suspended)[0]["at_ms"].as_i64() >= first_ended, "{restored}\n{suspended}");
}

#[test]
fn status_ledger_and_bundle_survive_a_restart_and_a_lost_index() {
    let mut world = World::start(scim()).unwrap();
    let user = scim().create_user("restart@example.com", Some(false)).unwrap();
    let view = world.run(&World::proposal("idp.restore_access", &user)).unwrap();
    let id = view["id"].as_str().unwrap().to_owned();
    let waiting = world.propose(&World::proposal("idp.suspend_user", &user)).unwrap().text("/id");
    let bundle = world.bundle(&id).unwrap();
    assert!(world.host.take().unwrap().stop().unwrap(), "an orderly stop");
    world.serve().unwrap();
    assert_eq!(world.show(&id).unwrap(), view);
    assert_eq!(world.bundle(&id).unwrap(), bundle);
    world.host.take().unwrap().kill().unwrap();
    let index = fs::read_dir(world.dir.join("state")).unwrap().flatten().map(|e| e.path());
    let index = index
        .into_iter()
        .find(|p| p.file_name().is_some_and(|n| n.to_string_lossy().contains("index")));
    fs::remove_dir_all(index.expect("the sled directory")).unwrap();
    world.serve().unwrap();
    assert_eq!(world.show(&id).unwrap(), view);
    assert_eq!(world.bundle(&id).unwrap(), bundle);
    assert_eq!(world.show(&waiting).unwrap()["status"], "waiting");
    assert!(world.approve(&waiting, "bob", BOB).unwrap().0);
    assert_eq!(world.settled(&waiting).unwrap()["status"], "verified");
}

#[test]
fn parameters_off_the_schema_are_named_by_pointer() {
    let world = World::start(scim()).unwrap();
    let cases = [
        (json!({"user_id": "short"}), "/params/user_id"),
        (json!({}), "/params/user_id"),
        (json!({"user_id": "0".repeat(32), "admin": true}), "/params/admin"),
        (json!({"user_id": 7}), "/params/user_id"),
    ];
    for (params, pointer) in cases {
        let mut body = World::proposal("idp.read_user", "x");
        body["params"] = params;
        let answer = world.propose(&body).unwrap();
        assert_eq!(
            (answer.status, answer.content_type.as_str()),
            (422, "application/problem+json"),
            "{answer:?}"
        );
        assert_eq!(answer.text("/errors/0/pointer"), pointer, "{}", answer.json());
    }
    let mut unknown = World::proposal("idp.read_user", &"0".repeat(32));
    unknown["urgency"] = json!(true);
    let answer = world.propose(&unknown).unwrap();
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(answer.text("/detail").contains("urgency"), "{}", answer.json());
    let twice = br#"{"contract":"idp.read_user","contract":"idp.read_user"}"#.to_vec();
    assert_eq!(world.client(HELPDESK).send("POST", "/v1/actions", &[], twice).unwrap().status, 400);
    assert!(world.proxy.requests().is_empty());
}

#[test]
fn unknown_and_foreign_answer_alike() {
    let world = World::start(scim()).unwrap();
    let user = scim().create_user("alike@example.com", Some(true)).unwrap();
    let id = world.propose(&World::proposal("idp.read_user", &user)).unwrap().text("/id");
    let stranger = world.client(STRANGER);
    let unknown = "act_00000000000000000000000000";
    for tail in ["/cancel", "/approvals"] {
        let post =
            |id: &str| stranger.post(&format!("/v1/actions/{id}{tail}"), &json!({})).unwrap();
        let (foreign, nothing) = (post(&id), post(unknown));
        assert_eq!((foreign.status, foreign.bytes), (nothing.status, nothing.bytes), "{tail}");
    }
    for tail in ["", "/bundle", "/approval_request"] {
        let foreign = stranger.get(&format!("/v1/actions/{id}{tail}")).unwrap();
        let nothing = stranger.get(&format!("/v1/actions/{unknown}{tail}")).unwrap();
        assert_eq!(foreign.status, if tail == "/approval_request" { 403 } else { 404 }, "{tail}");
        assert_eq!((foreign.status, foreign.bytes), (nothing.status, nothing.bytes), "{tail}");
    }
    let contract = stranger.post("/v1/actions", &World::proposal("idp.no_such", &user)).unwrap();
    assert_eq!(contract.status, 404);
    assert_eq!(
        stranger.get("/log/acme/checkpoint").unwrap().bytes,
        stranger.get("/log/nobody/checkpoint").unwrap().bytes
    );
    assert_eq!(stranger.get("/v1/actions").unwrap().json()["actions"], json!([]));
}

#[test]
fn without_a_valid_token_nothing_answers() {
    let world = World::start(scim()).unwrap();
    for token in ["", "wrong", "deed_token-of-the-helpdesk-agent-of-acm"] {
        let answer = world.client(token).get("/v1/contracts").unwrap();
        assert_eq!(answer.status, 401, "{token}");
        let is_unknown = answer.text("/detail").contains("does not know this token");
        assert_eq!(is_unknown, !token.is_empty(), "{token}: {}", answer.json());
    }
    assert_eq!(world.metric("deed_unauthorized_total").unwrap(), Some(3));
    let configuration = fs::read_to_string(world.dir.join("deed.toml")).unwrap();
    assert!(!configuration.contains(HELPDESK), "tokens are stored as hashes");
}

#[test]
fn a_stop_lets_what_runs_come_to_rest() {
    let mut world = World::start(scim()).unwrap();
    let user = scim().create_user("stop@example.com", Some(false)).unwrap();
    let id = world.propose(&World::proposal("idp.restore_access", &user)).unwrap().text("/id");
    world.proxy.set("PATCH", Fault::Delay { ms: 800 });
    let host = world.host.take().unwrap();
    let (url, dir, asked) = (host.url.clone(), world.dir.clone(), id.clone());
    let approving = thread::spawn(move || {
        people::answer(&url, &dir, ["approve", &asked, "bob", BOB]).unwrap();
    });
    until("it calls", || world.proxy.count("PATCH") > 0);
    assert!(host.stop().unwrap(), "ended by itself, with success");
    approving.join().unwrap();
    world.serve().unwrap();
    let view = world.show(&id).unwrap();
    assert_eq!(view["status"], "verified", "{view}");
    assert_eq!(world.proxy.count("PATCH"), 1);
}

#[test]
fn a_crash_under_a_write_is_looked_at_and_not_repeated() {
    let mut world = World::start(scim()).unwrap();
    let user = scim().create_user("crash@example.com", Some(false)).unwrap();
    let id = world.propose(&World::proposal("idp.restore_access", &user)).unwrap().text("/id");
    world.proxy.set("PATCH", Fault::Delay { ms: 1_500 });
    thread::scope(|scope| {
        scope.spawn(|| world.approve(&id, "bob", BOB).ok());
        until("it calls", || world.proxy.count("PATCH") > 0);
        world.host.as_ref().unwrap().signal("KILL").unwrap();
    });
    world.host = None;
    world.serve().unwrap();
    let view = world.settled(&id).unwrap();
    assert_eq!(view["status"], "verified", "{view}");
    assert_eq!(world.proxy.count("PATCH"), 1, "it looked, it did not send again");
}
