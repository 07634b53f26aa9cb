//! Observes the host from outside under load: its memory, and how many actions it reports as under way.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use deed_tests::client::Client;
use deed_tests::host::Host;
use deed_tests::services::Result;

use crate::fixture::{Fixture, UNDER_WAY};
use crate::load::{GREEDY, MEASURED};

const EVERY: Duration = Duration::from_millis(100);
/// The memory that an action in flight may take, in addition to that of the idle host.
const ACTION_KIB: u64 = 512;
/// How long the last actions may take to end on a busy machine.
const PATIENCE: Duration = Duration::from_mins(4);

pub(crate) struct Watch {
    idle_kib: u64,
    most_kib: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    looking: Option<JoinHandle<()>>,
}

impl Watch {
    /// First runs one action for each of two tenants, so that everything that is created only once already exists.
    pub(crate) fn start(fixture: &Fixture) -> Result<Self> {
        for tenant in [GREEDY, MEASURED] {
            one_action(&fixture.client(tenant, 0))?;
        }
        let pid = fixture.home.host.as_ref().map(Host::pid).ok_or("there is no host")?;
        let (idle_kib, most_kib) = (rss_kib(pid)?, Arc::<AtomicU64>::default());
        let over = Arc::<AtomicBool>::default();
        let (most, end) = (Arc::clone(&most_kib), Arc::clone(&over));
        let looking = Some(thread::spawn(move || {
            while !end.load(Ordering::SeqCst) {
                // If the host has exited, other checks report that.
                most.fetch_max(rss_kib(pid).unwrap_or(0), Ordering::SeqCst);
                thread::sleep(EVERY);
            }
        }));
        Ok(Self { idle_kib, most_kib, over, looking })
    }

    pub(crate) fn rss_over_idle_kib(&self) -> u64 {
        self.most_kib.load(Ordering::SeqCst).saturating_sub(self.idle_kib)
    }

    /// Waits until no action is under way.
    pub(crate) fn rest(fixture: &Fixture) -> Result<()> {
        left(fixture, "deed_actions_under_way").map(drop)
    }

    /// Waits until no action is under way. Returns what is wrong: memory beyond its bound, or a run slot or queue place
    /// that was not released.
    pub(crate) fn at_rest(&self, fixture: &Fixture) -> Result<Vec<String>> {
        let mut findings = Vec::new();
        for gauge in
            ["deed_actions_under_way", "deed_runs", "deed_runs_queued", "deed_tenant_actions"]
        {
            let left = left(fixture, gauge)?;
            if left > 0 {
                findings.push(format!("`{gauge}` is {left} on an idle host"));
            }
        }
        let (over, most) = (self.rss_over_idle_kib(), ACTION_KIB * UNDER_WAY);
        if over > most {
            findings
                .push(format!("{over} KiB over the idle host; {most} are for {UNDER_WAY} actions"));
        }
        Ok(findings)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.looking.take().map(JoinHandle::join);
    }
}

/// Waits until a gauge is 0, and returns its last value.
fn left(fixture: &Fixture, gauge: &str) -> Result<u64> {
    let end = Instant::now() + PATIENCE;
    loop {
        let left = fixture.metric(gauge)?;
        if left == 0 || Instant::now() > end {
            return Ok(left);
        }
        thread::sleep(EVERY);
    }
}

fn one_action(client: &Client) -> Result<()> {
    let proposal = serde_json::json!({
        "contract": "crash.set_read", "params": {"item": "first"}, "intent": "the host is warmed up",
    });
    let answer = client.post("/v1/actions", &proposal)?;
    if answer.text("/status") == "verified" {
        Ok(())
    } else {
        Err(answer.json().to_string().into())
    }
}

fn rss_kib(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
