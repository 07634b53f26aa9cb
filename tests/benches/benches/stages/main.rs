//! Counts the instructions of each stage of one action and compares them with a committed baseline.
//!
//! First, the real host runs one action, with an approval, against a real server. Each stage runs again on the action's
//! records under Valgrind's callgrind, N times and 2N times. The difference divided by N is the cost of one repetition,
//! without the start and the end of the process. No time is measured, so a busy machine does not change the result.
//!
//! `BLESS=1` writes the baseline; `STAGES=fold,view` counts only the stages `fold` and `view`.

mod baseline;
mod callgrind;
mod evidence;
mod judged;
mod material;
mod planned;
mod records;
mod sandbox;
mod stage;

use std::env;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use deed_tests::services::{Result, workspace};

use self::baseline::Baseline;
use self::material::{Made, Material};
use self::stage::{Once, Stage};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        [callgrind::PREPARE, dir] => sandbox::prepare(Path::new(dir)),
        [callgrind::COUNT, dir, name, times] => work(Path::new(dir), name, times),
        _ => compare(),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            say(&format!("stages: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Prints one line; a write error cannot be reported anywhere.
fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").ok();
}

/// Runs in the counted process: repeats one stage this many times.
fn work(dir: &Path, name: &str, times: &str) -> Result<ExitCode> {
    let material = Material::read(dir)?;
    let stage = Stage::named(name).ok_or_else(|| format!("there is no stage `{name}`"))?;
    let mut once = (stage.begin)(&material)?;
    // The first, uncounted run fills tables that are created at first use.
    once()?;
    counted(times.parse()?, &mut once)?;
    Ok(ExitCode::SUCCESS)
}

/// Callgrind counts only within this function, which it finds by name.
#[inline(never)]
fn counted(times: u32, once: &mut Once<'_>) -> Result<()> {
    (0..times).try_for_each(|_| once())
}

fn compare() -> Result<ExitCode> {
    let Some(valgrind) = callgrind::version() else {
        say("stages: NOT COUNTED: valgrind is missing (Debian: apt-get install valgrind)");
        return Ok(ExitCode::SUCCESS);
    };
    let wanted = env::var_os("STAGES").and_then(|list| list.into_string().ok());
    let picked = |stage: &&Stage| {
        wanted.as_ref().is_none_or(|list| list.split(',').any(|name| name == stage.name))
    };
    let stages: Vec<&Stage> = stage::ALL.iter().filter(picked).collect();
    if stages.is_empty() {
        let known: Vec<&str> = stage::ALL.iter().map(|stage| stage.name).collect();
        return Err(format!("STAGES names none of {}", known.join(", ")).into());
    }
    let out = workspace().join("target/bench/stages");
    fs::create_dir_all(&out)?;
    let made = Made::new()?;
    if stages.iter().any(|stage| stage.name == sandbox::STAGE) {
        callgrind::prepare(made.dir())?;
    }
    let mut counts = Vec::new();
    for stage in stages {
        counts.push((stage, callgrind::count(made.dir(), stage, &out)));
    }
    drop(made);
    let path = workspace().join("tests/benches/baseline.json");
    let verdict = Baseline::read(&path)?.compare(&counts, &valgrind, wanted.is_none());
    say(&verdict.table);
    if env::var_os("BLESS").is_some() && counts.iter().all(|(_, count)| count.is_ok()) {
        verdict.counted.write(&path)?;
        say(&format!(
            "stages: `{}` is written; look at the difference and commit it",
            path.display()
        ));
        return Ok(ExitCode::SUCCESS);
    }
    Ok(if verdict.holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
