//! Plans as text: the planned writes, which of their parts the adapter computed, and how they change what is there.

mod changes;
pub(super) mod record;

use deed_record::action::private::Prepared;
use deed_record::contract::Contract;
use deed_record::exchange::Rendered;
use deed_record::plan::Plan;
use deed_record::plan::current::Current;
use deed_record::statement::approval::ApprovalRequest;
use deed_spec::text::safe;

use super::bodies::body;
use super::text::{join, line};
use super::writes::{head, rehearsed, repeated};
use super::{ShowError, requests};

/// The beginning of a placeholder for a value of an answer in a path.
const ANSWER: &str = "{answer.";

/// The writes of a plan as they would be sent, each with the origin of its values and how it changes what is there.
pub(super) fn writes(
    request: &ApprovalRequest,
    contract: &Contract,
    plan: &Plan,
) -> Result<String, ShowError> {
    let title = "would send; the writes were planned in a rehearsal, and exactly these will be sent, in this order";
    let mut text = format!("\n{title}\n");
    if plan.writes.is_empty() {
        text += "  no write: the adapter found nothing to change\n";
    }
    let live = request.live_writes(contract)?;
    for ((n, planned), write) in (1_u32..).zip(&plan.writes).zip(&live) {
        let write = write.live();
        line(&mut text, format_args!("  write {n} of {}", plan.writes.len()));
        text += &head(request, write, &path(&write.path), "");
        text += &body(write, "    ");
        text += &optional(write);
        text += &requests::notes(write, live.iter().map(Prepared::live));
        let at = usize::try_from(planned.rule).unwrap_or(usize::MAX);
        if let Some(rule) = contract.perform.http.get(at) {
            text += &requests::origins(contract, rule, &request.action.params, computed(write))?;
        }
        text += &compared(n, write, &request.current);
    }
    text += &repeated(contract, plan.writes.is_empty());
    Ok(text + &rehearsed(request, contract)?)
}

/// A path in which values of answers are shown as `<answer.NAME.MEMBER>`. A rendered path has no other `<`.
pub(super) fn path(path: &str) -> String {
    let mut parts = path.split(ANSWER);
    let mut text = safe(parts.next().unwrap_or_default());
    for part in parts {
        let (name, rest) = part.split_once('}').unwrap_or((part, ""));
        text.push_str("<answer.");
        text.push_str(&safe(name));
        text.push('>');
        text.push_str(&safe(rest));
    }
    text
}

/// A note on a write that may be left out.
pub(super) fn optional(request: &Rendered) -> String {
    if request.optional {
        "    optional: the adapter may end without this write\n".to_owned()
    } else {
        String::new()
    }
}

/// Which parts of a write the adapter computed.
fn computed(request: &Rendered) -> Vec<String> {
    let part = |(pointer, name): (&String, &String)| {
        let place = if pointer.is_empty() {
            "the whole body".to_owned()
        } else {
            format!("body {}", safe(pointer))
        };
        format!("{place}: computed by the adapter, as `{}`", safe(name))
    };
    request.any.iter().map(part).collect()
}

/// How a planned write changes what the host read at its path; empty if the host read nothing there.
fn compared(n: u32, request: &Rendered, current: &[Current]) -> String {
    let found = current.iter().find(|one| one.write == n);
    let (Some(found), Some(body)) = (found, &request.body) else { return String::new() };
    let title = "    changes to what the host read there in the rehearsal\n";
    title.to_owned() + &join(changes::of(found, request, body).iter().map(|one| indented(one)))
}

fn indented(text: &str) -> String {
    format!("      {text}")
}

#[cfg(test)]
mod tests;
