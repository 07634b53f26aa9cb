//! Measures the speed of a start and of an action with many past actions, as ratios to a host without past actions.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Instant;

use deed_benches::process::{cpu_s, rss_mib};
use deed_benches::{history, median, report, rounded, say};
use deed_store::journal;
use deed_store::store::Store as _;
use deed_system::files::room;
use deed_tests::client::Client;
use deed_tests::host::Host;
use deed_tests::record::Record;
use deed_tests::record::contracts::{Deed, Kind};
use deed_tests::services::Result;
use deed_tests::world::{BOB, HELPDESK};
use serde_json::{Map, Value, json};

use super::{REST, laid_out, start};

/// The default numbers of past actions. The run with the last number takes several minutes, which is most of the
/// bench's time.
const ACTIONS: [u64; 3] = [10_000, 100_000, 1_000_000];
/// Disk space of one action, with a margin, and the space that must stay free.
const EACH_BYTES: u64 = 25_000;
const SPARE_BYTES: u64 = 4 << 30;
/// The index is rebuilt only up to this number of actions, because rebuilding a larger index takes minutes.
const MADE_AGAIN: u64 = 100_000;
/// The number of turns in which the hosts with and without history alternate, and the number of actions in one turn.
const TURNS: u64 = 20;
const EACH: u64 = 25;
/// The number of starts whose median time is reported.
const STARTS: usize = 3;

/// The number of past actions, and whether it was given in `HISTORY`. A step with a default number is skipped if disk
/// space is short.
pub(super) struct Step {
    actions: u64,
    asked: bool,
}

/// The steps with the comma-separated numbers of past actions in `HISTORY`, or with the default numbers, which come
/// from the issue that set the goals.
pub(super) fn steps(asked: Option<&OsStr>) -> Result<Vec<Step>> {
    let Some(text) = asked else {
        return Ok(ACTIONS.map(|actions| Step { actions, asked: false }).into());
    };
    let step = |word: &str| {
        let actions =
            word.trim().parse().map_err(|_| "HISTORY must be comma-separated whole numbers")?;
        Ok(Step { actions, asked: true })
    };
    text.to_string_lossy().split(',').map(step).collect()
}

/// Runs one step after another, each in its own directories.
pub(super) fn all(root: &Path, record: &Record, steps: &[Step]) -> Result<()> {
    let (mut figures, mut holds) = (Map::new(), true);
    for Step { actions, asked } in steps {
        let wanted = actions * EACH_BYTES + SPARE_BYTES;
        let free = room(root)?.bytes;
        if free < wanted && !asked {
            let gib = |bytes: u64| bytes >> 30;
            say(&format!(
                "{actions} past actions are left out: they need {} GiB, {} GiB are free",
                gib(wanted),
                gib(free)
            ))?;
            continue;
        }
        let dir = root.join(word(*actions));
        let (found, held) = past(&dir, record, *actions)?;
        figures.extend(found);
        holds &= held;
        if env::var_os("KEEP").is_none() {
            fs::remove_dir_all(&dir)?;
        }
    }
    let must = "p50 at most 1.2 times that without, a start below 3 s";
    report("history", &figures.into(), &[], must, holds)
}

/// Measures a start and an action with this many past actions, and also returns whether the results meet the goals.
fn past(root: &Path, record: &Record, actions: u64) -> Result<(Map<String, Value>, bool)> {
    fs::create_dir_all(root)?;
    let (new, old) = (laid_out(&root.join("new"), record)?, laid_out(&root.join("old"), record)?);
    for dir in [&new, &old] {
        // The generated history consists of copies of these actions.
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
    let rebuilt_s =
        if actions <= MADE_AGAIN { Some(made_again(&old.join("state"))?) } else { None };
    let of = |name: &str| format!("{name}_{}", word(actions));
    let mut figures: Map<String, Value> = [
        (of("p50_ratio"), rounded(turns.p50, 2)),
        (of("cpu_ratio"), rounded(turns.cpu, 2)),
        (of("start_s"), rounded(start_s, 2)),
        ("start_s_none".to_owned(), rounded(none_s, 2)),
        (of("rss_mib"), rounded(rss.1, 1)),
        (of("rss_mib_after"), rounded(rss_after, 1)),
        ("rss_mib_none".to_owned(), rounded(rss.0, 1)),
        (of("list_ms"), rounded(listed_ms, 1)),
        (of("bytes_per_action"), json!(written.each())),
    ]
    .into_iter()
    .collect();
    figures.extend(rebuilt_s.map(|seconds| (of("index_made_again_s"), rounded(seconds, 1))));
    say(&Value::from(figures.clone()).to_string())?;
    Ok((figures, turns.p50 <= 1.2 && start_s < 3.0))
}

/// The seconds that opening a journal takes if the index is missing, so that the whole journal is read.
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

fn median_start(dir: &Path) -> Result<f64> {
    let mut all = Vec::new();
    for _ in 0..STARTS {
        let (host, seconds) = start(dir)?;
        host.stop()?;
        all.push(seconds);
    }
    Ok(median(all.into_iter()))
}

/// Runs one action after the other, each on another item, and returns the seconds that each action took.
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
            return Err(format!("an action ended as {}", answer.json()).into());
        }
    }
    Ok(all)
}

/// The figures of the second host divided by the figures of the first host.
struct Turns {
    p50: f64,
    cpu: f64,
}

fn take_turns(one: &Host, other: &Host) -> Result<Turns> {
    // The first turn of each host is a warm-up and is not counted.
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

/// The milliseconds that the slowest of several list queries of a person took.
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
