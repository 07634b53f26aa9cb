//! Callers that demand more than their share of the host: agents, tenants, run slots, one slow upstream.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use deed_spec::digest::Digest;
use deed_test_support::shared::{scim, user};
use deed_tests::client::Answer;
use deed_tests::hostile::Hostile;
use deed_tests::proxy::Fault;
use deed_tests::services::Result;
use deed_tests::wait::until;
use deed_tests::world::{HELPDESK, STRANGER, World, edit};
use serde_json::Value;

use super::crowd::slow_reads;
use super::{counted, metric, unharmed};
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "a-tenant-of-many-agents" => many_agents,
        "a-key-again-and-again" => known_key,
        "a-tenant-takes-every-turn" => every_turn,
        "a-slow-upstream-takes-every-turn" => slow_upstream,
    ]
}

pub(super) const OTHERS: [&str; 3] = [
    "deed_token-of-the-second-agent-of-acme",
    "deed_token-of-the-third-agent-of-acme",
    "deed_token-of-the-fourth-agent-of-acme",
];
pub(super) const PATIENCE: Duration = Duration::from_mins(2);

/// Changes `deed.toml`: adds agents to the tenant `acme`, a read credential to the tenant `globex`, and the lines
/// `limits` before the table `[http]`.
pub(super) fn prepare(dir: &Path, limits: &str) -> Result<()> {
    let http = "[http]\nlisten";
    edit(dir, "deed.toml", http, &format!("{limits}\n{http}"))?;
    let desk = "addresses = [\"loopback\"]\n\n[tenant.globex.agent.desk]";
    let reads = "addresses = [\"loopback\"]\nread = { secret = \"idp_read\", slot = \"bearer\" }\n\n\
                 [tenant.globex.secret.idp_read]\nfile = \"secrets/idp_read\"\n\n[tenant.globex.agent.desk]";
    edit(dir, "deed.toml", desk, reads)?;
    let mut toml = fs::read_to_string(dir.join("deed.toml"))?;
    for (n, token) in OTHERS.iter().enumerate() {
        let hash = Digest::of(token.as_bytes());
        write!(
            toml,
            "\n[tenant.acme.agent.desk-{n}]\nperson = \"alice\"\nroles = [\"helpdesk\"]\ntoken = \"{hash}\"\n"
        )?;
    }
    Ok(fs::write(dir.join("deed.toml"), toml)?)
}

/// Gives the tenant `globex` a separate upstream, which is never slow.
fn elsewhere(dir: &Path, quick: &Hostile) -> Result<()> {
    let toml = fs::read_to_string(dir.join("deed.toml"))?;
    let table = "[tenant.globex.upstream.idp]\nbase_url = \"";
    let (head, rest) = toml.split_once(table).ok_or("globex has no upstream")?;
    let (_, rest) = rest.split_once('"').ok_or("its address has no end")?;
    Ok(fs::write(dir.join("deed.toml"), format!("{head}{table}{}\"{rest}", quick.base_url()))?)
}

/// Checks that a read of `globex` is carried out at once.
fn polite(world: &World, quick: &Hostile) {
    let user = format!("{:032x}", 7);
    quick.set(&user, "active", true.into());
    let answer = ask(world, STRANGER, &read(&user), "wait=60");
    assert_eq!(answer.text("/status"), "verified", "{}", answer.json());
}

pub(super) fn ask(world: &World, token: &str, proposal: &Value, wait: &str) -> Answer {
    world.client(token).propose(proposal, &[("prefer", wait)]).unwrap()
}

pub(super) fn read(user: &str) -> Value {
    World::proposal("idp.read_user", user)
}

/// Proposes actions until the answer is not 202. Returns the accepted actions and the last answer.
fn fill(world: &World, token: &str, mut next: impl FnMut() -> Value) -> (Vec<String>, Answer) {
    let mut taken = Vec::new();
    loop {
        let answer = ask(world, token, &next(), "wait=0");
        if answer.status != 202 {
            assert_eq!(answer.content_type, "application/problem+json", "{}", answer.json());
            assert!(answer.retry_after.is_some_and(|s| (1..=60).contains(&s)), "{answer:?}");
            return (taken, answer);
        }
        taken.push(answer.text("/id"));
        assert!(taken.len() < 200, "all of them are taken");
    }
}

/// Waits until a gauge or counter has the expected value.
pub(super) fn becomes(world: &World, name: &str, right: impl Fn(u64) -> bool) {
    let end = Instant::now() + PATIENCE;
    while !metric(world, name).is_some_and(&right) {
        assert!(Instant::now() < end, "`{name}` stays {:?}", metric(world, name));
        thread::sleep(Duration::from_millis(20));
    }
}

fn many_agents() {
    let few = "[limits]\nunder_way = { host = 16, tenant = 8, agent = 4 }\n";
    let world = World::with(scim(), "scim", |dir| {
        prepare(dir, few)?;
        slow_reads(dir)
    })
    .unwrap();
    world.proxy.set("GET", Fault::Hold);
    let slow = user("slow", Some(true));
    let mut taken = Vec::new();
    let mut told = Vec::new();
    for token in [HELPDESK, OTHERS[0], OTHERS[1], OTHERS[2]] {
        let (more, over) = fill(&world, token, || read(&slow));
        taken.extend(more);
        told.push((over.status, over.text("/limit")));
    }
    assert_eq!(told[0], (429, "agent_under_way".to_owned()));
    assert!(told.contains(&(429, "tenant_under_way".to_owned())), "{told:?}");
    assert!(told.iter().all(|(status, _)| *status == 429), "{told:?}");
    // Another tenant is not refused, because it has its own slots.
    let polite = ask(&world, STRANGER, &read(&user("polite", Some(true))), "wait=0");
    assert_eq!(polite.status, 202, "{}", polite.json());
    assert!(counted(&world, "deed_admission_refused_total{limit=\"agent_under_way\"}") > 0);
    world.proxy.set("GET", Fault::None);
    for id in taken {
        assert_eq!(world.settled(&id).unwrap()["status"], "verified");
    }
    becomes(&world, "deed_tenant_actions{tenant=\"acme\",state=\"under_way\"}", |n| n == 0);
    unharmed(&world);
}

/// An agent at its limit of actions under way repeats an earlier proposal with its idempotency key. The agent receives
/// the same action, which does not use a second slot.
fn known_key() {
    let few = "[limits]\nunder_way = { host = 16, tenant = 8, agent = 4 }\n";
    let world = World::with(scim(), "scim", |dir| {
        prepare(dir, few)?;
        slow_reads(dir)
    })
    .unwrap();
    world.proxy.set("GET", Fault::Hold);
    let slow = user("slow", Some(true));
    let proposal = read(&slow);
    let keyed = || {
        let headers = [("prefer", "wait=0"), ("idempotency-key", "the-same")];
        world.client(HELPDESK).propose(&proposal, &headers).unwrap()
    };
    let first = keyed();
    assert_eq!(first.status, 202, "{}", first.json());
    let (rest, over) = fill(&world, HELPDESK, || read(&slow));
    assert_eq!((rest.len(), over.text("/limit").as_str()), (3, "agent_under_way"));
    let counts = || {
        let all = "deed_tenant_actions{tenant=\"acme\",state=\"under_way\"}";
        let refused = "deed_admission_refused_total{limit=\"agent_under_way\"}";
        [all, refused, "deed_actions_under_way"].map(|name| counted(&world, name))
    };
    let before = counts();
    assert_eq!(before, [4, 1, 4]);
    for _ in 0..50 {
        let again = keyed();
        assert_eq!((again.status, again.text("/id")), (202, first.text("/id")), "{}", again.json());
    }
    assert_eq!(counts(), before);
    world.proxy.set("GET", Fault::None);
    for id in rest.into_iter().chain([first.text("/id")]) {
        assert_eq!(world.settled(&id).unwrap()["status"], "verified");
    }
    assert_eq!(keyed().text("/status"), "verified");
    becomes(&world, "deed_tenant_actions{tenant=\"acme\",state=\"under_way\"}", |n| n == 0);
    unharmed(&world);
}

/// One tenant has as many slow runs as the sandbox has slots. Another tenant must not have to wait until these runs
/// end.
fn every_turn() {
    let quick = Hostile::start().unwrap();
    let world = World::with(scim(), "scim", |dir| {
        prepare(dir, "")?;
        elsewhere(dir, &quick)?;
        slow_reads(dir)?;
        edit(dir, "deed.toml", "timeout = \"60s\"", "timeout = \"60s\"\nconcurrency = 64")
    })
    .unwrap();
    let slow = user("slow", Some(true));
    world.proxy.set("GET", Fault::Hold);
    let mut taken = fill(&world, HELPDESK, || read(&slow)).0;
    taken.extend(fill(&world, OTHERS[0], || read(&slow)).0);
    becomes(&world, "deed_runs_queued", |n| n > 64);
    polite(&world, &quick);
    let (runs, queued) = (counted(&world, "deed_runs"), counted(&world, "deed_runs_queued"));
    assert!(runs > 40 && queued > 0, "it waited for the end of them: {runs} run, {queued} wait");
    world.proxy.set("GET", Fault::None);
    for id in taken {
        assert_eq!(world.settled(&id).unwrap()["status"], "verified");
    }
    becomes(&world, "deed_runs", |n| n == 0);
    unharmed(&world);
}

/// One upstream does not answer and occupies as many runs as it may have. An action that waits for a run longer than
/// its contract allows sends nothing and ends with a reason. Other upstreams are not affected.
fn slow_upstream() {
    let quick = Hostile::start().unwrap();
    let world = World::with(scim(), "scim", |dir| {
        prepare(dir, "")?;
        elsewhere(dir, &quick)?;
        slow_reads(dir)?;
        edit(dir, "deed.toml", "timeout = \"60s\"", "timeout = \"60s\"\nconcurrency = 2")?;
        let queue = "timeout = \"60s\"\nqueue = \"10s\"";
        edit(dir, "contracts/read_user.toml", "timeout = \"60s\"", queue)
    })
    .unwrap();
    let slow = user("slow", Some(true));
    world.proxy.set("GET", Fault::Hold);
    let asks = (0..10).map(|_| ask(&world, HELPDESK, &read(&slow), "wait=0"));
    let taken: Vec<String> = asks.map(|answer| answer.text("/id")).collect();
    becomes(&world, "deed_upstream_runs{tenant=\"acme\",upstream=\"idp\",state=\"queued\"}", |n| {
        n == 8
    });
    polite(&world, &quick);
    let is_expired = |id: &&String| world.show(id).unwrap()["status"] == "expired";
    until("what waits expires", || taken.iter().filter(is_expired).count() == 8);
    world.proxy.set("GET", Fault::None);
    let ends: Vec<Value> = taken.iter().map(|id| world.settled(id).unwrap()).collect();
    let expired = ends.iter().filter(|view| view["status"] == "expired");
    let why = "it did not get a run slot within 10000 ms, because `idp` had its maximum number of runs; nothing was sent";
    let reasons = expired.map(|view| assert_eq!(view["reason"], why)).count();
    assert_eq!(reasons, 8, "{ends:#?}");
    let reads = world.proxy.requests().iter().filter(|one| one.path.contains(&slow)).count();
    assert_eq!(reads, 2, "what waited was sent all the same");
    unharmed(&world);
}
