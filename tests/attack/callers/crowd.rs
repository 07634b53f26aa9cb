//! Callers that hold connections: heads and bodies sent slowly, answers that are not read, ten thousand
//! connections at once.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use deed_test_support::shared::{scim, user};
use deed_tests::client::Client;
use deed_tests::proxy::Fault;
use deed_tests::services::Result;
use deed_tests::wait::until;
use deed_tests::world::{BOB, HELPDESK, STRANGER, World, edit};
use rustix::process::{Resource, getrlimit, setrlimit};

use super::wire::{address, bearer, call, connect, hear, request};
use super::{counted, unharmed};
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "slow-loris-head" => drip_head,
        "slow-loris-body" => drip_body,
        "answers-that-nobody-reads" => deaf,
        "ten-thousand-connections" => crowd,
        "stop-while-a-crowd-holds-on" => stop,
        "operations-crowded" => operations_crowded,
        "one-principal-takes-every-connection" => greedy,
    ]
}

/// Four times the host's timeout, to allow for a busy machine. If the host had no timeout, none of the slow connections
/// would end.
const CUT_PATIENCE: Duration = Duration::from_mins(1);

/// Writes one byte at a time, with pauses, until the host has closed the connection.
fn drip(mut stream: TcpStream, bytes: &mut dyn Iterator<Item = u8>) -> bool {
    let end = Instant::now() + CUT_PATIENCE;
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    while Instant::now() < end {
        let byte = [bytes.next().unwrap_or(b'x')];
        // If the host has closed the connection, this write or the next read fails or returns no bytes.
        if stream.write_all(&byte).is_err() || matches!(stream.read(&mut [0; 512]), Ok(0)) {
            return true;
        }
        if stream
            .read(&mut [0; 512])
            .is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset)
        {
            return true;
        }
    }
    false
}

/// Checks that the host cuts off all slow connections, and that a well-behaved caller is not affected.
pub(super) fn cut_off(world: &World, streams: Vec<TcpStream>, rest: &str) {
    thread::scope(|scope| {
        let drips: Vec<_> = streams
            .into_iter()
            .map(|stream| scope.spawn(move || drip(stream, &mut rest.bytes())))
            .collect();
        let view = world.propose(&World::proposal("idp.read_user", &user("polite", Some(true))));
        assert_eq!(view.unwrap().text("/status"), "verified");
        for drip in drips {
            assert!(drip.join().unwrap(), "the host still waits");
        }
    });
    assert!(counted(world, "deed_connections_cut_total") > 0);
    unharmed(world);
}

fn drip_head() {
    let world = World::start(scim()).unwrap();
    let to = address(&world);
    let mut streams: Vec<TcpStream> = (0..20).map(|_| connect(to)).collect();
    // Half of the connections have already received an answer.
    for stream in streams.iter_mut().step_by(2) {
        stream.write_all(b"GET /v1/contracts HTTP/1.1\r\nHost: deed\r\n\r\n").unwrap();
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
    }
    cut_off(&world, streams, "GET /v1/contracts HTTP/1.1\r\nHost: deed\r\nX: ");
}

fn drip_body() {
    let world = World::start(scim()).unwrap();
    let to = address(&world);
    let head = format!(
        "POST /v1/actions HTTP/1.1\r\nHost: deed\r\n{}\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n",
        bearer(HELPDESK)
    );
    let streams = (0..20).map(|_| {
        let mut stream = connect(to);
        stream.write_all(head.as_bytes()).unwrap();
        stream
    });
    cut_off(&world, streams.collect(), "{\"contract\": \"");
}

/// Repeats a request on one connection and never reads the answers. The host must not buffer unread answers without
/// limit.
fn deaf() {
    let world = World::start(scim()).unwrap();
    let mut stream = connect(address(&world));
    let ask = format!("GET /v1/contracts HTTP/1.1\r\nHost: deed\r\n{}\r\n\r\n", bearer(HELPDESK));
    let asks = ask.repeat(100);
    stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let end = Instant::now() + CUT_PATIENCE * 2;
    let mut sent = 0;
    let closed = loop {
        match stream.write(asks.as_bytes()) {
            Ok(bytes) => sent += bytes,
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break true,
        }
        if Instant::now() > end {
            break false;
        }
    };
    assert!(closed, "the host still waits for its reader, after {sent} bytes of requests");
    assert!(memory_kb(&world) < MEMORY_KB_MAX);
    unharmed(&world);
}

/// A memory limit that is far above what the idle host uses, and far below what ten thousand callers could make the
/// host allocate.
pub(super) const MEMORY_KB_MAX: u64 = 600 * 1024;

pub(super) fn memory_kb(world: &World) -> u64 {
    let pid = world.host.as_ref().unwrap().pid();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn open_files(world: &World) -> usize {
    let pid = world.host.as_ref().unwrap().pid();
    std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

/// One case at a time may use [`idle`]. Two of them would open more files than this process may have, and all other
/// cases of this process would fail.
pub(super) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens as many idle connections as this process may open, at most ten thousand.
pub(super) fn idle(to: SocketAddr) -> Vec<TcpStream> {
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    setrlimit(Resource::Nofile, files).unwrap();
    let most = files.maximum.unwrap_or(u64::MAX).saturating_sub(2_000).min(10_000);
    (0..most).filter_map(|_| TcpStream::connect(to).ok()).collect()
}

fn crowd() {
    let _alone = alone();
    let world = patient();
    let before = memory_kb(&world);
    // This request is still in progress when the many connections are opened, and its connection is the oldest one.
    world.proxy.set("GET", Fault::Delay { ms: 8_000 });
    let body = World::proposal("idp.read_user", &user("early", Some(true))).to_string();
    let lines = [&bearer(HELPDESK), "Content-Type: application/json", "Prefer: wait=60"];
    let mut early = connect(address(&world));
    early.write_all(&request("POST", "/v1/actions", &lines, body.as_bytes())).unwrap();
    until("it calls", || world.proxy.count("GET") > 0);
    world.proxy.set("GET", Fault::None);
    let mut held = idle(address(&world));
    assert!(held.len() > 2_000, "only {} connections could be opened here", held.len());
    // Some connections also send data, so that the host has to keep data for each of them.
    for stream in held.iter_mut().rev().take(1_000) {
        stream.write_all(format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(8_000)).as_bytes()).ok();
    }
    let view =
        world.propose(&World::proposal("idp.read_user", &user("polite", Some(true)))).unwrap();
    assert_eq!(view.text("/status"), "verified", "a polite caller is shut out: {}", view.json());
    let (memory, files) = (memory_kb(&world), open_files(&world));
    assert!(memory < before + 200 * 1024, "{before} KiB before, {memory} KiB with the crowd");
    assert!(files < 2_500, "{files} open files");
    assert!(counted(&world, "deed_connections_cut_total") > 0);
    let said = hear(early);
    assert!(said.status() == 200 && said.body().contains("verified"), "it was cut: {said:?}");
    drop(held);
    unharmed(&world);
}

/// Checks that callers with open connections do not delay an orderly stop.
fn stop() {
    let mut world = World::start(scim()).unwrap();
    let held: Vec<TcpStream> = (0..50)
        .map(|_| {
            let mut stream = connect(address(&world));
            stream.write_all(b"GET /v1/contracts HTTP/1.1\r\nHost: ").unwrap();
            stream
        })
        .collect();
    assert!(world.host.take().unwrap().stop().unwrap(), "it never stopped");
    drop(held);
    world.serve().unwrap();
    unharmed(&world);
}

/// The operations listener has a small limit of connections. Probes are still answered while callers hold connections.
fn operations_crowded() {
    let world = World::start(scim()).unwrap();
    let operations = world.host.as_ref().unwrap().operations.clone();
    let to: SocketAddr = operations.strip_prefix("http://").unwrap().parse().unwrap();
    let held: Vec<TcpStream> = (0..300).map(|_| connect(to)).collect();
    for probe in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(Client::new(&operations, "").get(probe).unwrap().status, 200, "{probe}");
    }
    assert!(open_files(&world) < 200);
    drop(held);
    unharmed(&world);
}

/// A fixture in which a read may take a long time.
pub(super) fn patient() -> World {
    World::with(scim(), "scim", slow_reads).unwrap()
}

/// Lets a read take longer than a busy machine needs for the requests that a case sends in the meantime.
pub(super) fn slow_reads(dir: &Path) -> Result<()> {
    edit(dir, "deed.toml", "timeout = \"2s\"", "timeout = \"60s\"")?;
    edit(dir, "contracts/read_user.toml", "timeout = \"30s\"", "timeout = \"60s\"")
}

/// One agent opens 200 connections, on each of which a request waits for a slow action of this agent. The agent gets a
/// large share of the connections, but not all.
fn greedy() {
    let world = patient();
    world.proxy.set("GET", Fault::Hold);
    let body = World::proposal("idp.read_user", &user("slow", Some(true))).to_string();
    let agent = world.client(HELPDESK);
    let slow =
        agent.send("POST", "/v1/actions", &[("prefer", "wait=0")], body.into_bytes()).unwrap();
    assert_eq!(slow.status, 202);
    let target = format!("/v1/actions/{}", slow.text("/id"));
    let wait = request("GET", &target, &[&bearer(HELPDESK), "Prefer: wait=60"], b"");
    let mut waiting: Vec<TcpStream> = (0..200).map(|_| connect(address(&world))).collect();
    for stream in &mut waiting {
        stream.write_all(&wait).unwrap();
    }
    let ask = |_| call(&world, HELPDESK, "GET", "/v1/contracts", b"");
    let over = (0..500).map(ask).find(|said| said.status() != 200).unwrap();
    over.refuses(429, "over what one may have in progress");
    assert!(over.header("retry-after").is_some());
    for token in [BOB, STRANGER] {
        let other = call(&world, token, "GET", "/v1/contracts", b"");
        assert_eq!(other.status(), 200, "another principal is harmed: {other:?}");
    }
    drop(waiting);
    world.proxy.set("GET", Fault::None);
    assert_eq!(world.settled(&slow.text("/id")).unwrap()["status"], "verified");
    unharmed(&world);
}
