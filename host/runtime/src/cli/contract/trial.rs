//! `deed contract try`: makes a dry run of an action on a real upstream, through a host that exists only for this dry
//! run.
//!
//! The host is a child process that serves a private temporary directory. A dry run sends no write, and the host has no
//! credential for writes. The author permits each POST that only reads. See `docs/decisions/0066-a-trial-is-a-host-for-one-dry-run.md`.

pub(in crate::cli) mod advice;
pub(in crate::cli) mod credentials;
pub(in crate::cli) mod directory;
pub(in crate::cli) mod evidence;
pub(in crate::cli) mod faults;
pub(in crate::cli) mod host;
pub(in crate::cli) mod inputs;
pub(in crate::cli) mod log;
mod page;
pub(in crate::cli) mod place;
pub(in crate::cli) mod searches;
pub(in crate::cli) mod targets;
mod undeclared;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use deed_record::lifecycle::outcome::Outcome;

use self::credentials::CredentialArgs;
use self::directory::Tokens;
use self::evidence::Evidence;
use self::host::Process;
use self::inputs::Inputs;
use self::page::Report;
use self::place::Place;
use crate::api::view::View;
use crate::cli::adapter::loader::KEPT;
use crate::cli::client::{Client, action_path, prefer, watch};
use crate::cli::out::{self, Failure, Format, shell};
use crate::config::keys;

/// Make a dry run of a contract on a real upstream, without a served directory
///
/// Starts a host that exists only for this command, in the environment `development`. The host reads the state from the
/// upstream, rehearses the action if its contract is open, and evaluates the policies. It sends no write, has no
/// credential for writes, and sends a POST that reads the state only if --safe permits it. Prints the action as people see it, the state before the action, and the adapter's log. The
/// exit code is 0 if the action is rehearsed; otherwise 1.
#[derive(Debug, clap::Args)]
#[command(after_long_help = KEPT)]
pub(in crate::cli) struct TrialArgs {
    /// The contract
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
    /// Base URL of the upstream; if the contract has several upstreams, once for each, as NAME=URL
    #[arg(long, value_name = "[NAME=]URL")]
    against: Vec<String>,
    /// One parameter, of the type that the contract declares; write a string literally, and any other type as JSON
    #[arg(long, value_name = "NAME=VALUE")]
    param: Vec<String>,
    /// Permit a POST that reads the state, written exactly as in the contract, because it only reads; can be repeated
    #[arg(long, value_name = "'POST /PATH'")]
    safe: Vec<String>,
    /// The purpose of the action, as an agent would state it
    #[arg(long, value_name = "TEXT", default_value = "try the contract")]
    intent: String,
    /// The adapter, a WebAssembly component; not for a contract with the adapter `declared`
    #[arg(long, value_name = "FILE.wasm")]
    adapter: Option<PathBuf>,
    /// A file of policies that decide, in place of a policy that permits the action; can be repeated
    #[arg(long, value_name = "FILE.cedar")]
    policy: Vec<PathBuf>,
    /// A role of the agent, for the policies; can be repeated
    #[arg(long, value_name = "NAME")]
    role: Vec<String>,
    #[command(flatten)]
    credentials: CredentialArgs,
    /// How long the start of the host and the dry run may take together
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(5..=600))]
    timeout: u64,
    #[command(flatten)]
    format: Format,
}

/// A trial. Dropping it ends the host first, and then removes the directory: fields are dropped in this order.
#[derive(Debug)]
struct Trial {
    process: Process,
    place: Place,
}

pub(super) fn run(args: &TrialArgs) -> Result<ExitCode, Failure> {
    let inputs = Inputs::read(args)?;
    let trial = Trial { process: Process::prepare()?, place: Place::new("deed-contract-try")? };
    let result = trial.run(&inputs);
    let is_interrupted = trial.process.is_interrupted();
    drop(trial);
    if is_interrupted {
        return Err(Failure::failed(interrupted(&inputs)));
    }
    let report = result?;
    args.format.print(&report, page::page)?;
    if report.action.outcome != Some(Outcome::Rehearsed) {
        return Ok(ExitCode::FAILURE);
    }
    args.format.next(&next(args, &inputs));
    Ok(ExitCode::SUCCESS)
}

fn interrupted(inputs: &Inputs) -> &'static str {
    if inputs.safe.is_empty() {
        "the trial was interrupted; it sent no write"
    } else {
        "the trial was interrupted; it sent no write, if each POST of --safe only reads"
    }
}

/// How the contract is put into service.
fn next(args: &TrialArgs, inputs: &Inputs) -> String {
    let head = &inputs.contract.action;
    let adapter = args.adapter.as_ref().map_or(String::new(), |file| {
        format!("{} to DIR/adapters/{}.wasm, ", shell(file), head.adapter)
    });
    format!(
        "copy {} to DIR/contracts/, {adapter}add [tenant.NAME.grant.\"{}\"] and a policy to DIR, then `deed pin DIR`",
        shell(&args.file),
        head.name
    )
}

impl Trial {
    fn run(&self, inputs: &Inputs) -> Result<Report, Failure> {
        let tokens = directory::make(&self.place.served(), inputs)?;
        out::progress("checking the contract, the policies and the adapter");
        faults::check(&self.place.served(), inputs)?;
        let deadline = Instant::now() + inputs.timeout;
        out::progress("starting a host for the trial");
        let url = self.process.start(&self.place, inputs.timeout).map_err(|why| {
            Failure::failed(faults::local(&format!("{}\n{}", why.what(), self.said()), inputs))
        })?;
        out::progress("making a dry run");
        let (view, evidence) = dry_run(inputs, &url, &tokens, deadline)?;
        if view.outcome.is_none() {
            return Err(self.too_late(inputs.timeout));
        }
        Ok(Report::new(inputs, view, evidence, log::lines(&self.said())))
    }

    /// What the host has written to stderr.
    fn said(&self) -> String {
        log::read(&self.place.log())
    }

    fn too_late(&self, timeout: Duration) -> Failure {
        let seconds = timeout.as_secs();
        let lines = log::lines(&self.said()).join("\n");
        Failure::failed(format!(
            "the dry run did not end within {seconds} seconds; raise --timeout, or correct what the host reports\n{lines}"
        ))
    }
}

/// Makes the dry run as the agent, and reads it as a person, who sees the state and the evidence.
fn dry_run(
    inputs: &Inputs,
    url: &str,
    tokens: &Tokens,
    deadline: Instant,
) -> Result<(View, Evidence), Failure> {
    let (agent, person) = (Client::to(url, &tokens.agent), Client::to(url, &tokens.person));
    let body = serde_json::to_vec(&inputs.proposal).map_err(Failure::failed)?;
    let (wait, key) = (prefer(0), keys::random_hex::<16>().map_err(Failure::failed)?);
    let headers = [("prefer", wait.as_str()), ("idempotency-key", key.as_str())];
    let view: View = agent.post("/v1/actions", &headers, &body)?;
    let view = watch(&agent, view, deadline, |view| view.outcome.is_some())?;
    let id = &view.id;
    let full: View = person.get(&action_path(id, "")?, &[])?;
    if full.outcome.is_none() {
        return Ok((full, Evidence::default()));
    }
    let bundle = person.bytes("GET", &action_path(id, "/bundle")?, &[], &[])?;
    Ok((full, Evidence::read(&bundle)?))
}
