//! What a governed action costs, beside the least that it could: the real binary over real sockets, a bare upstream in
//! a process of its own, and the floor (`bench-floor`) in another. All take turns in one run.
//!
//! `SPAN=2` seconds per measurement. Gives a table, and `action` and `rss_mib` in `target/bench.json`.

mod callers;
mod stage;

use std::time::Duration;

use deed_benches::load::{Done, crowd};
use deed_benches::usage;
use deed_tests::services::Result;
use tokio::runtime::Runtime;

use self::callers::{Approved, Floor, Plain};
use self::stage::Stage;

/// Callers at a time.
const CROWDS: [u64; 4] = [1, 8, 64, 256];

fn main() -> Result<()> {
    let span = std::env::var("SPAN").map_or(Ok(2.0), |text| text.parse())?;
    let span = Duration::from_secs_f64(span);
    let runtime = Runtime::new()?;
    let stage = Stage::set()?;
    println!("idle: {} KiB", usage::rss_kib(stage.plain.pid())?);
    for callers in CROWDS {
        let turn = |part: &'static str| {
            let floor = std::sync::Arc::new(Floor(part));
            measured(&runtime, span, stage.floor.pid(), || {
                crowd(&floor, stage.floor.address, callers, span)
            })
        };
        for part in ["/nothing", "/exchanges", "/runs", "/commits", "/whole"] {
            let (done, cpu) = turn(part)?;
            say(part, callers, &done, cpu);
        }
        let to = stage.plain_address()?;
        for contract in ["idp.read_user", "idp.restore_access"] {
            let work = std::sync::Arc::new(Plain::new(contract));
            let (done, cpu) =
                measured(&runtime, span, stage.plain.pid(), || crowd(&work, to, callers, span))?;
            say(contract, callers, &done, cpu);
        }
        println!("rss {} KiB", usage::rss_kib(stage.plain.pid())?);
        let work = std::sync::Arc::new(Approved::new(&stage.asking_dir)?);
        let to = stage.asking_address()?;
        let (done, cpu) =
            measured(&runtime, span, stage.asking.pid(), || crowd(&work, to, callers, span))?;
        say("approved", callers, &done, cpu);
    }
    Ok(())
}

fn measured<F: Future<Output = Result<Done>>>(
    runtime: &Runtime,
    _span: Duration,
    pid: u32,
    work: impl FnOnce() -> F,
) -> Result<(Done, Duration)> {
    std::thread::sleep(Duration::from_millis(100));
    let before = usage::cpu(pid)?;
    let done = runtime.block_on(work())?;
    Ok((done, usage::cpu(pid)? - before))
}

fn say(what: &str, callers: u64, done: &Done, cpu: Duration) {
    let count = u32::try_from(done.times.len()).unwrap_or(u32::MAX).max(1);
    println!(
        "{what:>20} {callers:>4}: p50 {:>9.3?} p99 {:>9.3?} {:>8.0}/s cpu {:>8.1?}",
        done.quantile(0.5),
        done.quantile(0.99),
        done.per_second(),
        cpu / count
    );
}
