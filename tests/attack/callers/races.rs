//! Callers that send a request twice or at the wrong moment, or disconnect in the middle.

use std::io::Write as _;
use std::thread;
use std::time::Duration;

use deed_test_support::shared::{ended, is_active, locked_out, scim, user};
use deed_tests::client::Answer;
use deed_tests::proxy::Fault;
use deed_tests::wait::until;
use deed_tests::world::{BOB, HELPDESK, STRANGER, World, edit};
use serde_json::{Value, json};

use super::forged::{asked, key, send};
use super::unharmed;
use super::wire::{address, bearer, connect, request};
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "racing-double-approval" => double_approval,
        "cancel-after-the-first-byte" => late_cancel,
        "cancel-racing-the-approval" => racing_cancel,
        "hanging-up-while-proposing" => hang_up,
        "hanging-up-while-approving" => hang_up_approving,
        "idempotency-key-with-another-body" => key_reuse,
        "idempotency-key-of-another-agent" => foreign_key,
    ]
}

fn double_approval() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let asked = asked(&world, &user);
    let bob = asked.signed(&key(&world, "bob"), |_| ());
    let carol = asked.signed(&key(&world, "carol"), |terms| "carol".clone_into(&mut terms.person));
    let taken: Vec<u16> = thread::scope(|scope| {
        let send = |n: usize| {
            send(&world, &asked.id, if n.is_multiple_of(2) { &bob } else { &carol }).status
        };
        let all: Vec<_> = (0..8).map(|n| scope.spawn(move || send(n))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let good = taken.iter().filter(|status| **status < 300).count();
    assert!((1..=2).contains(&good), "each person at most once: {taken:?}");
    assert!(taken.iter().all(|status| [200, 202, 409].contains(status)), "{taken:?}");
    ended(&world, &world.settled(&asked.id).unwrap(), "verified", "every expectation holds");
    assert_eq!(world.proxy.count("PATCH"), 1);
    unharmed(&world);
}

fn cancel(world: &World, id: &str) -> Answer {
    world.client(HELPDESK).post(&format!("/v1/actions/{id}/cancel"), &json!({})).unwrap()
}

fn late_cancel() {
    let world = World::with(scim(), "scim", |dir| {
        edit(dir, "deed.toml", "timeout = \"2s\"", "timeout = \"20s\"")
    });
    let (world, user) = (world.unwrap(), locked_out());
    let asked = asked(&world, &user);
    world.proxy.set("PATCH", Fault::Hold);
    thread::scope(|scope| {
        scope.spawn(|| send(&world, &asked.id, &asked.signed(&key(&world, "bob"), |_| ())));
        until("the write leaves", || world.proxy.count("PATCH") == 1);
        let late = cancel(&world, &asked.id);
        world.proxy.set("PATCH", Fault::None);
        assert_eq!((late.status, late.text("/title").as_str()), (409, "too late"));
    });
    ended(&world, &world.settled(&asked.id).unwrap(), "verified", "every expectation holds");
    assert_eq!((world.proxy.count("PATCH"), is_active(&user)), (1, true));
    assert_eq!(cancel(&world, &asked.id).status, 409, "after the end");
    unharmed(&world);
}

/// The action is never both cancelled and written, regardless of which request wins the race.
fn racing_cancel() {
    let world = World::start(scim()).unwrap();
    for _ in 0..5 {
        let user = locked_out();
        let asked = asked(&world, &user);
        world.proxy.forget();
        thread::scope(|scope| {
            scope.spawn(|| send(&world, &asked.id, &asked.signed(&key(&world, "bob"), |_| ())));
            scope.spawn(|| cancel(&world, &asked.id));
        });
        let view = world.settled(&asked.id).unwrap();
        let wrote = world.proxy.count("PATCH");
        let ends = [("cancelled", 0, false), ("verified", 1, true)];
        let end = (view["status"].as_str().unwrap(), wrote, is_active(&user));
        assert!(ends.contains(&end), "{end:?}: {view:#}");
    }
    unharmed(&world);
}

/// An action that is on disk is carried out even if its caller has disconnected.
fn hang_up() {
    let world = World::start(scim()).unwrap();
    let body = World::proposal("idp.read_user", &user("hang-up", Some(true))).to_string();
    let lines = [&bearer(HELPDESK), "Content-Type: application/json"];
    let bytes = request("POST", "/v1/actions", &lines, body.as_bytes());
    for pause in 0..60 {
        let mut stream = connect(address(&world));
        stream.write_all(&bytes).unwrap();
        thread::sleep(Duration::from_micros(pause * 40));
    }
    let rest = || {
        let listed = world.client(BOB).get("/v1/actions?limit=500").unwrap().json();
        let all: Vec<Value> = listed["actions"].as_array().unwrap().clone();
        all.iter().all(|action| action["status"] == "verified")
    };
    until("every action that was taken comes to rest", rest);
    unharmed(&world);
}

fn hang_up_approving() {
    let world = World::start(scim()).unwrap();
    let users: Vec<String> = (0..10).map(|_| locked_out()).collect();
    let asked: Vec<_> = users.iter().map(|user| asked(&world, user)).collect();
    for (pause, asked) in (0..).zip(&asked) {
        let envelope = asked.signed(&key(&world, "bob"), |_| ());
        let body = json!(envelope).to_string();
        let lines = [&bearer(BOB), "Content-Type: application/json"];
        let target = format!("/v1/actions/{}/approvals", asked.id);
        let mut stream = connect(address(&world));
        stream.write_all(&request("POST", &target, &lines, body.as_bytes())).unwrap();
        thread::sleep(Duration::from_micros(pause * 200));
    }
    for (asked, user) in asked.iter().zip(&users) {
        // If the host has recorded the approver's answer, the action must continue.
        let answered =
            || !world.show(&asked.id).unwrap()["approvals"].as_array().unwrap().is_empty();
        if answered() {
            until("an answered action goes on", || {
                world.show(&asked.id).unwrap()["status"] == "verified"
            });
            assert!(is_active(user));
        }
    }
    unharmed(&world);
}

fn keyed(world: &World, token: &str, key: &str, body: &Value) -> Answer {
    let headers = [("idempotency-key", key), ("prefer", "wait=60")];
    world.client(token).propose(body, &headers).unwrap()
}

/// Eight different bodies race for one idempotency key. One body becomes the action, and the other requests receive
/// 409.
fn key_reuse() {
    let world = World::start(scim()).unwrap();
    let users: Vec<String> = (0..8).map(|_| user("race", Some(true))).collect();
    let answers: Vec<Answer> = thread::scope(|scope| {
        let ask =
            |user: &str| keyed(&world, HELPDESK, "k", &World::proposal("idp.read_user", user));
        let all: Vec<_> = users.iter().map(|user| scope.spawn(move || ask(user))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let good: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(good.len(), 1, "{answers:?}");
    for other in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!((other.status, other.text("/title").as_str()), (409, "idempotency key reused"));
    }
    assert_eq!(world.proxy.count("GET"), 1);
    unharmed(&world);
}

/// An idempotency key belongs to its agent. Another agent with the same key neither gets the action nor learns that it
/// exists.
fn foreign_key() {
    let world = World::start(scim()).unwrap();
    let body = World::proposal("idp.read_user", &user("key", Some(true)));
    let own = keyed(&world, HELPDESK, "k", &body);
    let foreign = keyed(&world, STRANGER, "k", &body);
    assert_eq!(own.text("/status"), "verified", "{}", own.json());
    assert_ne!(own.text("/id"), foreign.text("/id"));
    assert_eq!(foreign.text("/agent"), "desk", "{}", foreign.json());
    let mut other = body.clone();
    other["intent"] = json!("something else");
    assert_eq!(keyed(&world, STRANGER, "k2", &other).text("/agent"), "desk");
    assert_eq!(keyed(&world, HELPDESK, "k2", &body).text("/status"), "verified");
    for odd in ["", " ", "a b", "\u{e9}", &"k".repeat(129)] {
        let line = format!("Idempotency-Key: {odd}");
        let lines = [&bearer(HELPDESK), "Content-Type: application/json", &line];
        let bytes = request("POST", "/v1/actions", &lines, body.to_string().as_bytes());
        super::wire::exchange(address(&world), &bytes).refuses(400, &line);
    }
    unharmed(&world);
}
