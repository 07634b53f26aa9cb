//! Compares the measured cost of each stage with the committed cost in `baseline.json`, and reports a table and whether
//! all costs are within bounds.
//!
//! Costs that were measured with a different compiler, processor or build than the baseline are shown but not judged.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use deed_tests::services::Result;
use serde_json::{Value, json};

use super::stage::Stage;

/// The tolerance in thousandths of the baseline. A stage fails if its count exceeds the baseline by more than the
/// tolerance. If its count is lower by more than the tolerance, the baseline should be written again.
const SLACK: u64 = 50;

/// The instruction counts, and the compiler, target, build and Valgrind version with which they were made.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Baseline {
    made_by: BTreeMap<String, String>,
    stages: BTreeMap<String, u64>,
}

/// The result of comparing the counts with the baseline.
pub(crate) struct Verdict {
    pub(crate) table: String,
    pub(crate) holds: bool,
    pub(crate) counted: Baseline,
}

impl Baseline {
    /// The baseline is empty if the file does not exist.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error.into()),
        };
        let value: Value = serde_json::from_slice(&bytes)?;
        let part = |name: &str| value.get(name).cloned().unwrap_or_default();
        Ok(Self {
            made_by: serde_json::from_value(part("made_by"))?,
            stages: serde_json::from_value(part("stages"))?,
        })
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let value = json!({"made_by": self.made_by, "stages": self.stages});
        Ok(fs::write(path, serde_json::to_string_pretty(&value)? + "\n")?)
    }

    /// If `all` is true, every stage was selected, so a stage of the baseline that is missing is a fault.
    pub(crate) fn compare(
        &self,
        counts: &[(&Stage, Result<u64>)],
        valgrind: &str,
        all: bool,
    ) -> Verdict {
        let mut counted = Self { made_by: made_by(valgrind), stages: self.stages.clone() };
        let other = self.other(&counted.made_by);
        let mut table =
            format!("{:<12}{:>14}{:>14}{:>8}\n", "stage", "instructions", "baseline", "ratio");
        let mut bad = Vec::new();
        for (stage, count) in counts {
            let (line, fault) = self.line(stage.name, count);
            table.push_str(&line);
            bad.extend(fault);
            if let Ok(count) = count {
                counted.stages.insert(stage.name.to_owned(), *count);
            }
        }
        if all {
            let known = |name: &String| counts.iter().any(|(stage, _)| stage.name == *name);
            let gone: Vec<String> =
                self.stages.keys().filter(|name| !known(name)).cloned().collect();
            bad.extend(gone.iter().map(|name| format!("`{name}` has a baseline but no stage")));
            counted.stages.retain(|name, _| known(name));
        }
        let holds = conclude(&mut table, &bad, other.as_deref());
        Verdict { table, holds, counted }
    }

    /// Lists the tools, such as the compiler, that differ between these counts and the baseline.
    fn other(&self, made_by: &BTreeMap<String, String>) -> Option<String> {
        let differs = |(what, now): (&String, &String)| {
            let then = self.made_by.get(what).filter(|then| *then != now)?;
            Some(format!("{what} is `{now}`, the baseline's `{then}`"))
        };
        let found: Vec<String> = made_by.iter().filter_map(differs).collect();
        (!found.is_empty()).then(|| found.join("; "))
    }

    fn line(&self, name: &str, count: &Result<u64>) -> (String, Option<String>) {
        let count = match count {
            Ok(count) => *count,
            Err(error) => {
                let line = format!("{name:<12}{:>14}\n", "NOT COUNTED");
                return (line, Some(format!("`{name}` cannot be counted: {error}")));
            }
        };
        let Some(base) = self.stages.get(name).copied().filter(|base| *base > 0) else {
            let line = format!("{name:<12}{count:>14}{:>14}\n", "-");
            return (line, Some(format!("`{name}` has no baseline; BLESS=1 writes one")));
        };
        let ratio = count.saturating_mul(1_000) / base;
        let line = format!(
            "{name:<12}{count:>14}{base:>14}{:>6}.{:02}\n",
            ratio / 1_000,
            ratio % 1_000 / 10
        );
        let said = format!("costs {count} instructions; the baseline is {base}");
        if ratio < 1_000 - SLACK {
            let ask = "BLESS=1 writes what it costs now; commit it, or the gain is lost unnoticed";
            return (format!("{line}stages: `{name}` {said}: {ask}\n"), None);
        }
        let fault = (ratio > 1_000 + SLACK).then(|| format!("`{name}` {said}: find out why"));
        (line, fault)
    }
}

fn made_by(valgrind: &str) -> BTreeMap<String, String> {
    let level = env!("DEED_BENCH_LEVEL");
    let checks = if cfg!(debug_assertions) { ", with debug assertions" } else { "" };
    let build = format!("opt-level {level}{checks}");
    let facts = [
        ("rustc", env!("DEED_BENCH_RUSTC")),
        ("target", env!("DEED_BENCH_TARGET")),
        ("build", &build),
        ("valgrind", valgrind),
    ];
    facts.into_iter().map(|(what, is)| (what.to_owned(), is.to_owned())).collect()
}

/// Appends the faults to the table and returns whether the counts pass.
fn conclude(table: &mut String, bad: &[String], other: Option<&str>) -> bool {
    for line in bad {
        writeln!(table, "stages: {line}").ok();
    }
    if let Some(why) = other {
        writeln!(table, "stages: NOT JUDGED, the counts are not comparable: {why}").ok();
        // A stage that cannot run is a fault even if the compiler differs from that of the baseline.
        return bad.iter().all(|line| !line.contains("cannot be counted"));
    }
    bad.is_empty()
}
