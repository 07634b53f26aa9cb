//! The fault matrix: every external call of an action fails in every way, before it took effect and after,
//! alone and in pairs; the system of record itself says what was applied.
//!
//! `SEED=N` repeats a sample; `FULL=1` takes every cell (`make faults`).
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a check fails by panicking"
)]

mod cell;
mod record;
mod rules;
mod table;

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use deed_tests::dice::{self, Dice};
use deed_tests::record::desk::Deed;
use libtest_mimic::{Arguments, Failed, Trial};

use self::cell::{Found, Is};
use self::record::Bench;
use self::rules::Meets;

/// What every trial found.
type Book = Arc<Mutex<Vec<Found>>>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let (seed, full) = (dice::seed().unwrap(), std::env::var_os("FULL").is_some());
    let (singles, pairs) = (Book::default(), Book::default());
    if arguments.list {
        return libtest_mimic::run(&arguments, vec![]).exit_code();
    }
    say(&format!("faults: seed {seed}{}", if full { ", every cell" } else { ", a sample" }));
    let bench = Arc::new(Bench::make().unwrap());
    let mut trials = Vec::new();
    for (number, deed) in (0..).zip(record::deeds()) {
        let mut dice = Dice(seed.wrapping_add(number));
        let hows = record::hows(&mut dice, if full { usize::MAX } else { 2 });
        let cells = record::single_faults(deed, &hows);
        trials.push(trial(&deed.contract(), cells, &bench, &singles));
    }
    let drawn = record::pairs(&mut Dice(seed), if full { 160 } else { 16 });
    trials.push(trial("pairs", drawn, &bench, &pairs));
    let end = libtest_mimic::run(&arguments, trials);
    let (singles, pairs) = (taken(&singles), taken(&pairs));
    table::lines(&singles).iter().chain(&table::list(&pairs)).for_each(|line| say(line));
    let all = [singles, pairs].concat();
    table::faults(&all).iter().for_each(|line| say(line));
    say(&table::end(&all));
    end.exit_code()
}

fn trial(name: &str, cells: Vec<(Deed, Vec<Meets>)>, bench: &Arc<Bench>, book: &Book) -> Trial {
    let (bench, book) = (Arc::clone(bench), Arc::clone(book));
    Trial::test(name, move || {
        let found = bench.run(&cells);
        let bad = found.iter().filter(|one| one.verdict != Is::Right).count();
        let all = found.len();
        book.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
        if bad == 0 {
            Ok(())
        } else {
            Err(Failed::from(format!("{bad} of {all} cells are not right")))
        }
    })
}

fn taken(book: &Book) -> Vec<Found> {
    std::mem::take(&mut *book.lock().unwrap_or_else(PoisonError::into_inner))
}

fn say(line: &str) {
    // A closed stdout leaves nobody to tell.
    drop(writeln!(std::io::stdout(), "{line}"));
}
