//! `deed adapter test --record`: asks the real upstreams for the answers of the test cases.
//!
//! Each case is a dry run on a host with no credential for writes, as for `deed contract try`, so no write is sent. What
//! the reads got is recorded, without secrets. The answers to writes and those after them stay as the author has them;
//! a case that has none gets default answers.

mod answers;
mod filled;
mod page;
mod source;
mod text;

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use deed_author::project::files::replace;
use deed_record::action::Proposal;

use self::answers::{Answers, unfit};
use self::page::{RecordedCase, Recording};
use self::source::{Source, Sourced};
use self::text::Filled;
use super::bench::{Bench, Ran, START, Serving, proposal};
use super::report::CaseReport;
use super::suite::Files;
use super::{TestArgs, again, component};
use crate::cli::contract::trial::advice::about;
use crate::cli::contract::trial::credentials::{self, CredentialArgs};
use crate::cli::contract::trial::inputs::{Inputs, Own};
use crate::cli::contract::trial::searches::permitted;
use crate::cli::contract::trial::targets::{names, targets};
use crate::cli::out::{self, Failure};
use crate::cli::text::count;

#[derive(Debug, clap::Args)]
pub(super) struct RecordArgs {
    /// Record the answers of the real upstreams: make a dry run of each case, and write the cases with its answers
    #[arg(long, conflicts_with = "faults")]
    pub(super) record: bool,
    /// Base URL of the upstream; if the contract has several upstreams, once for each, as NAME=URL
    #[arg(long, value_name = "[NAME=]URL", requires = "record")]
    against: Vec<String>,
    /// Permit a POST that reads the state, written exactly as in the contract, because it only reads; can be repeated
    #[arg(long, value_name = "'POST /PATH'", requires = "record")]
    safe: Vec<String>,
    /// Write the recorded cases to this file instead of the file of the cases
    #[arg(long, value_name = "CASES.toml", requires = "record")]
    output: Option<PathBuf>,
    /// Replace the file if it exists; comments in it are lost
    #[arg(long, requires = "record")]
    replace: bool,
    #[command(flatten)]
    credentials: CredentialArgs,
}

/// The time limit of one exchange with an upstream.
const EXCHANGE: Duration = Duration::from_secs(10);
/// The maximum size of the recorded cases in bytes.
const TEXT_MAX: usize = 16 << 20;

impl RecordArgs {
    /// Fails when there is a credential without `--record`.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.credentials.are_given() && !self.record {
            return Err(Failure::usage(
                "a test without --record sends no credential; add --record, or leave the credential out",
            ));
        }
        Ok(())
    }
}

pub(super) fn run(test: &TestArgs, files: &[Files]) -> Result<ExitCode, Failure> {
    let args = &test.record;
    let source = Source::read(files)?;
    let output = args.output.as_deref().unwrap_or(&source.path);
    check_free(output, args.replace)?;
    let inputs = inputs(args, &source, component(test)?)?;
    let bench = Bench::new(EXCHANGE)?;
    let cases = record(&bench, inputs, &source);
    let is_interrupted = bench.is_interrupted();
    drop(bench);
    if is_interrupted {
        return Err(Failure::failed("the recording was interrupted; nothing was written"));
    }
    let (reports, filled): (Vec<RecordedCase>, Vec<Filled>) = cases?.into_iter().unzip();
    let recording = Recording::new(&source.contract.action.name, output, reports);
    if recording.differ == 0 {
        write(output, &text::file(&filled), args.replace)?;
    }
    test.format.print(&recording, page::page)?;
    if recording.differ > 0 {
        return Ok(ExitCode::FAILURE);
    }
    tell(test, &recording, output);
    Ok(ExitCode::SUCCESS)
}

/// Fails when the file exists and may not be replaced, before anything is sent.
fn check_free(output: &Path, may_replace: bool) -> Result<(), Failure> {
    if may_replace || output.symlink_metadata().is_err() {
        return Ok(());
    }
    Err(exists(output))
}

fn exists(output: &Path) -> Failure {
    let file = output.display();
    Failure::Failed(format!("`{file}` exists; name a new file with --output, or add --replace"))
}

fn inputs(args: &RecordArgs, source: &Source, adapter: Own) -> Result<Inputs, Failure> {
    let names = names(&source.contract);
    if args.against.is_empty() {
        let each: Vec<String> = names.iter().map(|one| format!("--against {one}=URL")).collect();
        return Err(Failure::usage(format!(
            "a recording needs the address of each upstream; add {}",
            each.join(" ")
        )));
    }
    Ok(Inputs {
        targets: targets(&source.name, &names, &args.against)?,
        credentials: credentials::of(&args.credentials, &names)?,
        safe: permitted(&source.contract, &args.safe)?,
        proposal: Proposal { dry_run: true, ..proposal(&source.contract) },
        contract: source.contract.clone(),
        file: Own { name: source.name.clone(), bytes: source.text.clone().into_bytes() },
        adapter: Some(adapter),
        policies: vec![],
        roles: vec![],
        timeout: START,
        exchange: EXCHANGE,
    })
}

/// Makes the dry runs. Returns a report of each case, and the case with what was recorded.
fn record(
    bench: &Bench,
    inputs: Inputs,
    source: &Source,
) -> Result<Vec<(RecordedCase, Filled)>, Failure> {
    out::progress("starting a host for the recording");
    let mut serving = bench.look(inputs)?;
    let mut all = Vec::new();
    for one in &source.cases {
        out::progress(&format!("making a dry run of `{}`", one.case.name));
        let ran = serving.run(&one.case.params, true).map_err(|why| {
            let (file, line, name) = (&source.file, one.line, &one.case.name);
            Failure::Failed(format!("{file}:{line}: case `{name}`: {}", why.what()))
        })?;
        all.push(case(source, &serving, one, ran));
    }
    Ok(all)
}

fn case(source: &Source, serving: &Serving<'_>, one: &Sourced, ran: Ran) -> (RecordedCase, Filled) {
    let mut differences: Vec<String> = unfit(one.case.want, ran.view.outcome).into_iter().collect();
    let found = Answers::of(&source.contract, &serving.inputs.proposal, &ran);
    let answers = found.unwrap_or_else(|why| {
        differences.push(why);
        Answers::default()
    });
    if !differences.is_empty() {
        differences.extend(advice(serving, &ran));
    }
    let recorded = answers.seen();
    let filled = filled::case(&one.table, answers);
    let is_default = filled.is_default;
    let run = CaseReport::of(&one.case.name, (&source.file, one.line), ran, differences);
    (RecordedCase { run, recorded, is_default }, filled)
}

/// What the author can do about upstreams that refuse requests or do not answer. Each sentence comes once.
fn advice(serving: &Serving<'_>, ran: &Ran) -> Vec<String> {
    let looks = ran.evidence.before.iter().flat_map(|one| &one.exchanges);
    let reads = ran.evidence.rehearsal.iter().flat_map(|one| &one.exchanges);
    let mut told: Vec<String> =
        looks.chain(reads).filter_map(|one| about(&serving.inputs, one)).collect();
    told.sort();
    told.dedup();
    told
}

/// Writes the file, which may exist only if it may be replaced.
fn write(output: &Path, text: &str, may_replace: bool) -> Result<(), Failure> {
    if text.len() > TEXT_MAX {
        return Err(Failure::Failed(format!(
            "the recorded cases have more than {TEXT_MAX} bytes; record fewer cases, or let the contract `expose` less"
        )));
    }
    if may_replace {
        return replace(output, text.as_bytes()).map_err(Failure::failed);
    }
    let file = OpenOptions::new().write(true).create_new(true).open(output);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => exists(output),
        _ => Failure::Failed(format!("`{}`: {error}", output.display())),
    })
}

/// Says what the author has to correct, and the command that tests with the recorded cases.
fn tell(test: &TestArgs, recording: &Recording, output: &Path) {
    if test.format.json {
        return;
    }
    let (defaults, file) = (recording.defaults(), output.display());
    if defaults > 0 {
        let cases = count(defaults, "case");
        out::note(&format!(
            "`writes` and `after` of {cases} are defaults, because a recording sends no write; correct them in {file}"
        ));
    }
    let cases = test.record.output.as_deref().or(test.cases.as_deref());
    test.format.next(&again(test, cases));
}
