//! `deed replay`: runs an adapter again with the recorded exchanges of a bundle, without network access.
//!
//! The command prints one line per run and the first difference. The command's async runtime has no I/O driver, so that
//! no code can open a connection.

use std::path::PathBuf;
use std::process::ExitCode;

use deed_sandbox::World;
use deed_spec::digest::Digest;
use deed_spec::text::safe;
use deed_verify as proof;
use deed_verify::replay::{Case, Line, ReplayVerdict, Report, Status};
use deed_verify::{page, verify};
use serde::Serialize;

use super::adapter::loader::{KEPT, Loader};
use super::out::{self, Failure, Format};
use super::text::{compact, line};
use super::verify::{read, trust};
use crate::config::declared;
use crate::maintenance::replay::replay;

/// Run an adapter again with the recorded answers in a bundle, and show the first difference
///
/// Compares every request, state, refusal and claim of the adapter with the record. The comparison shows whether the
/// adapter does the same when it gets the same answers. To check also whether the record is authentic, use --trust or
/// run `deed verify`. Exits with 0 if all runs are identical, 1 if a run differs, and 2 if the bundle cannot be
/// replayed.
#[derive(Debug, clap::Args)]
#[command(after_long_help = KEPT)]
pub(super) struct ReplayArgs {
    /// The `.deed` file; it must contain evidence, so an agent's copy cannot be replayed
    bundle: PathBuf,
    /// The adapter that ran the action; not needed for the adapter `declared`, which is part of the host
    #[arg(value_name = "ADAPTER.wasm")]
    adapter: Option<PathBuf>,
    /// Run the adapter even if it is not the one that the receipt names
    #[arg(long)]
    other_build: bool,
    /// Also verify the bundle with the keys in this trust directory
    #[arg(long, value_name = "DIR")]
    trust: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

/// The printed report.
#[derive(Debug, Serialize)]
struct Findings {
    #[serde(skip_serializing_if = "Option::is_none")]
    verify: Option<proof::Report>,
    replay: Report,
}

/// Prints the report and returns its verdict as the exit code.
pub(super) fn run(args: &ReplayArgs) -> ExitCode {
    match findings(args).and_then(|found| args.format.print(&found, page).map(|()| code(&found))) {
        Ok(code) => code,
        Err(failure) => {
            out::note(&failure.to_string());
            // After an error no run was compared, so the exit code is that of a bundle that cannot be replayed.
            ExitCode::from(2)
        }
    }
}

fn findings(args: &ReplayArgs) -> Result<Findings, Failure> {
    let trust = args.trust.as_deref().map(trust).transpose()?;
    let bundle = read(&args.bundle)?;
    let case = Case::open(&bundle).map_err(Failure::failed)?;
    let wasm = match &args.adapter {
        Some(file) => read(file)?,
        None => shipped(&case)?,
    };
    if !args.other_build {
        case.check_adapter(Digest::of(&wasm)).map_err(|other| {
            Failure::Failed(format!("{other}, or run it anyway with --other-build"))
        })?;
    }
    let verify = trust.map(|trust| verify(&bundle, Some(&trust)));
    Ok(Findings { verify, replay: report(&case, &wasm)? })
}

/// The adapter of the bundle, if it ships with this host.
fn shipped(case: &Case) -> Result<Vec<u8>, Failure> {
    let bytes = declared::version(case.action.adapter);
    bytes.map(<[u8]>::to_vec).ok_or_else(|| {
        let what = "the adapter of this action does not ship with this host; name its file: deed replay BUNDLE ADAPTER.wasm";
        Failure::Failed(what.to_owned())
    })
}

fn report(case: &Case, wasm: &[u8]) -> Result<Report, Failure> {
    let loader = Loader::new()?;
    let sandbox = loader.announced("the adapter", wasm);
    let adapter = sandbox.load(wasm, World::Wasi).map_err(Failure::failed)?;
    // The runtime has a timer for time limits but no I/O driver, so no code in it can open a socket.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    Ok(runtime.map_err(Failure::failed)?.block_on(replay(sandbox, &adapter, case)))
}

fn page(found: &Findings) -> String {
    let mut text = String::new();
    let report = &found.replay;
    if let Some(proof) = &found.verify {
        line(&mut text, format_args!("{}", page::lines(proof, &report.action)));
    }
    for fault in &report.faults {
        line(&mut text, format_args!("DIFF  evidence       {}", safe(fault)));
    }
    for run in &report.runs {
        show(&mut text, run);
    }
    if report.runs.is_empty() {
        line(
            &mut text,
            format_args!("note  no run is recorded: there was no observation and no attempt"),
        );
    }
    if let Some(named) = &report.recorded_adapter {
        let ran = &report.adapter;
        line(&mut text, format_args!("note  this was {ran}; the receipt names {named}"));
    }
    if found.verify.is_none() {
        line(
            &mut text,
            format_args!(
                "note  whether the record is authentic was not checked; --trust DIR checks it"
            ),
        );
    }
    let verdict = report.verdict.as_str().to_uppercase();
    line(&mut text, format_args!("{verdict} {}", safe(&report.action)));
    text
}

fn show(text: &mut String, run: &Line) {
    let mark = match run.status {
        Status::Same => "same",
        Status::Different => "DIFF",
        Status::NotReplayed => "open",
    };
    line(text, format_args!("{mark}  {:<13}  {}", safe(&run.run), safe(&run.detail)));
    if let Some(found) = &run.difference {
        line(text, format_args!("        expected  {}", compact(&found.expected)));
        line(text, format_args!("        got       {}", compact(&found.got)));
    }
}

/// The exit code for the worse of two results: that of the verification and that of the replay.
fn code(found: &Findings) -> ExitCode {
    let verified = found.verify.as_ref().map(|report| report.verdict);
    match (verified, found.replay.verdict) {
        (Some(proof::Verdict::Failed), _) | (_, ReplayVerdict::Different) => ExitCode::FAILURE,
        // A bundle of which only the signatures can be verified has no evidence, so it cannot be replayed.
        (Some(proof::Verdict::Unverifiable | proof::Verdict::SignaturesOnly), _)
        | (_, ReplayVerdict::NotReplayed) => ExitCode::from(2),
        (_, ReplayVerdict::Identical) => ExitCode::SUCCESS,
    }
}
