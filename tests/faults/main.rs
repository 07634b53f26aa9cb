//! The fault matrix. The test lets every external call of an action fail in every way, before and after the call takes
//! effect, alone and in pairs. The system of record itself reports which writes it applied.
//!
//! `SEED=N` repeats a sample; `FULL=1` runs every cell (`make faults`).
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a check fails by panicking")]

mod cell;
mod mission;
mod record;
mod rules;
mod scim;
mod table;
mod tls;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use deed_tests::out::say;
use deed_tests::record::contracts::{Deed, Kind};
use deed_tests::record::{Fault, How, Lands};
use deed_tests::rng::{self, Rng};
use deed_tests::services::Result;
use libtest_mimic::{Arguments, Trial};

use self::cell::{Found, Is};
use self::record::Bench;
use self::rules::Site;
use self::tls::Bad;

/// The results of all cells.
type Book = Arc<Mutex<Vec<Found>>>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let (seed, full) = (rng::seed().unwrap(), std::env::var_os("FULL").is_some());
    let (singles, pairs) = (Book::default(), Book::default());
    if arguments.list {
        return libtest_mimic::run(&arguments, vec![]).exit_code();
    }
    say(&format!("faults: seed {seed}{}", if full { ", every cell" } else { ", a sample" }));
    let hows = |number: u64, sample: usize| {
        let mut rng = Rng::new(seed.wrapping_add(number));
        record::hows(&mut rng, if full { usize::MAX } else { sample })
    };
    let bench = Arc::new(Bench::make().unwrap());
    let mut trials = vec![
        Trial::test("the oracle", || Ok(cell::sees().map_err(|error| error.to_string())?)),
        Trial::test("a lie is found", || Ok(lie().map_err(|error| error.to_string())?)),
    ];
    for (number, deed) in (0..).zip(record::deeds()) {
        let sample = if deed.kind.is_open() { 1 } else { 2 };
        let cells = record::single_faults(deed, &hows(number, sample));
        let bench = Arc::clone(&bench);
        trials.push(trial(&deed.contract(), &singles, move || bench.run(&cells)));
    }
    let drawn = record::pairs(&mut Rng::new(seed), if full { 160 } else { 16 });
    trials.push(trial("pairs", &pairs, move || bench.run(&drawn)));
    for (number, (name, run)) in (200..).zip(mission::TABLES) {
        let rng = Rng::new(seed.wrapping_add(number));
        let draw = mission::Draw { hows: hows(number, 2), rng, full };
        trials.push(trial(name, &singles, move || run(draw).unwrap()));
    }
    let ways = hows(100, 2);
    trials.push(trial("scim", &singles, move || scim::Bench::make().unwrap().run(&ways)));
    trials.push(trial("refused", &singles, move || refused(&mut Rng::new(seed), full)));
    trials.push(trial("tls", &singles, move || handshakes(&mut Rng::new(seed), full)));
    let end = libtest_mimic::run(&arguments, trials);
    let (singles, pairs) = (taken(&singles), taken(&pairs));
    table::lines(&singles).iter().chain(&table::list(&pairs)).for_each(|line| say(line));
    let all = [singles, pairs].concat();
    for line in table::faults(&all) {
        say(&line);
    }
    say(&table::end(&all));
    end.exit_code()
}

fn trial(name: &str, book: &Book, run: impl FnOnce() -> Vec<Found> + Send + 'static) -> Trial {
    let book = Arc::clone(book);
    Trial::test(name, move || {
        let found = run();
        let bad = found.iter().filter(|one| one.verdict != Is::Right).count();
        let all = found.len();
        book.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
        if bad == 0 { Ok(()) } else { Err(format!("{bad} of {all} cells are incorrect").into()) }
    })
}

/// A false contract makes the host repeat a write that took effect; the system of record must count two effects.
fn lie() -> Result<()> {
    let deed = Deed { kind: Kind::Add, writes: 1, asked: false };
    let landed = Fault { lands: Lands::Before, how: How::Silence };
    let blind = Fault { lands: Lands::Never, how: How::Status(500) };
    let cell = (deed, vec![(Site::Write(0), landed), (Site::Read(1), blind)]);
    match Bench::lying()?.run(&[cell]).as_slice() {
        [found] if found.verdict == Is::Twice => Ok(()),
        other => Err(format!("not found: {other:?}").into()),
    }
}

/// Runs actions in which connections are refused from one call on, for some time. The actions run one at a time, with a
/// proxy that no other test uses.
fn refused(rng: &mut Rng, full: bool) -> Vec<Found> {
    let bench = Bench::make().unwrap();
    let mut cells = places();
    rng.shuffle(&mut cells);
    cells.truncate(if full { usize::MAX } else { 5 });
    cells.into_iter().map(|(deed, site)| bench.refuse(deed, site).unwrap()).collect()
}

/// Runs actions in which one TLS handshake fails. The actions run one at a time.
fn handshakes(rng: &mut Rng, full: bool) -> Vec<Found> {
    let secure = tls::Secure::make().unwrap();
    let every = |(deed, site)| Bad::ALL.map(|bad| (deed, site, bad));
    let mut cells: Vec<_> = places().into_iter().flat_map(every).collect();
    rng.shuffle(&mut cells);
    cells.truncate(if full { usize::MAX } else { 6 });
    cells.into_iter().map(|(deed, site, bad)| secure.meet(deed, site, bad).unwrap()).collect()
}

/// Returns every call of every kind of action.
fn places() -> Vec<(Deed, Site)> {
    let sites = |writes| {
        let writing = (0..writes).map(Site::Write);
        [Site::Read(0)].into_iter().chain(writing).chain([Site::Read(1)])
    };
    let every = |deed: Deed| sites(deed.writes).map(move |site| (deed, site));
    record::deeds().into_iter().flat_map(every).collect()
}

fn taken(book: &Book) -> Vec<Found> {
    std::mem::take(&mut *book.lock().unwrap_or_else(PoisonError::into_inner))
}
