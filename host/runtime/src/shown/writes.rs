//! The requests that an action would send, as an approver sees them.

use deed_record::action::private::Prepared;
use deed_record::contract::Contract;
use deed_record::contract::template::Rule;
use deed_record::exchange::Rendered;
use deed_record::statement::approval::ApprovalRequest;
use deed_spec::text::safe;

use super::credential::of_request;
use super::text::pretty;
use super::{ShowError, requests};

/// Each write as it would be sent: method, full URL, headers, body, and the origin of each value.
pub(super) fn writes(request: &ApprovalRequest, contract: &Contract) -> Result<String, ShowError> {
    let mut text = "\nwould send\n".to_owned();
    let writes = request.live_writes(contract)?;
    for (rule, write) in contract.perform.http.iter().zip(writes.iter().map(Prepared::live)) {
        text += &sent(request, contract, rule, write, &writes)?;
    }
    Ok(text + &repeated(contract, writes.is_empty()))
}

/// How often the host tries a write.
pub(super) fn repeated(contract: &Contract, is_read: bool) -> String {
    if is_read || contract.limits.attempts <= 1 {
        return String::new();
    }
    let (attempts, effect) = (contract.limits.attempts, contract.action.effect.as_str());
    let what = "  a write that did not take effect is tried up to";
    format!("{what} {attempts} times in total; the effect is {effect}\n")
}

/// The reads of `perform` in an open contract, from whose answers the adapter computes the writes.
pub(super) fn rehearsed(
    request: &ApprovalRequest,
    contract: &Contract,
) -> Result<String, ShowError> {
    let all = request.private.requests(contract, &request.proposal, &request.action.id)?;
    let rules = contract.perform.http.iter().zip(all.perform.iter().map(Prepared::live));
    let mut text = String::new();
    for (rule, read) in rules.filter(|(_, request)| !request.writes) {
        text += &sent(request, contract, rule, read, &all.perform)?;
    }
    if text.is_empty() {
        return Ok(text);
    }
    let title = "\nwould read to compute these writes, in the rehearsal or after a write whose answer it needs\n";
    Ok(title.to_owned() + &text)
}

/// The requests of observations whose content an approver cannot derive from the contract alone: POST requests that only
/// read, which the host sends with the agent's values before and after the writes, and requests with values of answers,
/// which the host sends after the writes.
pub(super) fn reads(request: &ApprovalRequest, contract: &Contract) -> Result<String, ShowError> {
    let is_shown = |rule: &Rule| rule.reads || rule.awaits_answer();
    if !contract.observe.http.iter().any(is_shown) {
        return Ok(String::new());
    }
    let mut text = "\nwould read, by POST or with values of the answers\n".to_owned();
    let all = request.private.requests(contract, &request.proposal, &request.action.id);
    let reads = all?.observe;
    for (rule, read) in contract.observe.http.iter().zip(reads.iter().map(Prepared::live)) {
        if is_shown(rule) {
            text += &sent(request, contract, rule, read, &[])?;
        }
    }
    Ok(text)
}

/// One request: method, full URL, headers, body, notes, and the origin of each value. `perform` are the requests that
/// may contain values of its answer.
fn sent(
    request: &ApprovalRequest,
    contract: &Contract,
    rule: &Rule,
    rendered: &Rendered,
    perform: &[Prepared],
) -> Result<String, ShowError> {
    let times = match rendered.calls {
        1 => String::new(),
        calls => format!(", up to {calls} times"),
    };
    let mut text = head(request, rendered, &safe(&rendered.path), &times);
    text += &rendered.body.as_ref().map(|body| pretty(body, "    ")).unwrap_or_default();
    text += &requests::notes(rendered, perform.iter().map(Prepared::live));
    let origins = requests::origins(contract, rule, &request.action.params, vec![]);
    Ok(text + &origins?)
}

/// The method and the full URL of a request, its precondition, its headers, its credential and the way to the upstream.
/// `path` is escaped, and `times` says how often the request may be sent.
pub(super) fn head(request: &ApprovalRequest, sent: &Rendered, path: &str, times: &str) -> String {
    let binding = request.bindings.get(&sent.upstream);
    let base = binding.map(|binding| binding.base_url.as_str()).unwrap_or_default();
    let (method, upstream) = (safe(&sent.method), safe(&sent.upstream));
    let mut text = format!("  {method} {}{path} ({upstream}{times})\n", safe(base));
    text += &requests::headers(sent, binding.map(|binding| &binding.headers), "    ");
    text += &requests::encoding(sent, "    ");
    text + &of_request(sent, binding, "    ")
}
