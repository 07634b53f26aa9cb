//! `deed resolve`: shows what is open and what was seen, asks, and signs the person's statement of what happened.
//!
//! A digest is signed only if it was recomputed from what is shown.

mod shown;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use deed_record::statement::resolution::{self, Verdict};
use deed_record::statement::resolution_request::ResolutionRequest;
use deed_system::clock::Clock;

use super::approve::confirmed;
use super::client::{Client, Connection, action_path};
use super::next::Next;
use super::out::{self, Failure, Format};
use super::page;
use crate::api::view::View;
use crate::config::keys;

/// Resolve an action that ended `indeterminate`, with a signature, when looks do not settle it
///
/// Only a person with the role `operator` can resolve, and not the person who is responsible for the agent. Find out in
/// the system of record itself whether the writes took effect. The host looks again: a look that settles the outcome
/// takes precedence, otherwise your resolution decides. `applied` makes the outcome `mismatch`, because the host saw no
/// effect; `not-applied` makes it `failed`. A resolution never makes it `verified`.
#[derive(Debug, clap::Args)]
pub(super) struct ResolveArgs {
    /// The action's id
    id: String,
    /// What happened
    #[arg(value_enum)]
    verdict: Said,
    /// How you know, in at most 1,000 bytes; signed, and shown to all readers of the record
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Your private key, as `deed key new` created it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Sign without confirmation, for scripts; what is signed is still shown
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    format: Format,
}

/// The verdicts of a resolution.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Said {
    /// What was sent took effect
    Applied,
    /// Nothing that was sent took effect
    NotApplied,
    /// Nothing took effect, and it is proposed again as a new action, with its own decision and approvals
    Retry,
}

impl From<Said> for Verdict {
    fn from(said: Said) -> Self {
        match said {
            Said::Applied => Self::Applied,
            Said::NotApplied => Self::NotApplied,
            Said::Retry => Self::Retry,
        }
    }
}

pub(super) fn run(args: &ResolveArgs) -> Result<ExitCode, Failure> {
    let key = keys::read(&args.key).map_err(Failure::failed)?;
    let client = args.connection.open()?;
    let next = Next::new(&args.connection, args.format);
    let request = fetch(&client, &args.id).map_err(|failure| next.explain(failure, &args.id))?;
    let (action, receipt) = request.open().map_err(Failure::failed)?;
    let now_ms = Clock::default().now_ms();
    let resolved = request.resolved(args.verdict.into(), &args.reason, now_ms);
    let resolved = resolved.map_err(Failure::failed)?;
    out::note(&shown::open(&request, &receipt, action, &resolved));
    if !args.yes && !confirmed()? {
        return Err(Failure::Failed("nothing was signed".to_owned()));
    }
    let envelope = resolution::sign(action, &resolved, &key).map_err(Failure::failed)?;
    let body = serde_json::to_vec(&envelope).map_err(Failure::failed)?;
    let view = client.post(&action_path(&args.id, "/resolution")?, &[], &body);
    let view: View = view.map_err(|failure| next.explain(failure, &args.id))?;
    args.format.print(&view, page::of)?;
    next.after(&view);
    Ok(ExitCode::SUCCESS)
}

/// Fetches the resolution request. Fails when the host shows another action than the one asked for, which must not be
/// signed.
fn fetch(client: &Client, id: &str) -> Result<ResolutionRequest, Failure> {
    let request: ResolutionRequest = client.get(&action_path(id, "/resolution_request")?, &[])?;
    if request.action.id.as_str() == id {
        return Ok(request);
    }
    let other = &request.action.id;
    Err(Failure::Failed(format!(
        "asked for {id}, and the host shows {other}; do not sign, and report it"
    )))
}
