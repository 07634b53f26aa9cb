//! `deed act`: proposes an action to a running host and shows what became of it; or asks "what if".

use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use deed_record::exchange::Rendered;
use deed_record::outcome::Outcome;
use deed_record::policy::Decision;

use super::client::{Client, Connection, WAIT_MAX_S, action_path};
use super::out::{self, Failure, Format};
use super::proposal::ProposalArgs;
use super::text::{line, pretty, safe};
use super::{page, shown};
use crate::http::View;
use crate::keys;

/// Ask the host for an action, as an agent does
///
/// Prints what became of it. The exit code is 0 when it is verified or waits for people, else 1.
#[derive(Debug, clap::Args)]
pub(super) struct ActArgs {
    #[command(flatten)]
    proposal: ProposalArgs,
    /// Idempotency key: asking again with the same key and body gives the same action
    #[arg(long, value_name = "TEXT")]
    key: Option<String>,
    /// How long to wait for the end; without it, 10 seconds, and not for people
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=86_400))]
    wait: Option<u64>,
    /// Only tell what policy says, what would be sent and what is missing; nothing happens
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    format: Format,
}

/// The host's answer to "what if"; the shape of `POST /v1/explain`.
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

/// How long to wait for the end when nobody said.
const WAIT_S: u64 = 10;
/// How long to pause before looking again at an action that waits for people.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) fn run(args: &ActArgs) -> Result<ExitCode, Failure> {
    let body = serde_json::to_vec(&args.proposal.proposal()?).map_err(Failure::failed)?;
    let client = args.connection.open()?;
    if args.explain {
        let explained: Explained = client.post("/v1/explain", &[], &body)?;
        args.format.print(&explained, explanation)?;
        return Ok(ExitCode::SUCCESS);
    }
    let view = propose(args, &client, &body)?;
    args.format.print(&view, page::of)?;
    tell_next(&view);
    let fine = view.outcome == Some(Outcome::Verified) || view.status == "waiting";
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Proposes under a key, so that a lost answer can be asked for again without a second action.
fn propose(args: &ActArgs, client: &Client, body: &[u8]) -> Result<View, Failure> {
    let seconds = args.wait.unwrap_or(WAIT_S);
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let key = args.key.clone().map_or_else(keys::random_hex::<16>, Ok).map_err(Failure::failed)?;
    let headers = [("prefer", prefer(seconds)), ("idempotency-key", key)];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let view: View = client.post("/v1/actions", &headers, body)?;
    wait(client, view, deadline, args.wait.is_some())
}

/// Looks again until the action has ended or the time is up; people are waited for only when asked to.
fn wait(
    client: &Client,
    mut view: View,
    deadline: Instant,
    for_people: bool,
) -> Result<View, Failure> {
    let mut told = false;
    while view.outcome.is_none() && (for_people || view.status != "waiting") {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        if !told {
            out::progress(&format!("{} is {} …", safe(&view.id), safe(&view.status)));
            told = true;
        }
        std::thread::sleep(PAUSE.min(left));
        let prefer = prefer(left.as_secs());
        view = client.get(&action_path(&view.id, "")?, &[("prefer", &prefer)])?;
    }
    Ok(view)
}

/// RFC 7240 section 4.3.
fn prefer(seconds: u64) -> String {
    format!("wait={}", seconds.min(WAIT_MAX_S))
}

fn tell_next(view: &View) {
    let id = safe(&view.id);
    if view.status == "waiting" {
        out::progress(&format!(
            "it waits for people: deed approve {id} --key FILE --person NAME --role ROLE"
        ));
    } else if view.outcome.is_none() {
        out::note(&format!("it has not ended yet: deed show {id}"));
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
            text += &request
                .body
                .as_ref()
                .map(|body: &Value| pretty(body, "             "))
                .unwrap_or_default();
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
