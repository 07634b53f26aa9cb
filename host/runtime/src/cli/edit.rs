//! `deed edit`: shows how a changed version differs from a waiting action, and proposes it in place of that action.

mod changes;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use deed_record::action::Source;
use deed_record::contract::Contract;
use deed_record::lifecycle::outcome::Outcome;
use deed_record::statement::approval::ApprovalRequest;
use deed_spec::json::{Change, child, covers, diff};
use deed_spec::text::safe;
use serde_json::{Value, json};

use self::changes::ChangeArgs;
use super::approve::fetch;
use super::client::{Client, Connection, action_path, watch};
use super::confirm::confirm;
use super::next::Next;
use super::out::{self, Failure, Format};
use super::page;
use super::quote::quoted;
use super::shown::roles;
use super::text::{line, safe_lines};
use crate::api::view::View;

/// Propose a changed version of an action that waits for approval
///
/// Shows which parameters would differ, and asks for confirmation. The changed version is a new action of the same agent
/// under the same contract, which the host decides about as about any proposal of the agent. When it would wait for
/// people or run, the waiting action ends as `denied`, because it is replaced. You cannot approve the changed version,
/// because you have asked for it; another approver must. You can edit an action that you may answer and have not
/// approved. The exit code is 1 if the host refuses the changed version, or it does not end well; the waiting action then
/// waits on, unless it was answered meanwhile.
///
/// Example: `deed edit ID --set 'user_id="42"' --intent "the ticket names another user" --source ticket:4712`
#[derive(Debug, clap::Args)]
pub(super) struct EditArgs {
    /// The id of the action that waits
    id: String,
    #[command(flatten)]
    changes: ChangeArgs,
    /// What you want to achieve, in a sentence for the approver
    #[arg(long, value_name = "TEXT")]
    intent: String,
    /// A ticket or document that the change relies on; can be repeated
    #[arg(long, value_name = "URI")]
    source: Vec<String>,
    /// Propose without asking for confirmation, for use in scripts; the command still shows what differs
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    format: Format,
}

/// What is printed in place of a private value. No JSON value looks like this.
const PRIVATE: &str = "(private)";

/// How long to wait until the changed version waits for people or has ended.
const WAIT: Duration = Duration::from_secs(30);

pub(super) fn run(args: &EditArgs) -> Result<ExitCode, Failure> {
    if args.changes.are_on_stdin() && !args.yes {
        return Err(Failure::usage("stdin has the parameters and cannot confirm them; add --yes"));
    }
    let changes = args.changes.read()?;
    let client = args.connection.open()?;
    let next = Next::new(&args.connection, args.format);
    let request = fetch(&client, &args.id).map_err(|failure| next.explain(failure, &args.id))?;
    let contract = Contract::from_json(request.contract.clone()).map_err(Failure::failed)?;
    let before = params_of(&request, &contract);
    let params = changes.applied(&before);
    let differing = diff(&before, &params);
    if differing.is_empty() {
        return Err(Failure::Failed(
            "the parameters are those of the waiting action; change one, or answer the request with `deed approve` or \
             `deed deny`"
                .to_owned(),
        ));
    }
    out::note(&shown(args, &request, &contract, &differing));
    if !args.yes {
        confirm("propose it?", "proposed", "--yes")?;
    }
    let view = send(&client, args, &params).map_err(|failure| refused(next, failure, &request))?;
    args.format.print(&view, page::of)?;
    Ok(tell(args, &view))
}

/// The parameters of the waiting action, with the values of private parameters.
fn params_of(request: &ApprovalRequest, contract: &Contract) -> Value {
    let params = request.private.params(contract, &request.action.params);
    // A person who may not answer gets no private values. The host refuses the draft of that person with the reason.
    params.map_or_else(|_| request.action.params.clone(), |values| values.reveal().clone())
}

/// The change as the person confirms it.
fn shown(
    args: &EditArgs,
    request: &ApprovalRequest,
    contract: &Contract,
    differing: &[Change],
) -> String {
    let action = &request.action;
    let (name, resource) = (safe(&action.contract.name), safe(&action.resource));
    let mut text = format!("{:<12} {}, {name} on {resource}\n", "in place of", action.id);
    for change in differing {
        line(&mut text, format_args!("{:<12} {}", "changed", changed(change, contract)));
    }
    for uri in &args.source {
        line(&mut text, format_args!("{:<12} {}", "source", safe(uri)));
    }
    text += "your intent\n";
    text += &safe_lines(&args.intent, "  | ");
    text + "you cannot approve the changed version; another approver must\n"
}

/// A change as text, without the values of a private parameter, or of a parameter that the contract does not have: its
/// name may be a misspelt one. The person has typed the new value, and scripts keep what a command prints;
/// `deed approve` shows the values to those who sign them.
fn changed(change: &Change, contract: &Contract) -> String {
    let is_of = |name: &str| covers(&child("", name), &change.pointer);
    let is_shown =
        contract.params.properties.keys().any(|name| is_of(name)) && !contract.private().any(is_of);
    if is_shown {
        return page::change_text(change);
    }
    let value = |value: &Option<Value>| if value.is_some() { PRIVATE } else { "nothing" };
    format!("{}: {} -> {}", safe(&change.pointer), value(&change.old), value(&change.new))
}

/// Proposes the changed version, and polls until it waits for people or has ended. A host that becomes unreachable while
/// this function polls is not an error, because the host already has the changed version.
fn send(client: &Client, args: &EditArgs, params: &Value) -> Result<View, Failure> {
    let source = |uri: &String| Source { uri: uri.clone(), sha256: None };
    let sources: Vec<Source> = args.source.iter().map(source).collect();
    let draft = json!({"params": params, "intent": args.intent, "sources": sources});
    let body = serde_json::to_vec(&draft).map_err(Failure::failed)?;
    let view: View = client.post(&action_path(&args.id, "/draft")?, &[], &body)?;
    let rests = |view: &View| view.outcome.is_some() || view.status == "waiting";
    let watched = watch(client, view.clone(), Instant::now() + WAIT, rests);
    Ok(watched.unwrap_or_else(|failure| {
        out::note(&format!("the changed version was proposed, and cannot be read: {failure}"));
        view
    }))
}

/// Adds the next command to a refusal: the page of the waiting action, or the parameters of its contract.
fn refused(next: Next<'_>, failure: Failure, request: &ApprovalRequest) -> Failure {
    let action = &request.action;
    if failure.what().contains("/params") {
        let contract = format!("deed contracts {}", quoted(&action.contract.name));
        return next.remedy(failure, 422, &contract);
    }
    next.explain(failure, action.id.as_str())
}

/// Says on stderr who can approve the changed version, or why it ended, and returns the exit code.
fn tell(args: &EditArgs, view: &View) -> ExitCode {
    let next = Next::new(&args.connection, args.format);
    if !matches!(view.outcome, None | Some(Outcome::Verified)) {
        let reason = view.because().map(|reason| format!(": {reason}")).unwrap_or_default();
        let status = safe(&view.status);
        out::note(&format!("error: the changed version ended as `{status}`{}", safe(&reason)));
        next.show(&args.id);
        return ExitCode::FAILURE;
    }
    if !args.format.json && view.status == "waiting" {
        out::note(&who(view));
    }
    next.show(&view.id);
    ExitCode::SUCCESS
}

/// Who can approve the changed version, and who cannot.
fn who(view: &View) -> String {
    let roles: Vec<String> =
        roles(view, "approve").iter().map(|role| format!("`{role}`")).collect();
    let editors = view.edit.as_ref().map(|edit| edit.edited_by.join(", ")).unwrap_or_default();
    let (id, roles) = (safe(&view.id), safe(&roles.join(", ")));
    let (editors, person) = (safe(&editors), safe(&view.person));
    format!(
        "{id} waits for approval in the role {roles}; who edited it ({editors}) and who is responsible for the agent \
         ({person}) cannot approve it"
    )
}
