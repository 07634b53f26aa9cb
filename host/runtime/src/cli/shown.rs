//! Formats what an approver reads before signing, from an approval request whose digests were recomputed. Text that the
//! agent wrote is marked as unchecked.

use deed_record::action::private::Prepared;
use deed_record::contract::{Contract, may_change};
use deed_record::exchange::{Guard, Rendered};
use deed_record::statement::approval::{Answer, ApprovalRequest, Terms};
use deed_record::timeline::utc;
use deed_spec::digest::Digest;
use deed_spec::text::safe;
use serde_json::Value;

use super::out::Failure;
use super::page::from_agent;
use super::text::{compact, join, line, pretty, safe_lines};

/// Formats everything that a signature over `terms` covers. Fails when the request is not consistent.
pub(super) fn approval(
    request: &ApprovalRequest,
    action: Digest,
    terms: &Terms,
    now_ms: i64,
) -> Result<String, Failure> {
    let contract = Contract::from_json(request.contract.clone()).map_err(Failure::failed)?;
    let mut text = head(request, &contract);
    text += &private(request);
    text += &writes(request, &contract)?;
    text += &state(request, &contract, now_ms);
    text += &bound(request, &contract);
    text += &afterwards(request, &contract);
    text.push('\n');
    text += &from_agent(&request.proposal.intent, request.proposal.reasoning.as_deref());
    for source in &request.proposal.sources {
        line(&mut text, format_args!("  source: {}", safe(&source.uri)));
    }
    text += &digests(action, terms);
    let verb = if terms.decision == Answer::Approve { "APPROVE" } else { "DENY, permanently" };
    line(
        &mut text,
        format_args!(
            "\nyou sign: {verb}, as {} in the role {}",
            safe(&terms.person),
            safe(&terms.role)
        ),
    );
    match &terms.reason {
        Some(reason) => {
            text += "with the reason\n";
            text += &safe_lines(reason, "  | ");
        }
        None => text += "without a reason; --reason TEXT adds one\n",
    }
    Ok(text)
}

/// A request on one line: upstream, method and path.
pub(super) fn request(request: &Rendered) -> String {
    format!("{} {} {}", safe(&request.upstream), safe(&request.method), safe(&request.path))
}

/// The condition under which an upstream carries out a guarded write, as text.
pub(super) fn guard(guard: Guard) -> &'static str {
    match guard {
        Guard::Etag => "only if the entity tag is still the one that the host saw",
        Guard::Absent => "only if nothing exists there",
    }
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
    if let Some(who) = &action.on_behalf_of {
        rows.push(("on behalf of", format!("{} (according to the agent)", safe(who))));
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

/// Each write as it would be sent: method, full URL, body.
fn writes(request: &ApprovalRequest, contract: &Contract) -> Result<String, Failure> {
    let mut text = "\nwould send\n".to_owned();
    let writes = request.live_writes(contract).map_err(Failure::failed)?;
    for write in writes.iter().map(Prepared::live) {
        let base =
            request.bindings.get(&write.upstream).map(|b| b.base_url.as_str()).unwrap_or_default();
        let times =
            if write.calls == 1 { String::new() } else { format!(", up to {} times", write.calls) };
        line(
            &mut text,
            format_args!(
                "  {} {}{} ({}{times})",
                safe(&write.method),
                safe(base),
                safe(&write.path),
                safe(&write.upstream)
            ),
        );
        if let Some(guard) = write.guard {
            line(&mut text, format_args!("    {}", self::guard(guard)));
        }
        for (name, value) in &write.headers {
            line(&mut text, format_args!("    {}: {}", safe(name), safe(value)));
        }
        for (name, value) in request.bindings.get(&write.upstream).iter().flat_map(|b| &b.headers) {
            let what = format_args!("    {}: {} (added by the operator)", safe(name), safe(value));
            line(&mut text, what);
        }
        let says_kind = write.headers.contains_key("content-type");
        if write.body.is_some() && !write.codec.is_plain() && !says_kind {
            line(&mut text, format_args!("    as {}", write.codec.content_type()));
        }
        text += &write.body.as_ref().map(|body| pretty(body, "    ")).unwrap_or_default();
        text += &notes(write);
    }
    if contract.limits.attempts > 1 && !writes.is_empty() {
        let (attempts, effect) = (contract.limits.attempts, contract.action.effect.as_str());
        let what = "  a write that did not take effect is tried up to";
        line(&mut text, format_args!("{what} {attempts} times in total; the effect is {effect}"));
    }
    Ok(text)
}

/// Formats notes on a request: which texts are sent as numbers, which values come from the state, which element of a
/// list counts, and how other requests refer to the answer.
pub(super) fn notes(request: &Rendered) -> String {
    let mut text = String::new();
    for (place, source) in &request.pre {
        line(
            &mut text,
            format_args!("    {}: the value of {} before the action", safe(place), safe(source)),
        );
    }
    for pointer in &request.numbers {
        line(&mut text, format_args!("    sent as a number: {}", safe(pointer)));
    }
    for (pointer, value) in &request.selected {
        let what = format_args!("    only the element with {} = {}", safe(pointer), compact(value));
        line(&mut text, what);
    }
    if let Some(name) = &request.name {
        line(
            &mut text,
            format_args!("    observations afterwards may use its answer as `{}`", safe(name)),
        );
    }
    if let Some(form) = &request.location {
        line(
            &mut text,
            format_args!("    and the path of its `Location`, in the form {}", safe(form)),
        );
    }
    text
}

/// The values that the action may change, as the host last read them. The values may have changed since then.
fn state(request: &ApprovalRequest, contract: &Contract, now_ms: i64) -> String {
    let looked =
        request.looked_ms.map_or_else(|| "an earlier time".to_owned(), |at_ms| when(at_ms, now_ms));
    let mut text = format!("\nmay change; the host read these values at {looked}\n");
    let pre = contract.comparable(&request.pre);
    for pointer in &may_change::allowed(contract, &request.action.params) {
        line(&mut text, format_args!("  {}: {}", safe(pointer), value(&pre, pointer)));
    }
    for name in &request.derived {
        line(
            &mut text,
            format_args!("  {}: computed by the adapter, not read by the host", safe(name)),
        );
    }
    text
}

/// The values that the approval depends on, if the contract names them.
fn bound(request: &ApprovalRequest, contract: &Contract) -> String {
    let Some(pointers) = contract.depends_on() else { return String::new() };
    let mut text = "\nthe approval depends on which states exist and on these values; it remains valid if other \
                    values of the state change\n"
        .to_owned();
    for pointer in pointers {
        line(&mut text, format_args!("  {}: {}", safe(pointer), value(&request.pre, pointer)));
    }
    text
}

/// The value at a pointer into the state, as text.
fn value(state: &Value, pointer: &str) -> String {
    match state.pointer(pointer) {
        // A whole state that is null does not exist, but null inside a state is an ordinary value.
        Some(Value::Null) if is_state(pointer) => "does not exist".to_owned(),
        Some(value) => compact(value),
        None => "nothing".to_owned(),
    }
}

/// Whether a pointer leads to a whole state, such as `/user`.
pub(super) fn is_state(pointer: &str) -> bool {
    pointer.matches('/').count() == 1
}

/// Formats a time of the host's clock and how long ago it was. The age is left out if this machine's clock is behind
/// that time.
fn when(at_ms: i64, now_ms: i64) -> String {
    let at = utc(at_ms);
    let seconds = now_ms.saturating_sub(at_ms) / 1000;
    let age = match seconds {
        ..0 => return at,
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    };
    format!("{at} ({age} ago by this machine's clock)")
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
    for (title, digest) in fixed {
        line(&mut text, format_args!("  {title:<11} {digest}"));
    }
    for (upstream, digest) in &terms.binding {
        line(&mut text, format_args!("  {:<11} {digest}", safe(upstream)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_has_its_time_and_its_age() {
        for (at_ms, age) in [
            (0, Some("0 s ago")),
            (-119_999, Some("119 s ago")),
            (-7_199_000, Some("119 min ago")),
            (-172_799_000, Some("47 h ago")),
            (-172_800_000, Some("2 days ago")),
            (5_000, None),
        ] {
            let said = when(at_ms, 0);
            assert!(said.starts_with(&utc(at_ms)), "{said}");
            assert_eq!(age.is_some_and(|age| said.contains(age)), age.is_some(), "{said}");
            assert_eq!(said.contains("ago"), age.is_some(), "{said}");
        }
    }
}
