//! Many connections, slow ones, and calls that are cut off.

use std::io::Write as _;
use std::net::TcpStream;

use deed_test_support::shared::{locked_out, scim, user};
use deed_tests::proxy::Fault;
use deed_tests::wait::until;
use deed_tests::world::{BOB, HELPDESK, STRANGER, World};
use serde_json::json;

use super::{own_host, raw};
use crate::callers::crowd::{MEMORY_KB_MAX, alone, cut_off, idle, memory_kb, patient};
use crate::callers::mcp::{message, proposal, send};
use crate::callers::overload::becomes;
use crate::callers::refusals::forgiven;
use crate::callers::unharmed;
use crate::callers::wire::{address, connect};

/// More than one agent may have in progress, in all rounds together.
const ROUNDS: usize = 4;
const CALLS: usize = 100;

/// A request to the host's address of which only a part of the body is sent.
fn begun(world: &World) -> Vec<u8> {
    let body = message("tools/list", &json!({}));
    let mut bytes = raw(&[&own_host(world)], HELPDESK, body.as_bytes());
    bytes.truncate(bytes.len() - 10);
    bytes
}

/// Ten thousand connections, a thousand of which have begun a message. Other agents are served by the same route.
pub(super) fn idle_connections() {
    let _alone = alone();
    let world = World::start(scim()).unwrap();
    let before = memory_kb(&world);
    let mut held = idle(address(&world));
    assert!(held.len() > 2_000, "only {} connections could be opened here", held.len());
    let begun = begun(&world);
    for stream in held.iter_mut().rev().take(1_000) {
        stream.write_all(&begun).ok();
    }
    let list = message("tools/list", &json!({}));
    for _ in 0..20 {
        let answer = send(&world, STRANGER, &[], &list);
        assert_eq!(answer.status, 200, "another agent is shut out: {answer:?}");
    }
    let memory = memory_kb(&world);
    assert!(memory < before + 200 * 1024, "{before} KiB before, {memory} KiB with the crowd");
    drop(held);
    forgiven(&world);
}

/// The head arrives at once, and the message one byte at a time.
pub(super) fn slow_loris() {
    let world = World::start(scim()).unwrap();
    let body = "x".repeat(100_000);
    let request = raw(&[&own_host(&world)], HELPDESK, body.as_bytes());
    let head = &request[..request.len() - body.len()];
    let streams = (0..20).map(|_| {
        let mut stream = connect(address(&world));
        stream.write_all(head).unwrap();
        stream
    });
    cut_off(&world, streams.collect(), "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"");
}

/// Sends calls, waits for `begun`, and cuts all of them off at once, again and again.
fn storm(world: &World, body: impl Fn(usize) -> String, begun: impl Fn()) {
    let host = own_host(world);
    let list = message("tools/list", &json!({}));
    for round in 0..ROUNDS {
        let call = |number: usize| -> TcpStream {
            let mut stream = connect(address(world));
            let body = body(round * CALLS + number);
            // Over its limit, the host may refuse a request before the whole of it has arrived.
            stream.write_all(&raw(&[&host], HELPDESK, body.as_bytes())).ok();
            stream
        };
        let streams: Vec<TcpStream> = (0..CALLS).map(call).collect();
        begun();
        drop(streams);
        until("what was cut off is no longer in progress", || {
            send(world, HELPDESK, &[], &list).status == 200
        });
    }
}

/// Calls that propose and calls that wait are cut off. Every accepted action ends, and no call that was cut off takes a
/// place of the agent.
pub(super) fn storms() {
    let (world, user) = (patient(), user("storm", Some(true)));
    world.proxy.set("GET", Fault::Delay { ms: 200 });
    let listed = || {
        let listed = world.client(BOB).get("/v1/actions?limit=500").unwrap().json();
        listed["actions"].as_array().unwrap().clone()
    };
    let propose = |number: usize| {
        let mut given = proposal(&user);
        given["idempotency_key"] = json!(format!("storm-{number}"));
        message("tools/call", &json!({"name": "idp_read_user", "arguments": given}))
    };
    // A call that is cut off before the host has read it does nothing. On a busy machine this may happen to all calls.
    storm(&world, propose, || until("calls are accepted", || listed().len() > ROUNDS));
    becomes(&world, "deed_actions_under_way", |actions| actions == 0);
    world.proxy.set("GET", Fault::None);
    for action in listed() {
        assert_eq!(action["status"], "verified", "{action:#}");
    }
    let waiting = world.propose(&World::proposal("idp.restore_access", &locked_out())).unwrap();
    let arguments = json!({"action": waiting.text("/id"), "wait_s": 20});
    let wait = message("tools/call", &json!({"name": "deed_status", "arguments": arguments}));
    storm(&world, |_| wait.clone(), || ());
    assert!(memory_kb(&world) < MEMORY_KB_MAX);
    unharmed(&world);
}
