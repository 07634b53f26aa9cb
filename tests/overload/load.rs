//! Open-loop load: each proposal (an "offer") is sent at its due time, whether or not the earlier proposals were
//! answered. Every proposal is recorded with the host's answer.

use std::fs;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use deed_tests::client::Client;
use deed_tests::services::{Result, workspace};
use serde_json::{Map, Value, json};

use crate::fixture::{AGENTS, CAPACITY, Fixture, TENANTS};

/// The greedy tenant, and the polite tenant whose wait is compared.
pub(crate) const GREEDY: usize = 0;
pub(crate) const MEASURED: usize = 1;
/// The load of all proposals divided by the capacity of the host.
const OVERLOAD: u64 = 4;
/// Proposals per second of the measured polite tenant, and of each other polite tenant. The polite tenants together use
/// less than half of the capacity.
const MEASURED_RATE: u64 = 4;
const POLITE_RATE: u64 = 1;
/// The number of connections of the greedy tenant. Each connection is idle again long before its next proposal is due.
const GREEDY_THREADS: u64 = 64;
/// One of this many proposals of the greedy tenant is a write, which takes two observations and one write request.
const WRITES: u64 = 8;

/// The rate at which each tenant proposes actions, and the duration of the load.
pub(crate) struct Offers {
    /// Tenants with the number of their proposals per second.
    rates: Vec<(usize, u64)>,
    time: Duration,
    /// A name that distinguishes the items of this phase from the items of other phases.
    phase: String,
}

/// One proposal and its answer.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) tenant: usize,
    pub(crate) agent: usize,
    pub(crate) item: String,
    pub(crate) writes: bool,
    pub(crate) status: u16,
    pub(crate) retry_after: Option<u64>,
    /// The action's id, or an empty string if the proposal was not accepted.
    pub(crate) id: String,
    /// The action's status, the limit because of which the proposal was refused, or the reason why there was no answer.
    pub(crate) word: String,
    /// The time from the due time of the proposal to its answer.
    pub(crate) ms: f64,
    /// The number of observations, of all actions, that the upstream began to answer between the due time of the
    /// proposal and its answer.
    pub(crate) passed: usize,
}

impl Offers {
    pub(crate) fn one_alone(time: Duration, round: u32) -> Self {
        Self { rates: vec![(MEASURED, MEASURED_RATE)], time, phase: format!("alone-{round}") }
    }

    pub(crate) fn everybody(time: Duration, round: u32) -> Self {
        let mut rates = vec![(MEASURED, MEASURED_RATE)];
        rates.extend((MEASURED + 1..TENANTS).map(|tenant| (tenant, POLITE_RATE)));
        let polite: u64 = rates.iter().map(|(_, rate)| rate).sum();
        rates.push((GREEDY, CAPACITY * OVERLOAD - polite));
        Self { rates, time, phase: format!("all-{round}") }
    }
}

/// Sends every proposal at its due time. Returns all answers once the last one has arrived.
pub(crate) fn offer(fixture: &Fixture, offers: &Offers) -> Vec<Told> {
    let told = Mutex::new(Vec::new());
    // The start is slightly in the future, so that all threads have started by then.
    let start = Instant::now() + Duration::from_millis(300);
    thread::scope(|scope| {
        for &(tenant, rate) in &offers.rates {
            let lanes = if tenant == GREEDY { GREEDY_THREADS } else { rate * 4 };
            for lane in 0..lanes {
                let told = &told;
                scope.spawn(move || {
                    for one in carry((tenant, rate), (lane, lanes), fixture, offers, start) {
                        told.lock().unwrap_or_else(PoisonError::into_inner).push(one);
                    }
                });
            }
        }
    });
    told.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Sends the proposals of one connection, which are every n-th proposal of the tenant, where n is the number of its
/// connections.
fn carry(
    (tenant, rate): (usize, u64),
    (lane, lanes): (u64, u64),
    fixture: &Fixture,
    offers: &Offers,
    start: Instant,
) -> Vec<Told> {
    let agent = if tenant == GREEDY { at(lane) % AGENTS } else { 0 };
    let client = fixture.client(tenant, agent);
    let phase = &offers.phase;
    let due = |n| due(tenant, n, rate);
    let numbers = (lane..).step_by(at(lanes)).take_while(|n| due(*n) < offers.time);
    let one = |n| {
        let due = start + due(n);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let before = fixture.proxy.count("GET");
        let one = make(&client, (tenant, agent), format!("i-{phase}-{tenant}-{n}"), n, due);
        Told { passed: fixture.proxy.count("GET").saturating_sub(before), ..one }
    };
    numbers.map(one).collect()
}

/// The due time of a proposal. Each period has one proposal at a random offset, which is the same in each run. The
/// offsets of the tenants are independent. If all proposals were due at the full second, the polite tenants would wait
/// for one another and not for the greedy tenant.
fn due(tenant: usize, n: u64, rate: u64) -> Duration {
    let period = Duration::from_secs(1) / u32::try_from(rate).unwrap_or(1);
    let seed = (tenant as u64) << 32 | n;
    // The last step of splitmix64, so that adjacent numbers give distant values.
    let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let part = u32::try_from(mixed >> 54).unwrap_or_default();
    Duration::from_secs(n) / u32::try_from(rate).unwrap_or(1) + period * part / 1_024
}

fn at(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// Sends one proposal. The greedy tenant does not wait for the action to end, but a polite tenant does.
fn make(
    client: &Client,
    (tenant, agent): (usize, usize),
    item: String,
    n: u64,
    due: Instant,
) -> Told {
    let greedy = tenant == GREEDY;
    let writes = greedy && n.is_multiple_of(WRITES);
    let mut proposal = json!({
        "contract": "crash.set_read", "params": {"item": item}, "intent": "a load is offered",
    });
    if writes {
        proposal["contract"] = json!("crash.set");
        proposal["params"]["value"] = json!("wanted");
    }
    let wait = if greedy { "wait=0" } else { "wait=60" };
    let headers = [("prefer", wait), ("idempotency-key", item.as_str())];
    let answer = client.propose(&proposal, &headers);
    let ms = due.elapsed().as_secs_f64() * 1_000.0;
    let mut told = Told {
        tenant,
        agent,
        item,
        writes,
        ms,
        status: 0,
        retry_after: None,
        id: String::new(),
        word: String::new(),
        passed: 0,
    };
    match answer {
        Err(error) => told.word = error.to_string(),
        Ok(answer) => {
            told.id = answer.text("/id");
            told.word = answer.text(if answer.status < 300 { "/status" } else { "/limit" });
            (told.status, told.retry_after) = (answer.status, answer.retry_after);
        }
    }
    told
}

/// The 99th percentile of the time that this tenant waits for the end of an action, in milliseconds.
pub(crate) fn p99(told: &[Told], tenant: usize) -> f64 {
    let mut all: Vec<f64> = told
        .iter()
        .filter(|one| one.tenant == tenant && one.status == 200)
        .map(|one| one.ms)
        .collect();
    all.sort_by(f64::total_cmp);
    all.get((all.len() * 99 / 100).min(all.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

/// Writes the figures to `target/bench.json` and keeps all other figures in that file.
pub(crate) fn report(figures: &Value) -> Result<()> {
    let path = workspace().join("target/bench.json");
    let mut all: Map<String, Value> = match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Map::new(),
        Err(error) => return Err(error.into()),
    };
    all.insert("overload".to_owned(), figures.clone());
    Ok(fs::write(path, serde_json::to_string_pretty(&all)? + "\n")?)
}
