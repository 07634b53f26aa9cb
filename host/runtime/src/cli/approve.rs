//! `deed approve` and `deed deny`: show what would happen, ask for confirmation, sign exactly what was shown, and
//! report whether the answer counts.
//!
//! The signed digests are recomputed from the data that is shown, except those of the adapter and the policy set.

mod fate;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use deed_record::statement::approval::{self, Answer, ApprovalRequest, Terms};
use deed_spec::text::safe;
use deed_system::clock::Clock;

use self::fate::Fate;
use super::client::{Client, Connection, action_path, watch};
use super::confirm::confirm;
use super::next::Next;
use super::out::{self, Failure, Format};
use super::{page, shown};
use crate::api::view::View;
use crate::config::keys;

/// Approve an action: show what it would do, and sign exactly what is shown
///
/// Before the action runs, the host reads the state again and repeats its checks. The approval does not count if the
/// state has changed, policy denies the action, or the approval has expired. If the action waits for `confirm`, the
/// person who is responsible for the agent confirms it with `--role confirm`. The exit code is 1 if the approval does
/// not count, and stderr shows the reason and the next command. The exit code is 3 if the host does not know within 30
/// seconds whether the approval counts, because another action holds the resource. The exit code is 0 if the approval
/// counts, whatever the outcome of the action; `deed show` shows the outcome.
#[derive(Debug, clap::Args)]
pub(super) struct ApproveArgs {
    #[command(flatten)]
    answer: AnswerArgs,
}

/// Deny an action permanently, with a signature
#[derive(Debug, clap::Args)]
pub(super) struct DenyArgs {
    #[command(flatten)]
    answer: AnswerArgs,
}

#[derive(Debug, clap::Args)]
struct AnswerArgs {
    /// The action's id
    id: String,
    /// The file of your private key, as created by `deed key new`
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Your name in the host's configuration
    #[arg(long, value_name = "NAME")]
    person: String,
    /// The role in which you approve or deny, or `confirm` if you are responsible for the agent
    #[arg(long, value_name = "ROLE")]
    role: String,
    /// The reason for your answer; it is part of what you sign
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Sign without asking for confirmation, for use in scripts; the command still shows what it signs
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    format: Format,
}

pub(super) fn approve(args: &ApproveArgs) -> Result<ExitCode, Failure> {
    answer(&args.answer, Answer::Approve)
}

pub(super) fn deny(args: &DenyArgs) -> Result<ExitCode, Failure> {
    answer(&args.answer, Answer::Deny)
}

/// The exit code if the answer was submitted, but the host does not know yet whether the answer counts.
const NOT_YET: u8 = 3;

/// How long to wait until the host knows whether an answer counts. The host reads the state again, and the action may
/// have to wait for its resource.
const WAIT: Duration = Duration::from_secs(30);

fn answer(args: &AnswerArgs, decision: Answer) -> Result<ExitCode, Failure> {
    let key = keys::read(&args.key).map_err(Failure::failed)?;
    let client = args.connection.open()?;
    let next = Next::new(&args.connection, args.format);
    let request = fetch(&client, &args.id).map_err(|failure| next.explain(failure, &args.id))?;
    let mut terms = request.terms(decision, &args.person, &args.role).map_err(Failure::failed)?;
    terms.reason.clone_from(&args.reason);
    let action = request.action.digest().map_err(Failure::failed)?;
    let shown = shown::approval(&request, action, &terms, Clock::default().now_ms());
    out::note(&shown.map_err(Failure::failed)?);
    if !args.yes {
        confirm("sign?", "signed", "--yes")?;
    }
    let envelope = approval::sign(action, &terms, &key).map_err(Failure::failed)?;
    let body = serde_json::to_vec(&envelope).map_err(Failure::failed)?;
    let view = send(&client, &args.id, &body, &terms);
    let view = view.map_err(|failure| next.explain(failure, &args.id))?;
    args.format.print(&view, page::of)?;
    Ok(tell(args, &view, &terms))
}

/// Submits the approver's answer, and polls until the host knows whether the answer counts or the time is up. A host
/// that becomes unreachable while this function polls is not an error, because the host already has the answer. Fails
/// when the host refuses the answer.
fn send(client: &Client, id: &str, body: &[u8], terms: &Terms) -> Result<View, Failure> {
    let deadline = Instant::now() + WAIT;
    let view: View = client.post(&action_path(id, "/approvals")?, &[], body)?;
    let watched = watch(client, view.clone(), deadline, |view| is_settled(view, terms));
    Ok(watched.unwrap_or_else(|failure| {
        out::note(&format!(
            "the answer was submitted; its result cannot be read from the host: {failure}"
        ));
        view
    }))
}

/// Whether the host has decided if the answer counts. If the answer does not count, returns true only after the action
/// has ended or has new obligations.
fn is_settled(view: &View, terms: &Terms) -> bool {
    match Fate::of(view, terms) {
        Fate::Open => false,
        Fate::Counts => true,
        Fate::Void(_) => view.outcome.is_some() || !view.obligations.is_empty(),
    }
}

/// Reports on stderr whether the answer counts, and returns the exit code. Only an answer that counts is a success.
fn tell(args: &AnswerArgs, view: &View, terms: &Terms) -> ExitCode {
    let next = Next::new(&args.connection, args.format);
    let word = if terms.decision == Answer::Approve { "approval" } else { "denial" };
    match Fate::of(view, terms) {
        Fate::Counts => next.answered(view),
        Fate::Open => {
            out::note(&format!("the {word} was submitted; it is not known yet whether it counts"));
            next.show(&view.id);
            return ExitCode::from(NOT_YET);
        }
        Fate::Void(why) => {
            out::note(&format!("error: the {word} does not count: {}", safe(&why)));
            if view.outcome.is_some() {
                next.show(&view.id);
            } else {
                next.approve_again(view, &args.key.to_string_lossy(), &args.person);
            }
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Fetches the approval request. Fails when the host returns the request of a different action, which must not be
/// signed.
pub(super) fn fetch(client: &Client, id: &str) -> Result<ApprovalRequest, Failure> {
    let request: ApprovalRequest = client.get(&action_path(id, "/approval_request")?, &[])?;
    if request.action.id.as_str() == id {
        Ok(request)
    } else {
        Err(Failure::Failed(format!(
            "requested {id}, but the host shows {}; do not sign, and report it",
            request.action.id
        )))
    }
}
