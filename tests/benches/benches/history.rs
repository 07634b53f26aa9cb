//! What memory and the past cost: a host with nothing, with thousands of actions that wait, with a thousand
//! contracts and a hundred adapters, and with as many past actions as `HISTORY` says.
//!
//! The binary is `DEED_BIN`. What the past does to an action is a ratio: a host with it and one without take
//! turns, on the same machine and against the same system of record. `KEEP` leaves the directories there.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use deed_benches::process::{cpu_s, rss_mib};
use deed_benches::{RSS_OF_ACTION, history, median, report, rounded, say};
use deed_host::journal;
use deed_tests::client::Client;
use deed_tests::host::Host;
use deed_tests::record::Record;
use deed_tests::record::desk::{self, Deed, Kind};
use deed_tests::services::Result;
use deed_tests::world::{BOB, HELPDESK, edit};
use serde_json::{Value, json};

#[path = "history/crowd.rs"]
mod crowd;
#[path = "history/shelf.rs"]
mod shelf;

/// Past actions where nobody says how many; all of it takes some three minutes then.
const ACTIONS: u64 = 100_000;
const WAITING: u64 = 10_000;
/// Turns that the two hosts take, and the actions of one.
const TURNS: u64 = 20;
const EACH: u64 = 25;
/// Starts of which the middle one counts.
const STARTS: usize = 3;
/// What a start leaves to be done in the background, and an allocator gives back, is not idle yet.
const REST: Duration = Duration::from_secs(3);

fn main() -> Result<()> {
    let actions = match env::var_os("HISTORY") {
        Some(text) => text.to_string_lossy().parse().map_err(|_| "HISTORY is a whole number")?,
        None => ACTIONS,
    };
    // On the disk that the build is on, never in memory.
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let root = root.join(format!("history-{}", std::process::id()));
    fs::create_dir_all(&root)?;
    let measured = measure(&root, actions);
    if env::var_os("KEEP").is_some() {
        return say(&format!("kept in {}", root.display())).and(measured);
    }
    fs::remove_dir_all(&root)?;
    measured
}

fn measure(root: &Path, actions: u64) -> Result<()> {
    let record = Record::start()?;
    let memory = memory(root, &record);
    let past = past(root, &record, actions);
    memory.and(past)
}

/// Idle, with a crowd that waits, with a full shelf.
fn memory(root: &Path, record: &Record) -> Result<()> {
    let (host, _) = start(&laid_out(&root.join("idle"), record)?)?;
    thread::sleep(REST);
    let idle = rss_mib(host.pid())?;
    let host = crowd::wait(host, WAITING)?;
    thread::sleep(REST);
    let waiting = rss_mib(host.pid())?;
    host.stop()?;
    let (host, again_s) = start(&root.join("idle"))?;
    thread::sleep(REST);
    let resumed = rss_mib(host.pid())?;
    host.stop()?;
    let shelf = shelf::full(&root.join("shelf"), record)?;
    let (host, _) = start(&shelf)?;
    thread::sleep(REST);
    let full = rss_mib(host.pid())?;
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

/// How a start and an action fare with so many actions behind them.
fn past(root: &Path, record: &Record, actions: u64) -> Result<()> {
    let (new, old) = (laid_out(&root.join("new"), record)?, laid_out(&root.join("old"), record)?);
    for dir in [&new, &old] {
        // Also the models of the past.
        let (host, _) = start(dir)?;
        carry_out(&host, 0..6)?;
        host.stop()?;
    }
    let written = history::write(&old, actions)?;
    say(&written.to_string())?;
    let start_s = median_start(&old)?;
    let none_s = median_start(&new)?;
    let (one, other) = (start(&new)?.0, start(&old)?.0);
    thread::sleep(REST);
    let rss = (rss_mib(one.pid())?, rss_mib(other.pid())?);
    let turns = take_turns(&one, &other)?;
    let listed_ms = listed(&other)?;
    let rss_after = rss_mib(other.pid())?;
    one.stop()?;
    other.stop()?;
    let rebuilt_s = made_again(&old.join("state"))?;
    let of = |name: &str| format!("{name}_{}", word(actions));
    let figures: Value = [
        (of("p50_ratio"), rounded(turns.p50, 2)),
        (of("cpu_ratio"), rounded(turns.cpu, 2)),
        (of("start_s"), rounded(start_s, 2)),
        ("start_s_none".to_owned(), rounded(none_s, 2)),
        (of("index_made_again_s"), rounded(rebuilt_s, 1)),
        (of("rss_mib"), rounded(rss.1, 1)),
        (of("rss_mib_after"), rounded(rss_after, 1)),
        ("rss_mib_none".to_owned(), rounded(rss.0, 1)),
        (of("list_ms"), rounded(listed_ms, 1)),
        (of("bytes_per_action"), json!(written.each())),
    ]
    .into_iter()
    .collect::<serde_json::Map<_, _>>()
    .into();
    let holds = turns.p50 <= 1.2 && start_s < 3.0;
    report("history", &figures, &[], "p50 at most 1.2 times that without, a start below 3 s", holds)
}

/// Seconds that it takes to read all of the journal when its index is lost, or has an older form.
fn made_again(state: &Path) -> Result<f64> {
    fs::remove_dir_all(state.join("index"))?;
    let began = Instant::now();
    journal::open(state)?.close();
    Ok(began.elapsed().as_secs_f64())
}

fn word(actions: u64) -> String {
    match actions {
        n if n >= 1_000_000 && n.is_multiple_of(1_000_000) => format!("{}m", n / 1_000_000),
        n if n >= 1_000 && n.is_multiple_of(1_000) => format!("{}k", n / 1_000),
        n => n.to_string(),
    }
}

fn laid_out(dir: &Path, record: &Record) -> Result<PathBuf> {
    desk::lay_out(dir, &record.base_url())?;
    // One agent has them all here.
    let room = "[limits]\nwaiting = { host = 80_000, tenant = 40_000, agent = 20_000 }\n\n[http]";
    edit(dir, "deed.toml", "[http]", room)?;
    Ok(dir.to_owned())
}

/// Serves, and gives how long it took until the host was ready.
fn start(dir: &Path) -> Result<(Host, f64)> {
    let began = Instant::now();
    let host = Host::serve(dir)?;
    let probe = Client::new(&host.operations, "");
    while probe.get("/readyz")?.status != 200 {
        thread::sleep(Duration::from_millis(2));
    }
    Ok((host, began.elapsed().as_secs_f64()))
}

fn median_start(dir: &Path) -> Result<f64> {
    let mut all = Vec::new();
    for _ in 0..STARTS {
        let (host, seconds) = start(dir)?;
        host.stop()?;
        all.push(seconds);
    }
    Ok(median(all.into_iter()))
}

/// Acts on these items, one after the other, and gives how many seconds each took.
fn carry_out(host: &Host, items: std::ops::Range<u64>) -> Result<Vec<f64>> {
    let client = Client::new(&host.url, HELPDESK);
    let kinds = [Kind::Set, Kind::Keyed, Kind::Add];
    let mut all = Vec::new();
    for (number, kind) in items.zip(kinds.into_iter().cycle()) {
        let deed = Deed { kind, writes: 1, asked: false };
        let body = deed.proposal(&history::item(number)).to_string().into_bytes();
        let began = Instant::now();
        let answer = client.send("POST", "/v1/actions", &[("prefer", "wait=60")], body)?;
        all.push(began.elapsed().as_secs_f64());
        if answer.text("/status") != "verified" {
            return Err(format!("an action came to {}", answer.json()).into());
        }
    }
    Ok(all)
}

/// The second host's figures over the first one's.
struct Turns {
    p50: f64,
    cpu: f64,
}

fn take_turns(one: &Host, other: &Host) -> Result<Turns> {
    // Nobody counts what is done for the first time.
    let mut items =
        (1_000_000..).step_by(usize::try_from(EACH)?).map(|from: u64| from..from + EACH);
    let mut turn = |host: &Host| -> Result<(f64, f64)> {
        let cpu = cpu_s(host.pid())?;
        let p50 = median(carry_out(host, items.next().unwrap_or_default())?.into_iter());
        Ok((p50, cpu_s(host.pid())? - cpu))
    };
    turn(one)?;
    turn(other)?;
    let (mut ratios, mut cpu) = (Vec::new(), (0.0, 0.0));
    for number in 0..TURNS {
        let (first, second) = if number % 2 == 0 {
            let first = turn(one)?;
            (first, turn(other)?)
        } else {
            let second = turn(other)?;
            (turn(one)?, second)
        };
        ratios.push(second.0 / first.0);
        cpu = (cpu.0 + first.1, cpu.1 + second.1);
    }
    Ok(Turns { p50: median(ratios.into_iter()), cpu: cpu.1 / cpu.0 })
}

/// Milliseconds of the slowest of some lists that a person asks for.
fn listed(host: &Host) -> Result<f64> {
    let client = Client::new(&host.url, BOB);
    let resource = format!("record/set/{}", history::item(0));
    let queries = [
        String::new(),
        "status=waiting".to_owned(),
        "status=indeterminate".to_owned(),
        "status=verified".to_owned(),
        format!("resource={resource}"),
        format!("resource={resource}&status=failed"),
        format!("trace={}", "ab".repeat(16)),
    ];
    let mut slowest = 0.0_f64;
    for query in &queries {
        let began = Instant::now();
        let answer = client.get(&format!("/v1/actions?{query}"))?;
        if answer.status != 200 {
            return Err(format!("`{query}` answered {}", answer.json()).into());
        }
        slowest = slowest.max(began.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(slowest)
}
