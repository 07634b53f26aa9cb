//! Callers that keep as many requests in progress as they can, to lock out other callers.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use deed_spec::digest::Digest;
use deed_test_support::shared::{locked_out, scim, user};
use deed_tests::client::Client;
use deed_tests::proxy::Fault;
use deed_tests::services::Result;
use deed_tests::world::{BOB, HELPDESK, STRANGER, World};

use super::crowd::slow_reads;
use super::overload::{OTHERS, PATIENCE, ask, prepare, read};
use super::refusals::forgiven;
use super::wire::{address, bearer, call, connect, request};
use super::{counted, unharmed};
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "one-tenant-takes-every-connection" => one_tenant,
        "tenants-together-take-every-connection" => tenants,
    ]
}

/// The number of requests that one principal may have in progress. [`A_FEW`] is the number of requests that the tests
/// send beyond this limit.
const AT_ONCE: usize = 128;
const A_FEW: usize = 12;

/// Every agent of a tenant keeps as many requests in progress as it may, but another tenant still gets its own share.
fn one_tenant() {
    let world = World::with(scim(), "scim", |dir| prepare(dir, "")).unwrap();
    // The bodies of these requests do not arrive. The requests are in progress until the host cuts them off.
    let begin = |token: &str| {
        let lines = [&bearer(token), "Content-Type: application/json", "Content-Length: 1000"];
        let head = request("POST", "/v1/actions", &lines, b"");
        hold(&world, &head, AT_ONCE + A_FEW)
    };
    let held: Vec<_> = [HELPDESK, OTHERS[0], OTHERS[1]].into_iter().map(begin).collect();
    let over = |_| call(&world, HELPDESK, "GET", "/v1/contracts", b"");
    let over = (0..500).map(over).find(|said| said.status() != 200).unwrap();
    over.refuses(429, "over what one may have in progress");
    assert!(over.header("retry-after").is_some());
    for token in [OTHERS[2], BOB, STRANGER] {
        let other = call(&world, token, "GET", "/v1/contracts", b"");
        assert_eq!(other.status(), 200, "another one is harmed: {other:?}");
    }
    drop(held);
    let end = Instant::now() + PATIENCE;
    while call(&world, HELPDESK, "GET", "/v1/contracts", b"").status() != 200 {
        assert!(Instant::now() < end, "what hung up is in progress for ever");
        thread::sleep(Duration::from_millis(20));
    }
    // A request whose body breaks off counts as a refusal and is charged to the budget of the agent.
    forgiven(&world);
}

/// Opens this many connections and sends this request on each of them.
fn hold(world: &World, bytes: &[u8], times: usize) -> Vec<TcpStream> {
    let one = |_| {
        let mut stream = connect(address(world));
        // The write may fail, because the host may refuse a connection and close it before the whole request has
        // arrived.
        stream.write_all(bytes).ok();
        stream
    };
    (0..times).map(one).collect()
}

/// The numbers of the attacking tenants, and of the agents of each tenant. Together, these agents try to use more
/// connections than the host has.
const GREEDY: [usize; 3] = [0, 1, 2];

fn token(tenant: usize, name: &str) -> String {
    format!("deed_token-of-{name}-of-greedy-tenant-{tenant}")
}

/// Adds the attacking tenants to `deed.toml`, each with three agents and a person.
fn crowd(dir: &Path, upstream: &str) -> Result<()> {
    let mut toml = fs::read_to_string(dir.join("deed.toml"))?;
    for tenant in GREEDY {
        let name = format!("tenant.greedy{tenant}");
        let hash = |who: &str| Digest::of(token(tenant, who).as_bytes());
        write!(
            toml,
            "\n[{name}]\npolicies = [\"policies/starter.cedar\"]\n\
             \n[{name}.upstream.idp]\nbase_url = \"{upstream}\"\naddresses = [\"loopback\"]\n\
             timeout = \"60s\"\nread = {{ secret = \"idp_read\", slot = \"bearer\" }}\n\
             \n[{name}.secret.idp_read]\nfile = \"secrets/idp_read\"\n\
             \n[{name}.grant.\"idp.read_user\"]\nupstreams = [\"idp\"]\n\
             \n[{name}.grant.\"idp.restore_access\"]\nupstreams = [\"idp\"]\n\
             \n[{name}.grant.\"idp.suspend_user\"]\nupstreams = [\"idp\"]\n\
             \n[{name}.person.olga]\nroles = [\"support-lead\"]\ntoken = \"{}\"\n",
            hash("olga")
        )?;
        for agent in GREEDY.map(|n| format!("agent{n}")) {
            write!(
                toml,
                "\n[{name}.agent.{agent}]\nperson = \"olga\"\nroles = [\"helpdesk\"]\ntoken = \"{}\"\n",
                hash(&agent)
            )?;
        }
    }
    Ok(fs::write(dir.join("deed.toml"), toml)?)
}

/// The agents of three tenants wait for a slow action, each agent on as many connections as it may have. All other
/// callers are still served: agents, people who answer, people of the greedy tenants, and operators.
fn tenants() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    crowd(&world.dir, world.proxy.base_url()).unwrap();
    slow_reads(&world.dir).unwrap();
    deed_tests::host::expect(&["pin", world.path()]).unwrap();
    world.serve().unwrap();
    let asked = World::proposal("idp.restore_access", &locked_out());
    let asked = ask(&world, HELPDESK, &asked, "wait=60");
    assert_eq!(asked.text("/status"), "waiting", "{}", asked.json());
    world.proxy.set("GET", Fault::Hold);
    let slow = user("slow", Some(true));
    let all = GREEDY.iter().flat_map(|tenant| GREEDY.map(|n| token(*tenant, &format!("agent{n}"))));
    let wait = |token: String| {
        let taken = ask(&world, &token, &read(&slow), "wait=0");
        assert_eq!(taken.status, 202, "{}", taken.json());
        let target = format!("/v1/actions/{}", taken.text("/id"));
        request("GET", &target, &[&bearer(&token), "Prefer: wait=60"], b"")
    };
    let waits: Vec<Vec<u8>> = all.map(wait).collect();
    let held: Vec<_> = waits.iter().map(|wait| hold(&world, wait, AT_ONCE)).collect();
    let end = Instant::now() + PATIENCE;
    let over = ["deed_throttled_total", "deed_connections_refused_total"];
    while over.iter().all(|name| counted(&world, name) == 0) {
        assert!(Instant::now() < end, "all of them are let in");
        thread::sleep(Duration::from_millis(20));
    }
    for _ in 0..20 {
        for token in [HELPDESK, BOB, STRANGER, &token(0, "olga"), &token(2, "olga")] {
            let other = call(&world, token, "GET", "/v1/contracts", b"");
            assert_eq!(other.status(), 200, "`{token}` does not get in: {other:?}");
        }
    }
    let nobody = call(&world, "wrong", "GET", "/v1/contracts", b"");
    nobody.refuses(401, "there is a connection left for whoever has no token");
    let operations = &world.host.as_ref().unwrap().operations;
    for probe in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(Client::new(operations, "").get(probe).unwrap().status, 200, "{probe}");
    }
    // A person answers, and the action that waited for the answer ends.
    let id = asked.text("/id");
    assert!(world.answer("deny", &id, "bob", BOB).unwrap().0);
    assert_eq!(world.settled(&id).unwrap()["status"], "denied");
    drop(held);
    world.proxy.set("GET", Fault::None);
    unharmed(&world);
}
