//! Compares two implementations that run alternately; reports medians and adds them to `target/bench.json`.
//!
//! Figures of different runs are never compared: `deed` and the minimum work (the floor) are measured in the same run.
#![expect(clippy::missing_errors_doc, reason = "the callers are tests, which stop at any error")]

#[cfg(feature = "host")]
pub mod history;
pub mod load;
pub mod process;
pub mod serving;

use std::env;
use std::fs;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use deed_tests::services::{Result, workspace};
use serde_json::{Map, Value, json};

/// The rates of both implementations, measured in the same period.
#[derive(Debug, Clone, Copy)]
pub struct Paired {
    /// Operations per second, as medians over all rounds.
    pub ours: f64,
    pub floor: f64,
    /// The median over the rounds of `ours / floor`, so that a slowdown of both implementations has no effect.
    pub share: f64,
}

/// Pause between two measurements, so that deferred work of one implementation is not counted in the time of the other.
const REST: Duration = Duration::from_millis(100);

/// Runs both implementations `rounds` times with `work` operations each. The two implementations take turns in running
/// first.
pub fn paired(
    rounds: usize,
    work: u32,
    mut ours: impl FnMut() -> Result<()>,
    mut floor: impl FnMut() -> Result<()>,
) -> Result<Paired> {
    // Each implementation runs once without being timed, to fill caches, lazy tables and the first pages of a file.
    ours()?;
    floor()?;
    let mut rates = Vec::new();
    for round in 0..rounds {
        let (one, other) = if round % 2 == 0 {
            let one = rate(work, &mut ours)?;
            (one, rate(work, &mut floor)?)
        } else {
            let other = rate(work, &mut floor)?;
            (rate(work, &mut ours)?, other)
        };
        rates.push((one, other));
    }
    Ok(Paired {
        ours: median(rates.iter().map(|(ours, _)| *ours)),
        floor: median(rates.iter().map(|(_, floor)| *floor)),
        share: median(rates.iter().map(|(ours, floor)| ours / floor)),
    })
}

fn rate(work: u32, side: &mut impl FnMut() -> Result<()>) -> Result<f64> {
    std::thread::sleep(REST);
    let start = Instant::now();
    side()?;
    Ok(f64::from(work) / start.elapsed().max(Duration::from_nanos(1)).as_secs_f64())
}

/// The median, or 0 without values.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A figure, rounded as it is written to the file.
pub fn rounded(value: f64, digits: u32) -> Value {
    let scale = f64::from(10_u32.pow(digits));
    json!((value * scale).round() / scale)
}

/// Names of figures in `rss_mib`, the only section that two benches write: the bench of whole actions and the bench
/// `history`.
pub const RSS_OF_ACTION: [&str; 1] = ["at_256"];
pub const RSS_OF_HISTORY: [&str; 6] = [
    "idle",
    "waiting_10k",
    "waiting_10k_on_top",
    "waiting_10k_resumed",
    "start_s_waiting_10k",
    "contracts_1000_adapters_100",
];

/// Writes these figures under this name into `target/bench.json`, and prints them. Figures of an earlier run under this
/// name are removed, except those in `others`, which another bench writes. Figures under other names are kept. Fails
/// when the goal is missed and `BENCH_LENIENT` is not set.
pub fn report(name: &str, figures: &Value, others: &[&str], must: &str, holds: bool) -> Result<()> {
    keep(name, figures, others)?;
    let verdict = if holds { "holds" } else { "MISSED" };
    writeln!(io::stdout(), "bench: {name} {figures}; {must}: {verdict}")?;
    if holds || env::var_os("BENCH_LENIENT").is_some() { Ok(()) } else { Err(must.into()) }
}

/// Prints a line for the person who runs the bench.
pub fn say(line: &str) -> Result<()> {
    Ok(writeln!(io::stdout(), "bench: {line}")?)
}

fn keep(name: &str, figures: &Value, others: &[&str]) -> Result<()> {
    let path = workspace().join("target/bench.json");
    let mut all = read(&path)?;
    renew(&mut all, name, figures, others);
    fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    Ok(fs::write(&path, serde_json::to_string_pretty(&all)? + "\n")?)
}

fn renew(all: &mut Map<String, Value>, name: &str, figures: &Value, others: &[&str]) {
    let mut section = figures.clone();
    if let (Some(Value::Object(known)), Value::Object(new)) = (all.remove(name), &mut section) {
        let theirs = known.into_iter().filter(|(key, _)| others.contains(&key.as_str()));
        new.extend(theirs);
    }
    all.insert(name.to_owned(), section);
}

fn read(path: &Path) -> Result<Map<String, Value>> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Map::new()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_an_earlier_run_stays_but_what_another_bench_makes() {
        let file = json!({"rss_mib": {"at_256": 1, "idle": 2, "old": 3}, "log": {"ratio": 4}});
        let Value::Object(mut all) = file else { panic!("it is an object") };
        renew(&mut all, "rss_mib", &json!({"at_256": 5}), &RSS_OF_HISTORY);
        assert_eq!(Value::Object(all.clone())["rss_mib"], json!({"at_256": 5, "idle": 2}));
        renew(&mut all, "history", &json!({"p50_ratio_1m": 6}), &[]);
        renew(&mut all, "history", &json!({"p50_ratio_100k": 7}), &[]);
        let left = json!({"rss_mib": {"at_256": 5, "idle": 2}, "log": {"ratio": 4}, "history": {"p50_ratio_100k": 7}});
        assert_eq!(Value::Object(all), left);
    }
}
