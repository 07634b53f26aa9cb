//! The power-cut test repeatedly cuts the power of the real host while callers are active. After each cut, everything
//! that the host acknowledged must still exist, no write may have been applied twice, and the host must start without
//! help.
//!
//! `make powercut CUTS=… SEED=…` runs this number of cuts from this seed, and `make test` runs a sample. The seed
//! determines the requests, the times of the cuts and the data that the disk keeps. The scheduling of threads depends
//! on the machine. If no file system can be mounted, the test reports that and checks nothing.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a check fails by panicking, and one that cannot begin ends the run"
)]

mod book;
mod callers;
mod chain;
mod check;
mod fixture;
mod lies;
mod served;
mod upstream;

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use deed_tests::out::say;
use deed_tests::rng;

use self::chain::{CUTS, Chain, Shown};
use self::fixture::{Fixture, NoSite};

/// The number of cuts in a sample.
const SAMPLE: u64 = 15;
/// The number of ignored fsyncs that a sample tests.
const SAMPLE_LIES: usize = 2;
/// The number of concurrently served directories. The directories differ in the effects of their contracts.
const WORKERS: usize = 2;

/// The state that the workers share.
#[derive(Default)]
struct Run {
    next: AtomicU64,
    failed: AtomicBool,
    shown: Mutex<(Shown, u64)>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let seed = rng::seed().unwrap_or_else(|why| panic!("SEED must be a whole number: {why}"));
    let cuts = number("CUTS").unwrap_or(SAMPLE);
    let mut sites = Vec::new();
    for worker in 0..WORKERS {
        match Fixture::make(worker, seed) {
            Ok(fixture) => sites.push(fixture),
            Err(NoSite::Unmountable(why)) => {
                say(&format!("powercut: SKIPPED: no file system can be mounted here: {why}"));
                return ExitCode::SUCCESS;
            }
            Err(NoSite::Broken(why)) => {
                say(&format!("powercut: {why}"));
                return ExitCode::FAILURE;
            }
        }
    }
    say(&format!("powercut: seed {seed}, {cuts} cuts"));
    let run = Run::default();
    thread::scope(|scope| {
        for (worker, fixture) in sites.iter().enumerate() {
            let run = &run;
            scope.spawn(move || run.work(worker, fixture, seed, cuts));
        }
    });
    // Runs with a disk that ignores one fsync show that the check detects losses.
    let sample = (cuts <= SAMPLE).then_some(SAMPLE_LIES);
    let unnoticed = match sites.first() {
        Some(fixture) if !run.failed.load(Ordering::Relaxed) => {
            lies::run(fixture, seed, sample, say)
        }
        _ => 0,
    };
    if unnoticed > 0 {
        say(&format!(
            "powercut: {unnoticed} fsyncs could be omitted and the check would not notice"
        ));
    }
    let end = run.end();
    if unnoticed > 0 { ExitCode::FAILURE } else { end }
}

impl Run {
    /// Runs one chain of power cuts after the other until the wanted number of cuts is reached. The seed of a chain
    /// depends only on its number and its worker, so that a repeated seed begins with the same chain.
    fn work(&self, worker: usize, fixture: &Fixture, seed: u64, cuts: u64) {
        for number in 0.. {
            let begun = self.next.fetch_add(CUTS, Ordering::Relaxed);
            if begun >= cuts || self.failed.load(Ordering::Relaxed) {
                return;
            }
            let own = seed.wrapping_add(number * WORKERS as u64);
            match Chain::new(fixture, own, None).run(CUTS.min(cuts - begun)) {
                Ok(shown) => self.add(shown, cuts),
                Err(why) => {
                    self.failed.store(true, Ordering::Relaxed);
                    self.lost();
                    let again = format!("repeat with: make powercut SEED={own} CUTS={}", CUTS * 2);
                    say(&format!("powercut: worker {worker}: {why}\n{again}"));
                    return;
                }
            }
        }
    }

    fn add(&self, shown: Shown, of: u64) {
        let mut sum = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = &mut sum.0;
        sum.cuts += shown.cuts;
        sum.starts += shown.starts;
        sum.actions += shown.actions;
        sum.checkpoints += shown.checkpoints;
        let Shown { cuts, starts, actions, checkpoints } = sum;
        say(&format!(
            "powercut: {cuts} of {of} cuts, {starts} under a start; {actions} actions, \
             {checkpoints} checkpoints"
        ));
    }

    fn lost(&self) {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).1 += 1;
    }

    fn end(&self) -> ExitCode {
        let (shown, lost) = *self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        say(&format!("powercut: {} cuts, {lost} lost", shown.cuts));
        if lost == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// A number from the environment; a value that is not a number ends the run.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var_os(name)?;
    let parsed = text.to_str().and_then(|text| text.parse().ok());
    Some(parsed.unwrap_or_else(|| panic!("{name} is not a whole number: `{}`", text.display())))
}
