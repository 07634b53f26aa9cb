//! The random walk: several agents run thousands of actions, many of them concurrently, while the host is killed and
//! stopped, the system of record fails and the clock jumps. The system of record counts the writes that it applied.
//!
//! `SEED` determines every decision of the walk. `MINUTES=10` sets the duration (`make soak`); a sample takes 20 s.
#![expect(clippy::indexing_slicing, reason = "a check fails by panicking")]

mod calls;
mod fixture;
mod judge;
mod walk;

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use deed_tests::out::say;
use deed_tests::record::On;
use deed_tests::rng;
use deed_tests::services::Result;
use libtest_mimic::{Arguments, Trial};

use self::calls::Known;
use self::fixture::Fixture;
use self::walk::{Plan, Step, Walk};

const SAMPLE: Duration = Duration::from_secs(20);
/// The number of actions whose callers are active at the same time.
const AT_ONCE: usize = 24;
/// If the walk waits this long for a caller to finish, the test corrects the system clock, as a person would do.
const SET_RIGHT: Duration = Duration::from_secs(2);
/// The maximum number of actions in a walk. The number is high enough for any duration, and low enough that the test
/// can read every bundle.
const ACTIONS_MAX: usize = 200_000;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let walk = Trial::test("the walk", || Ok(whole().map_err(|error| error.to_string())?));
    let oracle = Trial::test("the oracle", || Ok(judge::sees().map_err(|e| e.to_string())?));
    libtest_mimic::run(&arguments, vec![oracle, walk]).exit_code()
}

fn whole() -> Result<()> {
    let (seed, time) = (rng::seed()?, time()?);
    say(&format!("soak: seed {seed}, {} s", time.as_secs()));
    let fixture = RwLock::new(Fixture::make()?);
    let known = walk(&fixture, seed, time)?;
    let end = judge::judge(&fixture, &known, seed)?;
    end.lines.iter().for_each(|line| say(line));
    say(&end.last);
    if end.is_right { Ok(()) } else { Err(format!("not right; repeat with SEED={seed}").into()) }
}

fn time() -> Result<Duration> {
    match std::env::var_os("MINUTES") {
        Some(text) => Ok(Duration::from_secs_f64(text.to_string_lossy().parse::<f64>()? * 60.0)),
        None => Ok(SAMPLE),
    }
}

/// Runs steps of the walk until the time is over. Returns what every caller knows at the end.
fn walk(fixture: &RwLock<Fixture>, seed: u64, time: Duration) -> Result<Vec<Known>> {
    let (known, busy, over) = (Mutex::new(Vec::new()), AtomicUsize::new(0), AtomicBool::new(false));
    let dir = read(fixture).home.dir.clone();
    let (mut walk, start) = (Walk::new(seed), Instant::now());
    let mut told = start;
    thread::scope(|scope| {
        let mut actions = 0;
        while start.elapsed() < time && actions < ACTIONS_MAX {
            match walk.next() {
                Step::Propose(plan) => {
                    wait_for_room(fixture, &busy)?;
                    actions += 1;
                    order(&read(fixture), &plan);
                    busy.fetch_add(1, Ordering::SeqCst);
                    let (known, busy, over, dir) = (&known, &busy, &over, &dir);
                    scope.spawn(move || {
                        let one = calls::carry(fixture, dir, *plan, over);
                        known.lock().unwrap_or_else(PoisonError::into_inner).push(one);
                        busy.fetch_sub(1, Ordering::SeqCst);
                    });
                }
                Step::Pause(pause) => thread::sleep(pause),
                Step::Kill => again(fixture, Fixture::kill)?,
                Step::Stop => again(fixture, Fixture::stop)?,
                Step::Jump(by_ms) => write(fixture).jump(by_ms)?,
            }
            if told.elapsed() > Duration::from_secs(15) {
                told = Instant::now();
                let fixture = read(fixture);
                let (kills, found) = (fixture.kills, fixture.findings.len());
                say(&format!("soak: {actions} actions, {kills} kills, {found} findings"));
            }
        }
        write(fixture).right()?;
        read(fixture).record.calm();
        over.store(true, Ordering::SeqCst);
        Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    })
    .map_err(|error| error.to_string())?;
    Ok(known.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Waits until the number of active callers is below its limit. A host whose clock was set back accepts nothing new
/// until a person corrects the clock.
fn wait_for_room(fixture: &RwLock<Fixture>, busy: &AtomicUsize) -> Result<()> {
    let mut since = Instant::now();
    while busy.load(Ordering::SeqCst) >= AT_ONCE {
        thread::sleep(Duration::from_millis(5));
        if since.elapsed() > SET_RIGHT {
            since = Instant::now();
            write(fixture).right()?;
        }
    }
    Ok(())
}

/// Sets up the faults of this action's calls.
fn order(fixture: &Fixture, plan: &Plan) {
    for trouble in &plan.faults {
        let on = if trouble.reading { On::reads(&plan.item) } else { On::writes(&plan.item) };
        fixture.record.fail(&on, trouble.skip, 1, trouble.fault);
    }
}

/// Ends the host, checks everything that the host left, and starts it again. While the host is down, the callers cannot
/// connect.
fn again(fixture: &RwLock<Fixture>, end: fn(&mut Fixture) -> Result<()>) -> Result<()> {
    let mut fixture = write(fixture);
    end(&mut fixture)?;
    fixture.check()?;
    fixture.start()
}

fn read(fixture: &RwLock<Fixture>) -> std::sync::RwLockReadGuard<'_, Fixture> {
    fixture.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(fixture: &RwLock<Fixture>) -> std::sync::RwLockWriteGuard<'_, Fixture> {
    fixture.write().unwrap_or_else(PoisonError::into_inner)
}
