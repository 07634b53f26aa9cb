//! The crash matrix. For actions with every kind of effect, the test kills the real host at every point at which the
//! host writes, publishes or calls the system of record, and starts the host again. The system of record counts the
//! writes that it applied.
//!
//! `SEED=N` repeats a sample; `FULL=1` runs every cell (`make crash`). An argument selects the cells whose name
//! contains it.
#![expect(clippy::indexing_slicing, reason = "a check fails by panicking")]

mod bench;
mod cell;
mod come;
mod evidence;
mod execution;
mod judge;
mod killer;
mod pool;
mod table;

use std::process::ExitCode;

use deed_tests::out::say;
use deed_tests::record::contracts::{Deed, Kind};
use deed_tests::rng::{self, Rng};
use deed_tests::services::Result;
use libtest_mimic::Arguments;

use self::bench::Bench;
use self::cell::{Cell, Death};
use self::judge::Found;
use self::pool::Pool;

/// The number of concurrent hosts, which mostly wait for timers and disks.
const WORKERS: usize = 4;
/// The size of a sample for each action: kills at the host's own failpoints, kills during an exchange, and second
/// kills.
const SAMPLE: [usize; 3] = [3, 1, 1];
/// The size of a sample for each action with an open contract.
const OPEN_SAMPLE: [usize; 3] = [2, 1, 0];
/// The action in the cells in which the host is killed during its very first start.
const FIRST: Deed = Deed { kind: Kind::Add, writes: 1, asked: true };
/// The number of second kills for each kind of action in the full matrix.
const SECONDS: usize = 20;
/// A cell is repeated if the host did not pass its failpoint or this machine was too busy.
const TRIES: usize = 3;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    if arguments.list {
        return ExitCode::SUCCESS;
    }
    match matrix(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("crash: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Returns whether every cell is correct.
fn matrix(arguments: &Arguments) -> Result<bool> {
    let full = std::env::var_os("FULL").is_some();
    let seed = rng::seed()?;
    let mut rng = Rng::new(seed);
    say(&format!("crash: seed {seed}{}", if full { ", every cell" } else { ", a sample" }));
    let pool = Pool::make(arguments.test_threads.unwrap_or(WORKERS))?;
    let cells = single(&pool, full, &mut rng, arguments.filter.as_deref())?;
    let mut results = pool.each(cells, carry_out);
    let second = double(&results, full, &mut rng);
    results.extend(pool.each(second, carry_out));
    let results: Vec<(Cell, Found)> =
        results.into_iter().map(|(cell, found, _)| (cell, found)).collect();
    for line in table::lines(&results) {
        say(&line);
    }
    say(table::LEGEND);
    for (cell, found) in &results {
        found.faults.iter().for_each(|fault| say(&format!("{cell}: {fault}")));
    }
    say(&table::end(&results));
    Ok(!results.is_empty() && results.iter().all(|(_, found)| found.faults.is_empty()))
}

/// The cells with one kill: all cells, or a sample that has cells of every kind of action.
fn single(pool: &Pool, full: bool, rng: &mut Rng, filter: Option<&str>) -> Result<Vec<Cell>> {
    let runs = Deed::all().into_iter().map(|deed| (deed, true)).chain([(FIRST, false)]);
    let traces = pool.each(runs.collect(), |bench, (deed, served)| {
        (deed, served, execution::trace(bench, deed, served))
    });
    let mut cells = Vec::new();
    for (deed, served, trace) in traces {
        let (trace, make) = (trace?, if served { cell::cells } else { cell::first_starts });
        if let Some(what) = cell::disorder(&trace, deed.writes).first() {
            return Err(format!("{}: {what}", deed.contract()).into());
        }
        let all = make(deed, &trace);
        let named = |cell: &Cell| filter.is_none_or(|word| cell.to_string().contains(word));
        let all: Vec<Cell> = all.into_iter().filter(named).collect();
        if full || filter.is_some() {
            cells.extend(all);
            continue;
        }
        let (hits, exchanges): (Vec<Cell>, Vec<Cell>) =
            all.into_iter().partition(|cell| matches!(cell.death, Death::Hit(_)));
        cells.extend(spread(rng, hits, sample(deed)[0]));
        cells.extend(spread(rng, exchanges, sample(deed)[1]));
    }
    Ok(cells)
}

fn sample(deed: Deed) -> [usize; 3] {
    if deed.kind.is_open() { OPEN_SAMPLE } else { SAMPLE }
}

/// The cells with two kills. The second kill is at a failpoint that the restarted host passed in a cell with one kill.
fn double(results: &[(Cell, Found, Vec<String>)], full: bool, rng: &mut Rng) -> Vec<Cell> {
    let mut cells = Vec::new();
    for deed in Deed::all() {
        let of_deed =
            results.iter().filter(|(cell, _, second)| cell.deed == deed && !second.is_empty());
        let all = of_deed.flat_map(|(cell, _, second)| {
            cell::hits(second).into_iter().map(|hit| Cell { again: Some(hit), ..cell.clone() })
        });
        cells.extend(spread(rng, all.collect(), if full { SECONDS } else { sample(deed)[2] }));
    }
    cells
}

/// Returns the cell, its result, and the failpoints that its second host passed.
fn carry_out(bench: &Bench, cell: Cell) -> (Cell, Found, Vec<String>) {
    for turn in 1..=TRIES {
        match execution::run(bench, &cell) {
            Err(error) => return (cell, judge::nothing(&error.to_string()), vec![]),
            Ok(seen) if (seen.deaths.is_empty() || seen.overdue) && turn < TRIES => {}
            Ok(seen) => {
                let mut found = judge::judge(&cell, &seen);
                found.overlooked(judge::overlooks(&cell, &seen));
                return (cell, found, seen.second);
            }
        }
    }
    (cell, judge::nothing("it was never tried"), vec![])
}

/// Divides the list into as many sections as items are wanted, and picks one random item from each section.
fn spread<T>(rng: &mut Rng, all: Vec<T>, wanted: usize) -> Vec<T> {
    let (length, wanted) = (all.len(), wanted.min(all.len()));
    let places: Vec<usize> = (0..wanted)
        .map(|n| {
            let (from, to) = (n * length / wanted, (n + 1) * length / wanted);
            from + rng.index(to - from)
        })
        .collect();
    let keep = |(place, one)| places.contains(&place).then_some(one);
    all.into_iter().enumerate().filter_map(keep).collect()
}
