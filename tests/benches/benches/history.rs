//! Measures how much memory a host uses and what a long history of actions costs. The bench compares an empty host, a
//! host with thousands of waiting actions, a host with a thousand contracts and a hundred adapters, and hosts with the
//! numbers of past actions in `HISTORY`. With a thousand contracts, it also measures the list of tools of an agent. With
//! thousands of waiting actions, it also measures pages of the console.
//!
//! `DEED_BIN` names the binary of the host. The effect of the history on an action is measured as a ratio: hosts with
//! and without the history alternate, on the same machine and against the same upstream. If `KEEP` is set, the
//! directories are kept.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use deed_benches::process::rss_mib;
use deed_benches::{RSS_OF_ACTION, report, rounded, say};
use deed_tests::client::Client;
use deed_tests::host::Host;
use deed_tests::record::{Record, contracts};
use deed_tests::services::Result;
use deed_tests::world::edit;
use serde_json::json;

#[path = "history/crowd.rs"]
mod crowd;
#[path = "history/listed.rs"]
mod listed;
#[path = "history/pages.rs"]
mod pages;
#[path = "history/past.rs"]
mod past;
#[path = "history/shelf.rs"]
mod shelf;

const WAITING: u64 = 10_000;
/// The time after a start until a host counts as idle, in which background work ends and the allocator returns memory.
const REST: Duration = Duration::from_secs(3);

fn main() -> Result<()> {
    let steps = past::steps(env::var_os("HISTORY").as_deref())?;
    // The directory is on the disk of the build and never in memory.
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let root = root.join(format!("history-{}", std::process::id()));
    fs::create_dir_all(&root)?;
    let measured = measure(&root, &steps);
    if env::var_os("KEEP").is_some() {
        return say(&format!("kept in {}", root.display())).and(measured);
    }
    fs::remove_dir_all(&root)?;
    measured
}

fn measure(root: &Path, steps: &[past::Step]) -> Result<()> {
    let record = Record::start()?;
    let memory = memory(root, &record);
    let past = past::all(root, &record, steps);
    memory.and(past)
}

/// Measures the memory of an idle host, of a host with many waiting actions, and of a host with many contracts and
/// adapters.
fn memory(root: &Path, record: &Record) -> Result<()> {
    let (host, _) = start(&laid_out(&root.join("idle"), record)?)?;
    thread::sleep(REST);
    let idle = rss_mib(host.pid())?;
    let host = crowd::wait(host, WAITING)?;
    thread::sleep(REST);
    let waiting = rss_mib(host.pid())?;
    pages::measure(&host)?;
    host.stop()?;
    let (host, again_s) = start(&root.join("idle"))?;
    thread::sleep(REST);
    let resumed = rss_mib(host.pid())?;
    host.stop()?;
    let shelf = shelf::full(&root.join("shelf"), record)?;
    let (host, _) = start(&shelf)?;
    thread::sleep(REST);
    let full = rss_mib(host.pid())?;
    listed::measure(&host)?;
    host.stop()?;
    let figures = json!({
        "idle": rounded(idle, 1),
        "waiting_10k": rounded(waiting, 1),
        "waiting_10k_on_top": rounded(waiting - idle, 1),
        "waiting_10k_resumed": rounded(resumed, 1),
        "start_s_waiting_10k": rounded(again_s, 2),
        "contracts_1000_adapters_100": rounded(full, 1),
    });
    let holds = idle < 60.0 && waiting - idle < 64.0 && resumed - idle < 64.0;
    report(
        "rss_mib",
        &figures,
        &RSS_OF_ACTION,
        "idle below 60, 10,000 waiting below 64 on top",
        holds,
    )
}

fn laid_out(dir: &Path, record: &Record) -> Result<PathBuf> {
    contracts::lay_out(dir, &record.base_url())?;
    // The limits are high, because in this bench one agent owns all waiting actions.
    let room = "[limits]\nwaiting = { host = 80_000, tenant = 40_000, agent = 20_000 }\n\n[http]";
    edit(dir, "deed.toml", "[http]", room)?;
    Ok(dir.to_owned())
}

/// Starts the host and returns the seconds until it was ready.
fn start(dir: &Path) -> Result<(Host, f64)> {
    let began = Instant::now();
    let host = Host::serve(dir)?;
    let probe = Client::new(&host.operations, "");
    while probe.get("/readyz")?.status != 200 {
        thread::sleep(Duration::from_millis(2));
    }
    Ok((host, began.elapsed().as_secs_f64()))
}
