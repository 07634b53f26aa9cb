//! What must be proved, in addition to the conditions of the contract, when a state appears or disappears.

use serde_json::Value;

use super::{Outcome, Seen};
use crate::contract::StateShape;
use crate::contract::template::Rule;
use crate::exchange::Exchange;

/// Whether the absence of a state is accepted without a `control` request: the state existed before, and a write to its
/// upstream was answered with success.
pub(super) fn is_gone(
    seen: &Seen<'_>,
    name: &str,
    shape: &StateShape,
    writes: &[&Exchange],
) -> bool {
    let existed = seen.pre.state.get(name).is_some_and(|pre| !pre.is_null());
    existed && to_its_upstream(seen, shape, writes).any(Exchange::is_done)
}

/// Why the absence of a state is not believed: its list was read in several pages, and no write to its upstream was
/// answered with success. An element that moves to an earlier page while the pages are read is on none of them.
pub(super) fn overlooked(seen: &Seen<'_>, writes: &[&Exchange]) -> Option<String> {
    let is_null = |value: Option<&Value>| value.is_some_and(Value::is_null);
    let (name, _) = seen.contract.state.iter().find(|(name, shape)| {
        let (pre, post) = (seen.pre.state.get(*name), seen.post.state.get(*name));
        let was_found = shape.requests().len() > 1 && is_null(post) && !is_null(pre);
        was_found && !is_gone(seen, name, shape, writes)
    })?;
    Some(format!(
        "state `{name}` was found on a page before and is on none now, but no write to its upstream was answered with \
         success; it may have moved to another page while the pages were read"
    ))
}

/// The outcome and its reason if a state appeared and nothing proves that this action created it; `None` otherwise.
pub(super) fn foreign(seen: &Seen<'_>, writes: &[&Exchange]) -> Option<(Outcome, String)> {
    let is_null = |value: Option<&Value>| value.is_some_and(Value::is_null);
    let appeared = seen.contract.state.iter().find(|(name, shape)| {
        let (pre, post) = (seen.pre.state.get(*name), seen.post.state.get(*name));
        is_null(pre)
            && post.is_some_and(|post| !post.is_null() && !is_ours(seen, shape, post, writes))
    });
    let (name, _) = appeared?;
    let outcome = if writes.iter().any(|write| write.is_open()) {
        Outcome::Indeterminate
    } else {
        Outcome::Mismatch
    };
    let why = format!(
        "`{name}` exists now, and nothing proves that this action created it: no write was answered with a status in \
         `created`, and the state does not contain the id of the action"
    );
    Some((outcome, why))
}

/// Whether this action created the state: a write to the state's upstream was answered with a status in `created`, or
/// the state contains the id of this action.
fn is_ours(seen: &Seen<'_>, shape: &StateShape, post: &Value, writes: &[&Exchange]) -> bool {
    let rule = seen.contract.source_of(shape);
    // A state that is read by the answer of a write was created by that write, or by none.
    let names: Vec<&str> = rule.into_iter().flat_map(Rule::answers).filter_map(name_of).collect();
    let is_its = |write: &&Exchange| {
        names.is_empty() || write.request.name.as_deref().is_some_and(|name| names.contains(&name))
    };
    to_its_upstream(seen, shape, writes).filter(is_its).any(Exchange::is_created)
        || contains(post, seen.action.as_str())
        || rule.is_some_and(|rule| shape.only.is_some() && selects_by_action(rule))
}

/// Whether only an element that contains the id of the action can be the state.
fn selects_by_action(rule: &Rule) -> bool {
    rule.selected.values().any(|value| value == "{action.id}")
}

/// The name of the write in `NAME.MEMBER`.
fn name_of(path: &str) -> Option<&str> {
    path.split('.').next()
}

fn to_its_upstream<'a>(
    seen: &'a Seen<'_>,
    shape: &'a StateShape,
    writes: &'a [&Exchange],
) -> impl Iterator<Item = &'a Exchange> {
    let upstream = seen.contract.source_of(shape).map(|rule| rule.upstream.as_str());
    writes.iter().copied().filter(move |write| Some(write.request.upstream.as_str()) == upstream)
}

fn contains(value: &Value, id: &str) -> bool {
    match value {
        Value::String(text) => text == id,
        Value::Array(items) => items.iter().any(|item| contains(item, id)),
        Value::Object(members) => members.values().any(|item| contains(item, id)),
        _ => false,
    }
}
