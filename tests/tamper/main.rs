//! The tamper matrix applies every class of mutation to real bundles of every kind of outcome. No mutated bundle may be
//! verified.
//!
//! `SEED=N` repeats a sample; `FULL=1` takes every byte and every field (`make tamper`). docs/tamper.md
//! lists the classes, and the run fails when that page and the classes differ.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a check fails by panicking"
)]

mod class;
mod classes;
mod forge;
mod samples;
mod table;
mod vectors;
mod word;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use deed_tests::out::say;
use deed_tests::rng::{self, Rng};
use libtest_mimic::{Arguments, Failed, Trial};

use self::class::{Class, End, Found, Sink};
use self::samples::{Bench, KINDS};

/// The results of every class so far, by name.
type Book = Arc<Mutex<BTreeMap<&'static str, Found>>>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let (seed, full) = (rng::seed().unwrap(), std::env::var_os("FULL").is_some());
    let book = Book::default();
    let mut trials = Vec::new();
    for class in classes::all() {
        // The run for `make vectors` keeps mutations of certain bundles, so it needs all of them.
        let whole = full || arguments.filter.is_some() || vectors::are_asked();
        for kind in KINDS.into_iter().filter(|kind| whole || drawn(class, kind, seed)) {
            let book = Arc::clone(&book);
            let name = format!("{} {kind}", class.name);
            trials.push(Trial::test(name, move || run(class, kind, seed, full, &book)));
        }
    }
    if !arguments.list {
        say(&format!(
            "tamper: seed {seed}{}",
            if full { ", every byte and field" } else { ", a sample" }
        ));
    }
    if !arguments.list {
        // If the bundles cannot be made, the run reports one failure in total and not one for each class.
        bench();
    }
    let end = libtest_mimic::run(&arguments, trials);
    if arguments.list {
        return end.exit_code();
    }
    let book = book.lock().unwrap_or_else(PoisonError::into_inner).clone();
    vectors::write(bench());
    let blessed = std::env::var_os("BLESS").is_some();
    if blessed && full && book.contains_key("host/fields") {
        word::bless(&table::words(&book));
    }
    let whole =
        arguments.filter.is_none() && arguments.skip.is_empty() && (!end.has_failed() || blessed);
    let differences = if whole { table::differences(&book, full) } else { vec![] };
    table::lines(&book).iter().chain(&differences).for_each(|line| say(line));
    say(&table::end(&book));
    if differences.is_empty() { end.exit_code() } else { ExitCode::FAILURE }
}

/// Whether a sample applies this class to this bundle. The classes that break rules are applied to every bundle, because
/// a rule concerns only a few of them, and the other classes to about half of the bundles.
fn drawn(class: Class, kind: &str, seed: u64) -> bool {
    let concerns_few = ["rules/", "host/", "trust/", "log/files"]
        .iter()
        .any(|group| class.name.starts_with(group));
    concerns_few || dice(class, kind, seed ^ 1).index(2) == 0
}

/// Each class and bundle has its own random numbers, so that they do not change if only some classes are run.
fn dice(class: Class, kind: &str, seed: u64) -> Rng {
    let name = format!("{}{kind}", class.name);
    Rng::new(name.bytes().fold(seed, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())))
}

/// The bundles are made once, on first use.
fn bench() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(Bench::make)
}

/// Applies one class to one bundle. A verified mutation is a failure, unless the class names another party that must
/// catch it.
fn run(class: Class, kind: &str, seed: u64, full: bool, book: &Book) -> Result<(), Failed> {
    let bench = bench();
    let sample = bench.sample(kind);
    let rng = dice(class, kind, seed);
    let mut sink = Sink { bench, rng, full, found: Found::default(), kept: BTreeMap::new() };
    (class.make)(&mut sink, sample);
    vectors::keep(class.name, kind, &sink.kept);
    let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
    book.entry(class.name).or_default().add(&sink.found);
    let through: Vec<&String> = match class.end {
        End::Caught => sink.found.verified.iter().collect(),
        End::Word => sink.found.verified.iter().filter(|what| !word::is_listed(what)).collect(),
        End::Witness | End::Idle => vec![],
    };
    if through.is_empty() {
        return Ok(());
    }
    let shown: Vec<String> = through.iter().take(40).map(|what| format!("  {what}")).collect();
    let count = through.len();
    Err(format!("{count} VERIFIED (repeat with SEED={seed}):\n{}", shown.join("\n")).into())
}
