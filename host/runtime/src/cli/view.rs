//! `deed ls`, `show`, `cancel` and `bundle`: list, show and cancel actions of a running host, and fetch their bundles.

use std::path::PathBuf;
use std::process::ExitCode;

use deed_record::bundle;
use deed_record::contract::template::percent_encode;
use deed_record::timeline::utc;
use deed_spec::text::safe;
use deed_system::clock::Clock;
use serde::{Deserialize, Serialize};

use super::client::{Connection, action_path};
use super::next::Next;
use super::out::{self, Failure, Format};
use super::page;
use super::quote::quoted;
use super::since::Since;
use super::text::join;
use crate::api::view::View;

/// List actions, newest first
#[derive(Debug, clap::Args)]
pub(super) struct LsArgs {
    /// Only actions with this status: pending, waiting, running, verified, mismatch, denied, failed, indeterminate,
    /// expired, cancelled or rehearsed
    #[arg(long)]
    status: Option<String>,
    /// Only actions on this resource, such as idp/users/42
    #[arg(long)]
    resource: Option<String>,
    /// Only actions that this agent proposed
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Only actions under this contract
    #[arg(long, value_name = "NAME")]
    contract: Option<String>,
    /// Only actions for whose agent this person is responsible
    #[arg(long, value_name = "NAME")]
    person: Option<String>,
    /// Only actions that have each of these words in the id, the resource, a parameter that is not private, the intent,
    /// the address of a source, or the party for whom the agent acts
    #[arg(long, value_name = "WORDS")]
    search: Option<String>,
    /// Only actions whose latest event was at this time or later: how long ago, such as 2h, 30m or 3d; a day in UTC,
    /// such as 2026-01-31; or a time in UTC, such as 2026-01-31T18:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
    /// Only this action and older ones, to continue an earlier list
    #[arg(long, value_name = "ID")]
    from: Option<String>,
    /// The maximum number of actions to list, from 1 to 500
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    format: Format,
}

/// Show one action on one page: proposal, decision, approvals, requests, changes and ledger
#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    /// The action's id
    id: String,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    format: Format,
}

/// Cancel an action that has not sent anything yet
#[derive(Debug, clap::Args)]
pub(super) struct CancelArgs {
    /// The action's id
    id: String,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    format: Format,
}

/// Fetch the evidence of an action that has ended; `deed verify` checks it offline
#[derive(Debug, clap::Args)]
pub(super) struct BundleArgs {
    /// The action's id
    id: String,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    connection: Connection,
}

/// What `deed bundle` says about a bundle without evidence.
const AGENTS_COPY: &str = "this is an agent's copy without evidence: `deed verify` checks only signatures and \
                           inclusion, and exits with 3; for a full check, fetch the bundle with a person's token";

/// The answer to `GET /v1/actions`.
#[derive(Debug, Serialize, Deserialize)]
struct Listing {
    actions: Vec<Row>,
    /// Where the list goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    id: String,
    status: String,
    contract: String,
    resource: String,
    agent: String,
    at_ms: i64,
    /// What an action that waits needs, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    missing: Vec<String>,
}

pub(super) fn list(args: &LsArgs) -> Result<ExitCode, Failure> {
    let path = args.path(Clock::default().now_ms());
    let listing: Listing = args.connection.open()?.get(&path, &[])?;
    args.format.print(&listing, table)?;
    if !args.format.json {
        if let Some(next) = &listing.next {
            out::note(&format!("older actions: repeat the command with --from {}", quoted(next)));
        }
        if let Some(first) = listing.actions.first() {
            Next::new(&args.connection, args.format).show(&first.id);
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl LsArgs {
    /// The path of the request, with the query, if it is now this time on this machine.
    fn path(&self, now_ms: i64) -> String {
        let since = self.since.as_ref().map(|since| since.parameter(now_ms));
        let filters = [
            ("status", &self.status),
            ("resource", &self.resource),
            ("agent", &self.agent),
            ("contract", &self.contract),
            ("person", &self.person),
            ("q", &self.search),
            ("since", &since),
            ("from", &self.from),
        ];
        let mut path = format!("/v1/actions?limit={}", self.limit);
        for (key, value) in filters {
            if let Some(value) = value {
                path.extend(["&", key, "=", &percent_encode(value)]);
            }
        }
        path
    }
}

pub(super) fn show(args: &ShowArgs) -> Result<ExitCode, Failure> {
    let view: View = args.connection.open()?.get(&action_path(&args.id, "")?, &[])?;
    args.format.print(&view, page::of)?;
    Next::new(&args.connection, args.format).after(&view);
    Ok(ExitCode::SUCCESS)
}

pub(super) fn cancel(args: &CancelArgs) -> Result<ExitCode, Failure> {
    let next = Next::new(&args.connection, args.format);
    let cancelled = args.connection.open()?.post(&action_path(&args.id, "/cancel")?, &[], &[]);
    let view: View = cancelled.map_err(|failure| next.explain(failure, &args.id))?;
    args.format.print(&view, page::of)?;
    next.show(&view.id);
    Ok(ExitCode::SUCCESS)
}

pub(super) fn bundle(args: &BundleArgs) -> Result<ExitCode, Failure> {
    let client = args.connection.open()?;
    let next = Next::new(&args.connection, Format { json: false });
    let bytes = client.bytes("GET", &action_path(&args.id, "/bundle")?, &[], &[]);
    let bytes = bytes.map_err(|failure| next.explain(failure, &args.id))?;
    std::fs::write(&args.output, &bytes)
        .map_err(|e| Failure::Failed(format!("`{}`: {e}", args.output.display())))?;
    if is_agents_copy(&bytes) {
        out::note(AGENTS_COPY);
    }
    out::note(&format!(
        "the operator creates the trust directory with `deed trust`\nnext: deed verify {} --trust DIR",
        quoted(&args.output.to_string_lossy())
    ));
    Ok(ExitCode::SUCCESS)
}

/// Whether a bundle has no evidence, as the bundles that agents get.
fn is_agents_copy(bytes: &[u8]) -> bool {
    bundle::read(bytes).is_ok_and(|parts| !parts.contains_key(bundle::EXCHANGES))
}

fn table(listing: &Listing) -> String {
    if listing.actions.is_empty() {
        let text = if listing.next.is_some() { "no action was found yet" } else { "no actions" };
        return text.to_owned();
    }
    let line = |row: &Row| {
        let what =
            format!("{} on {}, by {}", safe(&row.contract), safe(&row.resource), safe(&row.agent));
        let missing = match row.missing.join(", ") {
            none if none.is_empty() => none,
            some => format!(", waits for {}", safe(&some)),
        };
        format!("{}  {}  {:<13}  {what}{missing}", safe(&row.id), utc(row.at_ms), safe(&row.status))
    };
    join(listing.actions.iter().map(line))
}
