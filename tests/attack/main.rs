//! Attacks on the real host binary by guests, compiler input, upstreams, callers, configuration and contracts, with the
//! required result of each attack.
//!
//! Each case is one attack with a name such as `guests/spins`. A case fails when the attack succeeds, when the refusal
//! is not the expected refusal, or when the host is unhealthy afterwards.
//!
//! `FULL=1` runs every case (`make attack`); otherwise a sample runs, which `SEED=N` repeats. An argument selects the
//! cases whose name contains it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a case fails by panicking"
)]

mod callers;
mod case;
mod compiler;
mod configuration;
mod contracts;
mod guests;
mod rehearsal;
mod threat_model;
mod upstreams;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::ExitCode;

use deed_tests::rng::{self, Rng};
use libtest_mimic::{Arguments, Trial};

use self::case::Case;

/// How many of 100 cases a sample has.
const SAMPLE: u64 = 25;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Like the tests of the other files: many cases wait more than they compute.
    if arguments.test_threads.is_none() {
        let threads = std::env::var_os("RUST_TEST_THREADS");
        arguments.test_threads = threads.and_then(|number| number.to_str()?.parse().ok());
    }
    let seed = match rng::seed() {
        Ok(seed) => seed,
        Err(error) => {
            say(&format!("attack: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let sides: [(&str, Vec<Case>); 6] = [
        ("guests", guests::cases()),
        ("compiler", compiler::cases()),
        ("upstreams", upstreams::cases()),
        ("callers", callers::cases()),
        ("configuration", configuration::cases()),
        ("contracts", contracts::cases()),
    ];
    let mut trials: Vec<Trial> =
        sides.into_iter().flat_map(|(side, cases)| trials(side, cases)).collect();
    let names: BTreeSet<String> = trials.iter().map(|trial| trial.name().to_owned()).collect();
    let differences = threat_model::differences(&names);
    if std::env::var_os("FULL").is_none() && arguments.filter.is_none() && !arguments.list {
        let mut rng = Rng::new(seed);
        trials.retain(|_| rng.percent(SAMPLE));
        say(&format!("attack: seed {seed}, {} of {} cases", trials.len(), names.len()));
    }
    let end = libtest_mimic::run(&arguments, trials);
    if !arguments.list {
        let cases = end.num_passed + end.num_failed;
        let end = format!("attack: {cases} cases, {} through", end.num_failed);
        let lines = differences.iter().cloned().chain([end]);
        lines.for_each(|line| say(&line));
    }
    if differences.is_empty() { end.exit_code() } else { ExitCode::FAILURE }
}

/// If stdout is closed, a write error cannot be reported anywhere.
fn say(line: &str) {
    drop(writeln!(std::io::stdout(), "{line}"));
}

fn trials(side: &'static str, cases: Vec<Case>) -> impl Iterator<Item = Trial> {
    cases.into_iter().map(move |case| {
        Trial::test(format!("{side}/{}", case.name), move || {
            (case.attack)();
            Ok(())
        })
    })
}
