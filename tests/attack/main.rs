//! Attacks on the real host binary by guests, compiler input, upstreams, callers, configuration and contracts, with the
//! required result of each attack.
//!
//! Each case is one attack with a name such as `guests/spins`. A case fails when the attack succeeds, when the refusal
//! is not the expected refusal, or when the host is unhealthy afterwards.
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
mod threat_model;
mod upstreams;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use self::case::Case;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let sides: [(&str, Vec<Case>); 6] = [
        ("guests", guests::cases()),
        ("compiler", compiler::cases()),
        ("upstreams", upstreams::cases()),
        ("callers", callers::cases()),
        ("configuration", configuration::cases()),
        ("contracts", contracts::cases()),
    ];
    let trials: Vec<Trial> =
        sides.into_iter().flat_map(|(side, cases)| trials(side, cases)).collect();
    let names: BTreeSet<String> = trials.iter().map(|trial| trial.name().to_owned()).collect();
    let differences = threat_model::differences(&names);
    let end = libtest_mimic::run(&arguments, trials);
    if !arguments.list {
        let cases = end.num_passed + end.num_failed;
        // If stdout is closed, a write error cannot be reported anywhere.
        let end = format!("attack: {cases} cases, {} through", end.num_failed);
        let lines = differences.iter().cloned().chain([end]);
        lines.for_each(|line| drop(writeln!(std::io::stdout(), "{line}")));
    }
    if differences.is_empty() { end.exit_code() } else { ExitCode::FAILURE }
}

fn trials(side: &'static str, cases: Vec<Case>) -> impl Iterator<Item = Trial> {
    cases.into_iter().map(move |case| {
        Trial::test(format!("{side}/{}", case.name), move || {
            (case.attack)();
            Ok(())
        })
    })
}
