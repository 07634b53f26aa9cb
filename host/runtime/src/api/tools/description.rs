//! The description of a tool: what the action does, what may change, when it is refused, and who decides.

use deed_record::contract::expression::Expression;
use deed_record::contract::{Contract, Effect, Verb};

use super::input::needs_key;

/// The longest description in characters. OpenAI's "Function calling" allows 1,024 characters.
const LENGTH_MAX: usize = 1024;
/// How many preconditions and places are named; the contract has all of them.
const LISTED_MAX: usize = 4;
const PEOPLE: &str = "Policy decides, and people may have to approve: the result then has the status `waiting`. No \
                      tool can approve.";

/// The description in sentences. The longest sentences are the last, because a long description is cut.
pub(super) fn of(contract: &Contract) -> String {
    let title = contract.action.title.trim().trim_end_matches('.');
    let always = [Some(format!("{title}.")), Some(kind(contract)), sources(contract)];
    let write = [
        Some(repeated(contract).to_owned()),
        Some(PEOPLE.to_owned()),
        may_change(contract),
        before(contract),
    ];
    let write = write.into_iter().filter(|_| !contract.is_read());
    let parts: Vec<String> = always.into_iter().chain(write).flatten().collect();
    shortened(&parts.join(" "))
}

/// Verb, resource, contract and mode.
fn kind(contract: &Contract) -> String {
    let head = &contract.action;
    let does = match head.verb {
        Verb::Read => "Only reads",
        Verb::Create => "Creates for",
        Verb::Update => "Updates",
        Verb::Delete => "Deletes",
        Verb::Call => "Calls an operation of",
    };
    let (resource, name, version) = (&head.resource, &head.name, &head.version);
    format!("{does} `{resource}` (contract `{name}` {version}, mode {}).", head.mode.as_str())
}

fn may_change(contract: &Contract) -> Option<String> {
    let places = listed(contract.verify.may_change.iter().map(String::as_str))?;
    Some(format!("May change only {places} of the observed state."))
}

fn before(contract: &Contract) -> Option<String> {
    let conditions = listed(contract.verify.before.iter().map(Expression::source))?;
    Some(format!(
        "Denied unless these conditions hold before the action (`pre` is the observed state): {conditions}."
    ))
}

fn sources(contract: &Contract) -> Option<String> {
    let wanted = contract.evidence.sources;
    (wanted > 0).then(|| format!("`sources` must name at least {wanted}, such as the ticket."))
}

/// What a second call would do. Over MCP, a call without a key joins the action of an equal call until the end of the
/// action has been reported; over HTTP, it does not. The sentence holds for both.
fn repeated(contract: &Contract) -> &'static str {
    match contract.action.effect {
        Effect::Idempotent => "A second call has no further effect.",
        _ if needs_key(contract) => {
            "A call with the same `idempotency_key` is the same action; with another one, it is a second action."
        }
        Effect::Keyed | Effect::Observable | Effect::Opaque => {
            "An equal call can be a second action, and is one once the end of the first has been reported, unless \
             both have the same `idempotency_key`."
        }
    }
}

/// The first texts in backticks, and how many more there are; `None` if there are no texts.
fn listed<'t>(texts: impl Iterator<Item = &'t str>) -> Option<String> {
    let all: Vec<&str> = texts.collect();
    let first: Vec<String> = all.iter().take(LISTED_MAX).map(|text| format!("`{text}`")).collect();
    let more = all.len().saturating_sub(LISTED_MAX);
    match (first.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(first.join(", ")),
        (false, more) => Some(format!("{} and {more} more", first.join(", "))),
    }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= LENGTH_MAX {
        return text.to_owned();
    }
    text.chars().take(LENGTH_MAX - 1).chain(['…']).collect()
}
