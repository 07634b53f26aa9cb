//! `deed resolve`: shows an unresolved action and the state that the host last read, asks for confirmation, and signs
//! the person's statement of what happened.
//!
//! The signed digests are recomputed from the data that is shown.

mod shown;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use deed_record::statement::resolution::{self, ResolutionVerdict};
use deed_record::statement::resolution_request::ResolutionRequest;
use deed_system::clock::Clock;

use super::client::{Client, Connection, action_path};
use super::confirm::confirm;
use super::next::Next;
use super::out::{self, Failure, Format};
use super::page;
use crate::api::view::View;
use crate::config::keys;

/// Resolve an action that ended `indeterminate`, by signing a statement of what happened to its writes
///
/// Only a person with the role `operator` who is not responsible for the agent can resolve an action.
/// First find out in the system of record itself whether the writes took effect. After your resolution, the host reads
/// the state again. If the state settles the outcome, that result takes precedence; otherwise your resolution decides.
/// If your resolution decides, the verdict `not-applied` gives the outcome `failed`. The verdict `applied` gives the
/// outcome `mismatch`, because the host itself did not observe the effect. A resolution never results in `verified`.
#[derive(Debug, clap::Args)]
pub(super) struct ResolveArgs {
    /// The action's id
    id: String,
    /// What happened to the writes that were sent
    #[arg(value_enum)]
    verdict: Said,
    /// How you know what happened, in at most 1,000 bytes; you sign this text, and all readers of the record see it
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The file of your private key, as created by `deed key new`
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Sign without asking for confirmation, for use in scripts; the command still shows what it signs
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
    /// The writes that were sent took effect
    Applied,
    /// None of the writes that were sent took effect
    NotApplied,
    /// Nothing took effect, and the host proposes the action again as a new action with its own decision and approvals
    Retry,
}

impl From<Said> for ResolutionVerdict {
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
    if !args.yes {
        confirm("sign?", "signed", "--yes")?;
    }
    let envelope = resolution::sign(action, &resolved, &key).map_err(Failure::failed)?;
    let body = serde_json::to_vec(&envelope).map_err(Failure::failed)?;
    let view = client.post(&action_path(&args.id, "/resolution")?, &[], &body);
    let view: View = view.map_err(|failure| next.explain(failure, &args.id))?;
    args.format.print(&view, page::of)?;
    next.after(&view);
    Ok(ExitCode::SUCCESS)
}

/// Fetches the resolution request. Fails when the host returns the request of a different action, which must not be
/// signed.
fn fetch(client: &Client, id: &str) -> Result<ResolutionRequest, Failure> {
    let request: ResolutionRequest = client.get(&action_path(id, "/resolution_request")?, &[])?;
    if request.action.id.as_str() == id {
        return Ok(request);
    }
    let other = &request.action.id;
    Err(Failure::Failed(format!(
        "requested {id}, but the host shows {other}; do not sign, and report it"
    )))
}
