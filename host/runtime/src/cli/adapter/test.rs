//! `deed adapter test`: runs the test cases of a project with its component, through a host that exists only for the
//! test.
//!
//! A server inside of the command stands for the upstreams and gives the recorded answers. With `--record`, the answers
//! come from the upstreams themselves. See `docs/decisions/0070-adapter-tests-run-through-a-host.md`.

mod bench;
mod compare;
mod evidence;
mod lines;
mod play;
mod record;
mod report;
mod run;
mod server;
mod shorter;
mod suite;
mod wire;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use deed_author::project::contracts::adapter_name;
use deed_system::files::ADAPTER_MAX;

use self::bench::Bench;
use self::record::RecordArgs;
use self::report::Report;
use self::suite::Suite;
use super::super::contract::trial::inputs::{Own, own};
use super::super::out::{self, Failure, Format, shell};
use super::loader::KEPT;

/// Run the test cases of a project with its component, offline, and compare requests, states and outcomes
///
/// Reads the cases that `deed contract test` reads: NAME.cases.toml beside each contract NAME.toml. Starts a host that
/// exists only for this command, and a server on a loopback address that gives the recorded answers. Runs each case as
/// a whole action, prints one line per case, and exits with 1 if a result differs. Contacts no other host or upstream.
///
/// With --record, makes a dry run of each case on the real upstreams instead, as `deed contract try` does, and writes
/// the cases with the answers to a file. Sends no write and has no credential for writes, so it records neither the
/// answers to writes nor those after them. The exit code is 1, and nothing is written, if a case cannot be recorded.
#[derive(Debug, clap::Args)]
#[command(after_long_help = KEPT)]
pub(in crate::cli) struct TestArgs {
    /// The folder of the project
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// The component; by default NAME.wasm in the folder, by the name in the contracts
    #[arg(long, value_name = "FILE.wasm")]
    component: Option<PathBuf>,
    /// Only this contract of the folder
    #[arg(long, value_name = "FILE.toml")]
    contract: Option<PathBuf>,
    /// The file of test cases, if it is not beside the contract
    #[arg(long, value_name = "CASES.toml")]
    cases: Option<PathBuf>,
    /// Also run each verified case with faults: each exchange is lost before and after its effect, refused and too slow
    #[arg(long)]
    faults: bool,
    #[command(flatten)]
    record: RecordArgs,
    #[command(flatten)]
    format: Format,
}

/// The time limit of one exchange with the server of the test. With faults, each answer that comes too late takes it.
const EXCHANGE: Duration = Duration::from_secs(5);
const EXCHANGE_WITH_FAULTS: Duration = Duration::from_millis(800);

pub(super) fn run(args: &TestArgs) -> Result<ExitCode, Failure> {
    args.record.check()?;
    let files = suite::files(&args.dir, args.contract.as_deref(), args.cases.as_deref())?;
    if args.record.record {
        return record::run(args, &files);
    }
    let suites = files.iter().map(suite::suite).collect::<Result<Vec<_>, _>>()?;
    let adapter = component(args)?;
    let exchange = if args.faults { EXCHANGE_WITH_FAULTS } else { EXCHANGE };
    let bench = Bench::new(exchange)?;
    let report = report(&bench, &suites, &adapter, args.faults);
    let is_interrupted = bench.is_interrupted();
    drop(bench);
    if is_interrupted {
        return Err(Failure::failed("the test was interrupted"));
    }
    let report = report?;
    args.format.print(&report, report::page)?;
    if report.differ > 0 {
        return Ok(ExitCode::FAILURE);
    }
    args.format.next(&next(args));
    Ok(ExitCode::SUCCESS)
}

fn report(
    bench: &Bench,
    suites: &[Suite],
    adapter: &Own,
    with_faults: bool,
) -> Result<Report, Failure> {
    let mut reports = Vec::new();
    for suite in suites {
        out::progress(&format!("starting a host for {}", suite.name));
        let mut serving = bench.serve(suite, adapter)?;
        reports.push(run::suite(suite, &mut serving, with_faults)?);
    }
    Ok(Report::new(adapter.name.clone(), reports))
}

/// Reads the component of the project.
fn component(args: &TestArgs) -> Result<Own, Failure> {
    let file = match &args.component {
        Some(file) => file.clone(),
        None => by_name(&args.dir)?,
    };
    own(&file, ADAPTER_MAX)
}

/// The component in the folder, which must have been built.
fn by_name(dir: &Path) -> Result<PathBuf, Failure> {
    let name = adapter_name(dir).map_err(Failure::failed)?;
    let file = dir.join(format!("{name}.wasm"));
    if file.is_file() {
        return Ok(file);
    }
    Err(Failure::Failed(format!(
        "`{}` does not exist; build it with `deed adapter build {}`, or name it with --component",
        file.display(),
        shell(dir)
    )))
}

fn next(args: &TestArgs) -> String {
    if args.faults {
        return format!("deed adapter watch {} --serve SERVED_DIR", shell(&args.dir));
    }
    format!("{} --faults", again(args, args.cases.as_deref()))
}

/// The command that tests the same contracts with the cases in this file.
fn again(args: &TestArgs, cases: Option<&Path>) -> String {
    let files = [
        ("component", args.component.as_deref()),
        ("contract", args.contract.as_deref()),
        ("cases", cases),
    ];
    let option = |(name, file): (&str, Option<&Path>)| Some(format!(" --{name} {}", shell(file?)));
    let options: String = files.into_iter().filter_map(option).collect();
    format!("deed adapter test {}{options}", shell(&args.dir))
}
