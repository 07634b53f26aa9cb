//! `deed approve` and `deed deny`: shows exactly what would happen, asks, signs exactly that.
//!
//! Never signs a digest that it did not recompute from what it shows.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use deed_record::approval::{self, Answer, ApprovalRequest};

use super::client::{Client, Connection, action_path};
use super::out::{self, Failure, Format};
use super::{page, shown};
use crate::http::View;
use crate::keys;

/// Approve an action: see what would happen, and sign exactly that
#[derive(Debug, clap::Args)]
pub(super) struct ApproveArgs {
    #[command(flatten)]
    answer: AnswerArgs,
}

/// Deny an action, for good: a signed no
#[derive(Debug, clap::Args)]
pub(super) struct DenyArgs {
    #[command(flatten)]
    answer: AnswerArgs,
}

#[derive(Debug, clap::Args)]
struct AnswerArgs {
    /// The action's id
    id: String,
    /// Your private key, as `deed key new` made it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Your name in the host's configuration
    #[arg(long, value_name = "NAME")]
    person: String,
    /// The role in which you answer
    #[arg(long, value_name = "ROLE")]
    role: String,
    /// Why; signed along with the answer
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Sign without asking, for scripts; what is signed is still shown
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

fn answer(args: &AnswerArgs, decision: Answer) -> Result<ExitCode, Failure> {
    let key = keys::read(&args.key).map_err(Failure::failed)?;
    let client = args.connection.open()?;
    let request = fetch(&client, &args.id)?;
    let mut terms = request.terms(decision, &args.person, &args.role).map_err(Failure::failed)?;
    terms.reason.clone_from(&args.reason);
    let action = request.action.digest().map_err(Failure::failed)?;
    out::note(&shown::approval(&request, action, &terms)?);
    if !args.yes && !confirmed()? {
        return Err(Failure::Failed("nothing was signed".to_owned()));
    }
    let envelope = approval::sign(action, &terms, &key).map_err(Failure::failed)?;
    let body = serde_json::to_vec(&envelope).map_err(Failure::failed)?;
    let view: View = client.post(&action_path(&args.id, "/approvals")?, &[], &body)?;
    args.format.print(&view, page::of)?;
    Ok(ExitCode::SUCCESS)
}

/// A host that shows another action than the one that was asked for is not to be signed for.
fn fetch(client: &Client, id: &str) -> Result<ApprovalRequest, Failure> {
    let request: ApprovalRequest = client.get(&action_path(id, "/approval_request")?, &[])?;
    if request.action.id.as_str() == id {
        Ok(request)
    } else {
        Err(Failure::Failed(format!(
            "asked for {id}, and the host shows {}; do not sign, and report it",
            request.action.id
        )))
    }
}

/// Asks whoever is at the terminal.
pub(super) fn confirmed() -> Result<bool, Failure> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::Failed(
            "nobody is there to ask, so nothing was signed; scripts say --yes".to_owned(),
        ));
    }
    let mut err = io::stderr().lock();
    write!(err, "sign? [y/N] ").and_then(|()| err.flush()).map_err(Failure::failed)?;
    let mut line = String::new();
    stdin.lock().read_line(&mut line).map_err(Failure::failed)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}
