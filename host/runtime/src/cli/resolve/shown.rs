//! Formats what an operator reads before signing, from a resolution request whose digests were recomputed.
//!
//! Data that the host sends in addition to the signed receipt, such as the last observation, is not presented as
//! signed.

use deed_record::exchange::{ExchangeSummary, Rendered};
use deed_record::statement::receipt::Receipt;
use deed_record::statement::resolution::{ResolutionVerdict, Resolved};
use deed_record::statement::resolution_request::ResolutionRequest;
use deed_record::timeline::{fate, utc};
use deed_spec::digest::Digest;
use deed_spec::json;
use deed_spec::text::safe;

use super::super::page::{Author, change_text, written_by};
use super::super::text::{line, pretty, safe_lines};

/// Formats the action, its writes, the last observation, and the resolution that the operator signs.
pub(super) fn open(
    request: &ResolutionRequest,
    receipt: &Receipt,
    action: Digest,
    resolved: &Resolved,
) -> String {
    let mut text = head(request, receipt);
    text += &sent(request, receipt);
    text += &seen(request);
    text.push('\n');
    let author = Author::of(request.action.edit.is_some());
    text += &written_by(author, &receipt.intent, receipt.reasoning.as_deref());
    text += "\ndigests, recomputed here from what is shown\n";
    line(&mut text, format_args!("  {:<11} {action}", "action"));
    line(&mut text, format_args!("  {:<11} {}", "receipt", resolved.receipt_sha256));
    text += &word(resolved);
    text
}

fn head(request: &ResolutionRequest, receipt: &Receipt) -> String {
    let action = &request.action;
    let mut text = String::new();
    let contract = format!("{} {}", safe(&action.contract.name), safe(&action.contract.version));
    let asked = format!("agent {}, for whom {}", safe(&action.principal), safe(&action.person));
    let rows = [
        ("id", action.id.to_string()),
        ("action", contract),
        ("environment", safe(&action.environment)),
        ("resource", safe(&action.resource)),
        ("asked by", format!("{asked} is responsible")),
        ("receipt", format!("indeterminate, {}", utc(receipt.judged_ms))),
        ("because", safe(&receipt.reason)),
    ];
    let looks = request.escalated.as_ref().map(|why| ("looks", safe(why)));
    for (title, row) in rows.into_iter().chain(looks) {
        line(&mut text, format_args!("{title:<12} {row}"));
    }
    text
}

/// Every write that the receipt records, with the request body that matches the recorded digest.
fn sent(request: &ResolutionRequest, receipt: &Receipt) -> String {
    let mut text = "\nwas sent, and may have taken effect\n".to_owned();
    let exchanges = receipt.attempts.iter().flat_map(|attempt| &attempt.exchanges);
    for one in exchanges.filter(|one| !one.is_without_effect()) {
        let (upstream, method, path) = (safe(&one.upstream), safe(&one.method), safe(&one.path));
        let (fate, at) = (fate(one.fate), utc(one.started_ms));
        line(&mut text, format_args!("  {at}  {upstream} {method} {path}: {fate}"));
        text += &body(request, one);
    }
    text
}

fn body(request: &ResolutionRequest, sent: &ExchangeSummary) -> String {
    let Some(digest) = &sent.request_sha256 else { return String::new() };
    let is_it = |rule: &&Rendered| {
        let bytes = rule.body.as_ref().and_then(|body| json::canonical(body).ok());
        bytes.is_some_and(|bytes| Digest::of(&bytes) == *digest)
    };
    match request.perform.iter().find(is_it).and_then(|rule| rule.body.as_ref()) {
        Some(body) => pretty(body, "    "),
        None => format!("    a body with the digest {digest}\n"),
    }
}

fn seen(request: &ResolutionRequest) -> String {
    let Some(look) = &request.look else { return "\nthere is no later observation\n".to_owned() };
    let mut text =
        format!("\nthe host read the state at {}: {}\n", utc(look.at_ms), safe(&look.reason));
    for change in &look.changes {
        line(&mut text, format_args!("  changed {}", change_text(change)));
    }
    text += &pretty(&look.state, "  ");
    text
}

fn word(resolved: &Resolved) -> String {
    let said = &resolved.resolution;
    let verdict = match said.verdict {
        ResolutionVerdict::Applied => "it WAS APPLIED",
        ResolutionVerdict::NotApplied => "it was NOT APPLIED",
        ResolutionVerdict::Retry => "it was NOT APPLIED and is to be PROPOSED AGAIN",
    };
    let (person, role) = (safe(&said.person), safe(&said.role));
    let mut text = format!("\nyou sign: {verdict}, as {person} in the role {role}, because\n");
    text += &safe_lines(&said.reason, "  | ");
    text
}
