//! `deed act`: proposes an action to a running host and shows the result. With `--explain`, the command only shows what
//! would happen. With `--dry-run`, the action is rehearsed and sends no write.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use deed_record::contract::Params;
use deed_record::contract::schema::Schema;
use deed_record::contract::template::percent_encode;
use deed_record::exchange::Rendered;
use deed_record::lifecycle::outcome::Outcome;
use deed_record::policy::Decision;
use deed_spec::text::safe;
use serde::{Deserialize, Serialize};

use super::client::{Client, Connection, prefer, watch};
use super::next::Next;
use super::out::{self, Failure, Format};
use super::proposal::ProposalArgs;
use super::text::line;
use super::{page, shown};
use crate::api::view::View;
use crate::config::keys;

/// Propose an action to the host, as an agent does
///
/// Prints the result on stdout. Stderr shows the action's id before the command waits for the action to end, and
/// afterwards the next command to run. The exit code is 0 if the action is verified, waits for a person or, with
/// `--dry-run`, is rehearsed; otherwise 1.
#[derive(Debug, clap::Args)]
pub(super) struct ActArgs {
    #[command(flatten)]
    proposal: ProposalArgs,
    /// Idempotency key; a request that repeats the key and the body returns the same action
    #[arg(long, value_name = "TEXT")]
    key: Option<String>,
    /// How long to wait for the action to end; by default, at most 10 seconds, and no longer once the action waits for
    /// a person
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=86_400))]
    wait: Option<u64>,
    /// Only print the policy decision, the requests that would be sent, and what is missing; send nothing
    #[arg(long)]
    explain: bool,
    /// Rehearse the action: read the state, plan the writes, and evaluate the policies with both; send no write and ask
    /// nobody
    #[arg(long, conflicts_with = "explain")]
    dry_run: bool,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    format: Format,
}

/// The host's answer to `POST /v1/explain`, which `--explain` requests.
#[derive(Debug, Serialize, Deserialize)]
struct Explained {
    contract: String,
    resource: String,
    decision: Decision,
    would_read: Vec<Rendered>,
    would_send: Vec<Rendered>,
    before: Vec<String>,
    missing: Vec<String>,
}

/// The part of the answer to `GET /v1/contracts/{name}` that declares the parameters.
#[derive(Deserialize)]
struct Granted {
    contract: Shape,
}

#[derive(Deserialize)]
struct Shape {
    params: Params,
}

/// How many seconds to wait for the action to end if `--wait` is not given.
const WAIT_S: u64 = 10;

pub(super) fn run(args: &ActArgs) -> Result<ExitCode, Failure> {
    let typed = args.proposal.check()?;
    let client = args.connection.open()?;
    let mut proposal = typed.proposal(|contract| parameters_of(&client, contract))?;
    proposal.dry_run = args.dry_run;
    let body = serde_json::to_vec(&proposal).map_err(Failure::failed)?;
    if args.explain {
        let explained: Explained = client.post("/v1/explain", &[], &body)?;
        args.format.print(&explained, explanation)?;
        if !args.format.json {
            out::note("the state was not read; --dry-run reads it, and plans the writes");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let view = propose(args, &client, &body)?;
    args.format.print(&view, page::of)?;
    Next::new(&args.connection, args.format).proposed(&view);
    let fine = matches!(view.outcome, Some(Outcome::Verified | Outcome::Rehearsed));
    let fine = fine || view.status == "waiting";
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Fetches the declared parameters of a contract. Fails when the host refuses, for example because the contract is not
/// granted.
fn parameters_of(client: &Client, contract: &str) -> Result<BTreeMap<String, Schema>, Failure> {
    let path = format!("/v1/contracts/{}", percent_encode(contract));
    let granted: Granted = client.get(&path, &[])?;
    Ok(granted.contract.params.properties)
}

/// Proposes the action with an idempotency key. The request can therefore be repeated without creating a second action.
/// The action's id is printed before the wait, so that a user who interrupts the wait can still look up the action.
fn propose(args: &ActArgs, client: &Client, body: &[u8]) -> Result<View, Failure> {
    let deadline = Instant::now() + Duration::from_secs(args.wait.unwrap_or(WAIT_S));
    let key = args.key.clone().map_or_else(keys::random_hex::<16>, Ok).map_err(Failure::failed)?;
    let headers = [("prefer", prefer(0)), ("idempotency-key", key)];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let view: View = client.post("/v1/actions", &headers, body)?;
    out::note(&proposed(&view));
    let for_people = args.wait.is_some();
    let rests = |view: &View| view.outcome.is_some() || !for_people && view.status == "waiting";
    watch(client, view, deadline, rests)
}

/// What the answer to a proposal says. A new action is pending only until the host has decided about it, so its status is
/// not told; an action with the same key can have any other status.
fn proposed(view: &View) -> String {
    let id = safe(&view.id);
    match view.status.as_str() {
        "pending" => format!("action {id} is recorded"),
        status => format!("action {id} is {}", safe(status)),
    }
}

fn explanation(explained: &Explained) -> String {
    let mut text = format!(
        "{} on {}\npolicy       {}\n",
        safe(&explained.contract),
        safe(&explained.resource),
        page::verdict(&explained.decision)
    );
    for (title, requests) in
        [("would read", &explained.would_read), ("would send", &explained.would_send)]
    {
        for request in requests {
            line(&mut text, format_args!("{title:<12} {}", shown::request(request)));
            text += &shown::body(request, "             ");
        }
    }
    for condition in &explained.before {
        line(&mut text, format_args!("only if      {}", safe(condition)));
    }
    for missing in &explained.missing {
        line(&mut text, format_args!("missing      {}", safe(missing)));
    }
    if explained.missing.is_empty() {
        text += "missing      nothing\n";
    }
    text
}
