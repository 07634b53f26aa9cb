//! Tests of stopping a host. Once the host reports that it is serving, a signal causes an orderly stop: waiting actions
//! pause at once, runs finish, and the host accepts no new work. All actions continue after the next start.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use deed_test_support::shared::{locked_out, scim};
use deed_tests::client::{Answer, Client};
use deed_tests::host::Host;
use deed_tests::proxy::Fault;
use deed_tests::services::Result;
use deed_tests::wait::until;
use deed_tests::world::{BOB, HELPDESK, World, edit};
use serde_json::{Value, json};

use crate::ready::refused;

/// The time that a host may take to stop, which is far more than it needs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Changes the directory so that no approval is needed and suspending has no precondition that could end the action
/// before it queues.
fn free(dir: &std::path::Path) -> Result<()> {
    let permit = "@id(\"all\")\npermit (principal, action, resource);\n";
    fs::write(dir.join("policies/starter.cedar"), permit)?;
    let before = "[\"!has(pre.user.active) || pre.user.active\"]";
    edit(dir, "contracts/suspend_user.toml", before, "[]")?;
    // A write without an answer stays open for longer than a test waits for the host to stop.
    edit(dir, "deed.toml", "timeout = \"2s\"", "timeout = \"100s\"")
}

/// Proposes an action in a separate thread, with a longer wait than the test's own wait.
fn propose(world: &World, contract: &str, user: &str) -> thread::JoinHandle<Answer> {
    let proposal = World::proposal(contract, user);
    let agent = world.client(HELPDESK);
    let wait = [("prefer", "wait=60")];
    thread::spawn(move || agent.propose(&proposal, &wait).unwrap())
}

fn operations(world: &World, path: &str) -> Answer {
    Client::new(&world.host.as_ref().unwrap().operations, "").get(path).unwrap()
}

#[test]
fn a_signal_right_after_the_start_is_an_orderly_stop() {
    let world = World::lay_out(scim(), "scim").unwrap();
    for round in 0..10 {
        let host = Host::serve(&world.dir).unwrap();
        assert!(host.stop().unwrap(), "round {round}: it was ended without a stop of its own");
    }
}

#[test]
fn a_stop_refuses_what_is_new_and_lets_what_runs_end() {
    let world = World::with(scim(), "scim", |dir| {
        edit(dir, "deed.toml", "timeout = \"2s\"", "timeout = \"60s\"")
    });
    let (mut world, user, other) = (world.unwrap(), locked_out(), locked_out());
    let running = world.propose(&World::proposal("idp.restore_access", &user)).unwrap().text("/id");
    let waiting =
        world.propose(&World::proposal("idp.restore_access", &other)).unwrap().text("/id");
    world.proxy.set("PATCH", Fault::Hold);
    thread::scope(|scope| {
        scope.spawn(|| world.approve(&running, "bob", BOB).unwrap());
        until("the write is under way", || world.proxy.count("PATCH") == 1);
        world.host.as_ref().unwrap().signal("TERM").unwrap();
        until("it says that it stops", || operations(&world, "/readyz").status == 503);
        let ready = operations(&world, "/readyz");
        assert!(String::from_utf8_lossy(&ready.bytes).starts_with("stopping: "), "{ready:?}");
        assert_eq!(operations(&world, "/healthz").status, 200);
        refused(&world.propose(&World::proposal("idp.read_user", &user)).unwrap(), "stopping");
        let (taken, said) = world.approve(&waiting, "bob", BOB).unwrap();
        assert!(!taken && said.contains("stopping"), "{said}");
        // While the host stops, it still answers requests that only read.
        assert_eq!(world.show(&waiting).unwrap()["status"], "waiting");
        assert_eq!(world.proxy.count("PATCH"), 1, "all this while the write was under way");
        world.proxy.set("PATCH", Fault::None);
    });
    let host = world.host.take().unwrap();
    let log = world.dir.join("serve.log");
    assert_eq!(host.end(PATIENCE).unwrap(), Some(0));
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("the host waits for actions under way actions=1"), "{log}");
    world.serve().unwrap();
    assert_eq!(world.show(&running).unwrap()["status"], "verified");
    assert!(world.approve(&waiting, "bob", BOB).unwrap().0);
    assert_eq!(world.settled(&waiting).unwrap()["status"], "verified");
    assert_eq!(world.proxy.count("PATCH"), 2);
}

#[test]
fn what_only_waits_rests_at_a_stop_and_goes_on_with_the_next_start() {
    let (mut world, user) = (World::with(scim(), "scim", free).unwrap(), locked_out());
    // The write never arrives, but the host must assume until the write's deadline that it may still arrive.
    world.proxy.set("PATCH", Fault::DropBefore);
    let open = propose(&world, "idp.restore_access", &user);
    until("it looks after the write", || {
        world.proxy.count("PATCH") == 1 && world.proxy.count("GET") >= 3
    });
    let queued = propose(&world, "idp.suspend_user", &user);
    until("the second one is taken", || listed(&world) == 2);
    let host = world.host.take().unwrap();
    host.signal("TERM").unwrap();
    assert_eq!(host.end(PATIENCE).unwrap(), Some(0), "it waited with them");
    let (open, queued) = (open.join().unwrap(), queued.join().unwrap());
    // Both callers get 202 when the host stops, although they had asked it to wait for longer.
    assert_eq!((open.status, queued.status), (202, 202), "{open:?} {queued:?}");
    world.proxy.set("PATCH", Fault::None);
    world.serve().unwrap();
    let still = world.show(&open.text("/id")).unwrap();
    assert!(still["outcome"].is_null(), "nothing was concluded early: {still:#}");
    // The test makes the change directly at the server, the next observation sees it, and then the queued action runs.
    scim().patch(&user, &json!([{"op": "replace", "path": "active", "value": true}])).unwrap();
    assert_eq!(world.settled(&open.text("/id")).unwrap()["status"], "verified");
    assert_eq!(world.settled(&queued.text("/id")).unwrap()["status"], "verified");
    assert_eq!(world.proxy.count("PATCH"), 2, "one by each");
}

/// The number of the agent's actions.
fn listed(world: &World) -> usize {
    let all = world.client(HELPDESK).get("/v1/actions").unwrap().json();
    all["actions"].as_array().map_or(0, Vec::len)
}

#[test]
fn idle_connections_do_not_hold_up_a_stop() {
    let mut world = World::start(scim()).unwrap();
    let connect = |url: &str| TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    let (silent, mut kept) = (connect(world.url()), connect(world.url()));
    write!(kept, "GET /v1/contracts HTTP/1.1\r\nhost: deed\r\nauthorization: Bearer {BOB}\r\n\r\n")
        .unwrap();
    let mut first = [0; 12];
    kept.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    let host = world.host.take().unwrap();
    assert!(host.stop().unwrap());
    let log = fs::read_to_string(world.dir.join("serve.log")).unwrap();
    assert!(!log.contains("a connection was still open"), "{log}");
    drop((silent, kept));
}

#[test]
fn a_second_signal_ends_the_host_at_once_and_nothing_is_sent_twice() {
    let (mut world, user) = (World::with(scim(), "scim", free).unwrap(), locked_out());
    world.proxy.set("PATCH", Fault::Hold);
    let proposal = World::proposal("idp.restore_access", &user);
    let now = [("prefer", "wait=0")];
    let taken = world.client(HELPDESK).propose(&proposal, &now).unwrap();
    until("the write is under way", || world.proxy.count("PATCH") == 1);
    let (host, log) = (world.host.take().unwrap(), world.dir.join("serve.log"));
    host.signal("TERM").unwrap();
    until("it stops", || host.log().contains("under way actions=1"));
    host.signal("INT").unwrap();
    assert_eq!(host.end(PATIENCE).unwrap(), Some(1));
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("stopped at once: 1 action(s) were under way"), "{log}");
    world.serve().unwrap();
    // The write takes effect only now, after the host has started again.
    world.proxy.set("PATCH", Fault::None);
    let view: Value = world.settled(&taken.text("/id")).unwrap();
    assert_eq!(view["status"], "verified", "{view:#}");
    assert_eq!(world.proxy.count("PATCH"), 1, "it looked, it did not send again");
}
