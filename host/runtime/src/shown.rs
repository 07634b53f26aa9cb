//! Formats what people are shown as text, for a terminal and for the host's page. This file formats what an approver
//! reads before signing, from an approval request whose digests were recomputed; `page` formats the view of an action.
//! All text is escaped, and text that the agent wrote is marked as unchecked.

mod agents_plan;
mod bodies;
mod credential;
mod obligations;
pub(crate) mod page;
mod plan;
pub(crate) mod quote;
mod requests;
mod secrets;
pub(crate) mod signed_text;
mod state;
pub(crate) mod text;
mod writes;

use deed_record::action::private::OpeningError;
use deed_record::contract::template::RenderError;
use deed_record::contract::{Contract, ContractError};
use deed_record::policy::CONFIRM;
use deed_record::statement::approval::{Answer, ApprovalRequest, Terms};
use deed_record::timeline::utc;
use deed_spec::digest::Digest;
use deed_spec::text::safe;

pub(crate) use self::bodies::{Marked, body};
pub(crate) use self::obligations::roles;
use self::page::{Author, written_by};
pub(crate) use self::plan::record::count as planned_count;
pub(crate) use self::requests::{headers, listed, notes, origin, request};
use self::text::{compact, join, line, safe_lines};

/// Why an approval request cannot be shown: its parts do not belong together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShowError {
    #[error(transparent)]
    Contract(#[from] ContractError),
    #[error(transparent)]
    Opening(#[from] OpeningError),
    #[error(transparent)]
    Render(#[from] RenderError),
}

/// Formats everything that a signature over `terms` covers. Fails when the request is not consistent.
pub(crate) fn approval(
    request: &ApprovalRequest,
    action: Digest,
    terms: &Terms,
    now_ms: i64,
) -> Result<String, ShowError> {
    Ok(question(request, action, terms, Some(now_ms))? + &signed(terms))
}

/// Formats what an approver is asked, without the answer. `now_ms` is the time of the reader's own machine, if it is
/// known. Fails when the request is not consistent.
pub(crate) fn question(
    request: &ApprovalRequest,
    action: Digest,
    terms: &Terms,
    now_ms: Option<i64>,
) -> Result<String, ShowError> {
    let contract = Contract::from_json(request.contract.clone())?;
    let mut text = head(request, &contract);
    text += &private(request);
    text += &match &request.plan {
        Some(plan) => plan::writes(request, &contract, plan)?,
        None => writes::writes(request, &contract)?,
    };
    text += &writes::reads(request, &contract)?;
    text += &state::state(request, &contract, now_ms);
    text += &state::bound(request, &contract);
    text += &afterwards(request, &contract);
    text.push('\n');
    let author = Author::of(request.action.edit.is_some());
    text += &written_by(author, &request.proposal.intent, request.proposal.reasoning.as_deref());
    for source in &request.proposal.sources {
        line(&mut text, format_args!("  source: {}", safe(&source.uri)));
    }
    Ok(text + &digests(action, terms))
}

/// The answer that the approver signs.
fn signed(terms: &Terms) -> String {
    let mut text = String::new();
    let confirms = terms.role == CONFIRM;
    let verb = match terms.decision {
        Answer::Approve if confirms => "CONFIRM",
        Answer::Approve => "APPROVE",
        Answer::Deny => "DENY, permanently",
    };
    let who = if confirms {
        "who is responsible for the agent".to_owned()
    } else {
        format!("in the role {}", safe(&terms.role))
    };
    let comma = if confirms { "," } else { "" };
    line(&mut text, format_args!("\nyou sign: {verb}, as {}{comma} {who}", safe(&terms.person)));
    match &terms.reason {
        Some(reason) => {
            text += "with the reason\n";
            text += &safe_lines(reason, "  | ");
        }
        None => text += "without a reason; --reason TEXT adds one\n",
    }
    text
}

fn head(request: &ApprovalRequest, contract: &Contract) -> String {
    let (action, head) = (&request.action, &contract.action);
    let mut rows = vec![
        ("id", action.id.to_string()),
        ("action", format!("{} {}", safe(&head.name), safe(&head.version))),
        ("environment", safe(&action.environment)),
        ("resource", safe(&action.resource)),
        (
            "asked by",
            format!(
                "agent {}, for whom {} is responsible",
                safe(&action.principal),
                safe(&action.person)
            ),
        ),
    ];
    if let Some(edit) = &action.edit {
        let who: Vec<&str> = edit.edited_by.iter().map(String::as_str).collect();
        let who = safe(&who.join(", "));
        rows.push((
            "edited by",
            format!("{who}, in place of {}; the intent is theirs", edit.replaces),
        ));
    }
    if let Some(who) = &action.on_behalf_of {
        rows.push(("on behalf of", format!("{} (according to the agent or its token)", safe(who))));
    }
    rows.push(("waits for", safe(&request.not_yet.join(", "))));
    rows.extend(request.stale.iter().map(|why| ("asked again", safe(why))));
    rows.push(("expires", utc(request.ask.expires_ms)));
    let rows = join(rows.into_iter().map(|(title, text)| format!("{title:<12} {text}")));
    format!("{}\n{rows}", safe(&head.title))
}

/// The private parameters by name. Only approvers see the values of private parameters; the signed data contains
/// digests instead.
fn private(request: &ApprovalRequest) -> String {
    if request.private.is_empty() {
        return String::new();
    }
    let mut text =
        "\nprivate, shown only to approvers; the record has a digest in place of each value\n"
            .to_owned();
    for (name, opening) in request.private.iter() {
        line(&mut text, format_args!("  {}: \"{}\"", safe(name), safe(&opening.value)));
    }
    text
}

fn afterwards(request: &ApprovalRequest, contract: &Contract) -> String {
    let mut text = "\nmust hold afterwards\n".to_owned();
    for expression in &contract.verify.after {
        line(&mut text, format_args!("  {}", safe(&expression.to_string())));
    }
    if let Some(pending) = &contract.verify.pending {
        let what = format_args!("  the outcome stays open while {}", safe(&pending.to_string()));
        line(&mut text, what);
    }
    for (pointer, value) in &request.proposal.expect {
        line(
            &mut text,
            format_args!("  {} == {} (the agent expects)", safe(pointer), compact(value)),
        );
    }
    text
}

fn digests(action: Digest, terms: &Terms) -> String {
    let mut text =
        "\ndigests, recomputed here from what is shown, except adapter and policy set\n".to_owned();
    let fixed = [
        ("action", action),
        ("contract", terms.contract),
        ("pre-state", terms.pre_state),
        ("adapter", terms.adapter),
        ("policy set", terms.policy_set),
    ];
    let plan = terms.plan.map(|digest| ("plan", digest));
    for (title, digest) in fixed.into_iter().chain(plan) {
        line(&mut text, format_args!("  {title:<11} {digest}"));
    }
    for (upstream, digest) in &terms.binding {
        line(&mut text, format_args!("  {:<11} {digest}", safe(upstream)));
    }
    text
}
