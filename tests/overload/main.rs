//! Tests the host under four times its capacity, with ten tenants, one of them greedy. The upstream is slow, so that
//! the capacity is known: the number of run slots times the answers per second in each slot.
//!
//! The host must answer only 200, 202, 429, or 503 with a retry time. The host must run each accepted action exactly
//! once, its memory must stay within a bound, and the polite tenants must not be delayed. `MINUTES=3` (`make overload`)
//! also compares how long a polite tenant waits when it is alone and when the greedy tenant is active; a sample takes
//! half a minute.
#![expect(clippy::indexing_slicing, reason = "JSON is indexed, and a check fails by panicking")]

mod fixture;
mod judge;
mod load;
mod watch;

use std::process::ExitCode;
use std::time::Duration;

use deed_tests::out::say;
use deed_tests::services::Result;
use libtest_mimic::{Arguments, Trial};
use serde_json::json;

use self::fixture::Fixture;
use self::judge::Judged;
use self::load::Offers;
use self::watch::Watch;

const SAMPLE: Duration = Duration::from_secs(15);
const ROUNDS: u32 = 4;
/// The limit for a polite tenant's 99th percentile next to the greedy tenant, divided by the polite tenant's value when
/// it is alone.
const RATIO_MAX: f64 = 2.0;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trial = |name: &str, run: fn() -> Result<()>| {
        Trial::test(name, move || Ok(run().map_err(|error| error.to_string())?))
    };
    let trials = vec![trial("the judge", judge::sees), trial("the load", whole)];
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn whole() -> Result<()> {
    let Some(minutes) = std::env::var_os("MINUTES") else { return sample() };
    let time = Duration::from_secs_f64(minutes.to_string_lossy().parse::<f64>()? * 60.0);
    compare(time)
}

/// Runs all tenants at once, without a time measurement.
fn sample() -> Result<()> {
    let fixture = Fixture::serve()?;
    let watch = Watch::start(&fixture)?;
    let offers = Offers::everybody(SAMPLE, 0);
    let told = load::offer(&fixture, &offers);
    finish(fixture, &watch, judge::judge(told))
}

/// Alternates rounds in which the measured tenant is alone with rounds in which all tenants are active, so that other
/// load on the machine affects both measurements.
fn compare(time: Duration) -> Result<()> {
    let fixture = Fixture::serve()?;
    let watch = Watch::start(&fixture)?;
    let (mut told, mut beside) = (Vec::new(), Vec::new());
    let round = time / ROUNDS;
    for n in 0..ROUNDS {
        told.extend(load::offer(&fixture, &Offers::one_alone(round / 3, n)));
        beside.extend(load::offer(&fixture, &Offers::everybody(round * 2 / 3, n)));
        Watch::rest(&fixture)?;
    }
    let (alone, crowded) = (load::p99(&told, load::MEASURED), load::p99(&beside, load::MEASURED));
    told.extend(beside);
    let ratio = crowded / alone;
    say(&format!(
        "overload: a polite tenant's p99 {alone:.0} ms alone, {crowded:.0} ms with a greedy one"
    ));
    let judged = judge::judge(told);
    let figures = json!({
        "p99_ratio": (ratio * 100.0).round() / 100.0,
        "p99_alone_ms": alone.round(), "p99_beside_ms": crowded.round(),
        "accepted": judged.accepted.len(), "refused": judged.refused,
        "rss_mib_over_idle": watch.rss_over_idle_kib() >> 10,
    });
    load::report(&figures)?;
    finish(fixture, &watch, judged)?;
    if ratio <= RATIO_MAX || std::env::var_os("BENCH_LENIENT").is_some() {
        return Ok(());
    }
    Err(format!("its p99 is {ratio:.2} times its p99 alone; the limit is {RATIO_MAX}").into())
}

/// Checks everything that the host answered, and prints the result.
fn finish(fixture: Fixture, watch: &Watch, mut judged: Judged) -> Result<()> {
    judged.findings.extend(watch.at_rest(&fixture)?);
    judged.ends(&fixture)?;
    judged.sent(&fixture);
    judged.findings.extend(fixture.stopped()?);
    for line in judged.lines() {
        say(&line);
    }
    if judged.is_right() { Ok(()) } else { Err("not right".into()) }
}
