//! Compares the cost of a governed action with the minimum cost of an action (the floor). The real binary (`DEED_BIN`)
//! serves over real sockets; a bare upstream and the floor (`bench-floor`) run in separate processes. The measurements
//! of the host and of the floor alternate in one run.
//!
//! By default, a measurement takes 1.5 seconds (`SPAN=1.5`), and there are three rounds (`ROUNDS=3`). `ONLY=write@64`
//! measures only one kind of action with 64 callers. The bench prints a table and writes `target/bench/action.svg`, and
//! `action`, `start` and `rss_mib.at_256` in `target/bench.json`.

mod callers;
mod figures;
mod plot;
mod stage;

use std::env;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use deed_benches::load::{Work, crowd};
use deed_benches::process::{cpu_s, peak_rss_mib};
use deed_tests::services::Result;
use tokio::runtime::Runtime;

use self::callers::{Approved, Called, Floor, Plain};
use self::figures::{Cost, Table};
use self::stage::Stage;

/// Concurrent callers.
const CROWDS: [u64; 4] = [1, 8, 64, 256];
/// Maximum number of callers that approve as one person.
const PERSON_MAX: u64 = 100;
/// Parts of the floor (the minimum work of an action), with the whole floor last.
const PARTS: [&str; 5] = ["nothing", "exchanges", "runs", "commits", "whole"];
/// Kinds of actions: a read, the same read over MCP, a write, a write that a person approves, and the same write under a
/// closed contract and under an open one, which is rehearsed.
const KINDS: [&str; 6] = ["read", "mcp", "write", "approved", "closed", "open"];

fn main() -> Result<()> {
    let bench = Bench {
        span: Duration::from_secs_f64(number("SPAN", 1.5)?),
        runtime: Runtime::new()?,
        only: env::var_os("ONLY").map(|text| text.to_string_lossy().into_owned()),
        stage: Stage::set()?,
    };
    let rounds = number("ROUNDS", 3.0)?;
    let mut table = Table::default();
    for callers in CROWDS {
        let mut round = 0.0;
        while round < rounds {
            bench.round(callers, &mut table)?;
            round += 1.0;
        }
        for line in table.lines(callers) {
            writeln!(std::io::stdout(), "{line}")?;
        }
    }
    if bench.only.is_some() {
        return Ok(());
    }
    plot::draw(&table)?;
    table.report(&bench.stage.starts)
}

fn number(name: &str, default: f64) -> Result<f64> {
    let Some(text) = env::var_os(name) else { return Ok(default) };
    Ok(text.to_string_lossy().parse().map_err(|_no_number| format!("{name} is a number"))?)
}

struct Bench {
    stage: Stage,
    runtime: Runtime,
    span: Duration,
    only: Option<String>,
}

impl Bench {
    /// Makes every measurement with this number of callers once.
    fn round(&self, callers: u64, table: &mut Table) -> Result<()> {
        let stage = &self.stage;
        let (plain, asking) = (stage.plain_address()?, stage.asking_address()?);
        for part in PARTS {
            let cost = || self.cost(stage.floor.pid(), stage.floor.address, callers, Floor(part));
            self.keep(part, callers, table, cost)?;
        }
        let read = || self.cost(stage.plain.pid(), plain, callers, Plain("idp.read_user"));
        self.keep("read", callers, table, read)?;
        let called = || self.cost(stage.plain.pid(), plain, callers, Called);
        self.keep("mcp", callers, table, called)?;
        let write = || self.cost(stage.plain.pid(), plain, callers, Plain("idp.restore_access"));
        self.keep("write", callers, table, write)?;
        for (name, contract) in stage::PAIR {
            let one = || self.cost(stage.plain.pid(), plain, callers, Plain(contract));
            self.keep(name, callers, table, one)?;
        }
        // Approvals are measured with at most `PERSON_MAX` callers, because one person may have at most 128 requests in
        // progress.
        if callers > PERSON_MAX {
            return Ok(());
        }
        let approved = Approved::new(&stage.asking_dir)?;
        let approved = || self.cost(stage.asking.pid(), asking, callers, approved);
        self.keep("approved", callers, table, approved)
    }

    fn keep(
        &self,
        what: &'static str,
        callers: u64,
        table: &mut Table,
        cost: impl FnOnce() -> Result<Cost>,
    ) -> Result<()> {
        let name = format!("{what}@{callers}");
        if self.only.as_ref().is_none_or(|only| *only == name) {
            table.add(what, callers, cost().map_err(|error| format!("{name}: {error}"))?);
        }
        Ok(())
    }

    fn cost<W: Work>(
        &self,
        pid: u32,
        to: std::net::SocketAddr,
        callers: u64,
        work: W,
    ) -> Result<Cost> {
        let before = cpu_s(pid)?;
        let work = Arc::new(work);
        let crowd = || self.runtime.block_on(crowd(&work, to, callers, self.span));
        let (done, peak_mib) = peak_rss_mib(pid, crowd)?;
        let done = done?;
        // The pause lets the server finish deferred work, which is part of its cost.
        std::thread::sleep(Duration::from_millis(150));
        let count = f64::from(u32::try_from(done.times.len().max(1)).unwrap_or(u32::MAX));
        Ok(Cost {
            p50_us: done.quantile(0.5).as_secs_f64() * 1e6,
            p99_us: done.quantile(0.99).as_secs_f64() * 1e6,
            per_s: done.per_second(),
            cpu_us: (cpu_s(pid)? - before) * 1e6 / count,
            peak_mib,
        })
    }
}
