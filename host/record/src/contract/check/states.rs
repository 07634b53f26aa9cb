//! Checks what a contract declares about the source of each state, and about what the answers to requests mean for the
//! states.

use super::super::Contract;
use super::super::StateShape;
use super::super::fault::Fault;
use super::{pages, selection};
use crate::contract::template::Rule;
use crate::exchange::codec::Incoming;

/// The name of the adapter that ships with the host and sends the requests that the contract declares.
pub(super) const DECLARED: &str = "declared";

pub(super) fn check(contract: &Contract) -> Result<(), Fault> {
    contract.observe.http.iter().try_for_each(|rule| search(contract, rule))?;
    for (name, shape) in contract.state.iter() {
        state(contract, &format!("[state.{name}]"), shape)?;
    }
    for rule in &contract.observe.http {
        look(contract, rule)?;
    }
    for rule in &contract.perform.http {
        write(rule)?;
    }
    Ok(())
}

fn state(contract: &Contract, table: &str, shape: &StateShape) -> Result<(), Fault> {
    if shape.from.is_none() {
        if shape.at.is_some() || shape.only.is_some() {
            return Err(Fault::at(
                table,
                "`at` and `only` point into the answer that `from` names; add `from`",
            ));
        }
        if contract.format == 2 && contract.action.adapter == DECLARED {
            let what = "adapter `declared` reads no state itself; add `from` with the request of an [[observe.http]]";
            return Err(Fault::at(table, what));
        }
        return Ok(());
    }
    if shape.derived {
        return Err(Fault::at(
            table,
            "`from` lets the host read the state, so `derived` has no effect; remove one",
        ));
    }
    if shape.at.is_some() && shape.only.is_some() {
        return Err(Fault::at(table, "`at` and `only` both say where the state is; keep one"));
    }
    for pointer in shape.at.iter().chain(&shape.only) {
        if !pointer.is_empty() && !pointer.starts_with('/') {
            let what = format!("`{pointer}` is not a JSON pointer; write `/name/0`");
            return Err(Fault::at(pointer, what));
        }
    }
    pages::check(contract, table, shape)?;
    shape.requests().iter().try_for_each(|from| names_one(contract, from))
}

fn names_one(contract: &Contract, from: &str) -> Result<(), Fault> {
    let named = contract.observe.http.iter().filter(|rule| rule.request == from);
    match named.count() {
        1 => Ok(()),
        0 => Err(Fault::at(
            from,
            format!("`from` names no [[observe.http]]; add one with `request = \"{from}\"`"),
        )),
        _ => Err(Fault::at(
            from,
            "`from` names requests to several upstreams; make their paths differ",
        )),
    }
}

fn look(contract: &Contract, rule: &Rule) -> Result<(), Fault> {
    let writes = [("created", !rule.created.is_empty()), ("accepted", !rule.accepted.is_empty())];
    if let Some((key, _)) = writes.into_iter().find(|(_, used)| *used) {
        let what =
            format!("`{key}` is for [[perform.http]]: it says what the answer to a write means");
        return Err(Fault::at(&rule.request, what));
    }
    refused_when(rule)?;
    if rule.refused_when.is_some() && rule.expose.is_some() {
        let what = "`expose` would hide what `refused_when` tests, and an error could be taken for a state; remove one";
        return Err(Fault::at(&rule.request, what));
    }
    throttled(rule)?;
    statuses(rule, "absent", &rule.absent, 400..=499)?;
    if let Some(status) =
        rule.absent.iter().find(|status| matches!(status, 401 | 403 | 408 | 409 | 425 | 429))
    {
        let what = format!(
            "`{status}` in `absent` does not say that something does not exist; use 404 or 410"
        );
        return Err(Fault::at(&rule.request, what));
    }
    let reads = |shape: &StateShape| shape.is_read_from(&rule.request);
    let from = contract.state.values().find(|shape| reads(shape));
    if from.is_some() && !rule.codec.has_members() {
        let what = "a state is read `from` this request, so its `codec.response` cannot be `text` or `none`";
        return Err(Fault::at(&rule.request, what));
    }
    if !rule.absent.is_empty() && from.is_none() {
        let what = format!(
            "`absent` is about a state that is read from this request; add `from = \"{}\"`",
            rule.request
        );
        return Err(Fault::at(&rule.request, what));
    }
    for list in
        contract.state.values().filter(|shape| reads(shape)).filter_map(|shape| shape.only.as_ref())
    {
        only(rule, list)?;
    }
    let states: Vec<&StateShape> = contract.state.values().filter(|shape| reads(shape)).collect();
    selection::check(contract, rule, &states)?;
    let Some(control) = &rule.control else { return Ok(()) };
    let has_list = contract.state.values().any(|shape| reads(shape) && shape.only.is_some());
    if rule.absent.is_empty() && !has_list {
        let what = "`control` confirms an absence; add `absent` here, or `only` to the state";
        return Err(Fault::at(&rule.request, what));
    }
    let confirms = |other: &&Rule| {
        other.request == *control
            && other.upstream == rule.upstream
            && other.request != rule.request
    };
    if contract.observe.http.iter().any(|other| confirms(&other)) {
        return Ok(());
    }
    let what = format!(
        "`control` must be the request of another [[observe.http]] to `{}`; add one with `request = \"{control}\"`",
        rule.upstream
    );
    Err(Fault::at(control, what))
}

/// Checks that the statuses that mean a rate limit have an effect.
fn throttled(rule: &Rule) -> Result<(), Fault> {
    statuses(rule, "throttled", &rule.throttled, 400..=499)?;
    if rule.reads && !rule.throttled.is_empty() {
        let what = "a POST in observe is not repeated after it was answered, so `throttled` has no effect; remove it";
        return Err(Fault::at(&rule.request, what));
    }
    match rule.absent.iter().find(|status| rule.throttled.contains(status)) {
        Some(status) => {
            let what = format!("`{status}` is in `absent` and in `throttled`; keep one");
            Err(Fault::at(&rule.request, what))
        }
        None => Ok(()),
    }
}

/// Checks that the answer contains the complete list that `only` points to: the rule exposes the whole list, and no
/// filter of the rule is optional.
fn only(rule: &Rule, list: &str) -> Result<(), Fault> {
    let covers = |pointer: &String| {
        list.strip_prefix(pointer.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if rule.expose.as_ref().is_some_and(|pointers| !pointers.iter().any(covers)) {
        let what =
            format!("`expose` would hide elements of the list that `only` names; expose `{list}`");
        return Err(Fault::at(&rule.request, what));
    }
    if rule.request.contains("?}") {
        let what =
            "the request of a state with `only` cannot leave out a filter; require the parameter";
        return Err(Fault::at(&rule.request, what));
    }
    Ok(())
}

fn write(rule: &Rule) -> Result<(), Fault> {
    if !rule.selected.is_empty() {
        let what =
            "`where` is for [[observe.http]]: it selects the element of a list that is a state";
        return Err(Fault::at(&rule.request, what));
    }
    if !rule.absent.is_empty() || rule.control.is_some() {
        let what =
            "`absent` and `control` are for [[observe.http]]: an answer to a write gives no state";
        return Err(Fault::at(&rule.request, what));
    }
    refused_when(rule)?;
    statuses(rule, "throttled", &rule.throttled, 400..=499)?;
    statuses(rule, "accepted", &rule.accepted, 200..=299)?;
    statuses(rule, "created", &rule.created, 200..=299)
}

/// Checks that no other `observe` rule has the same request as a POST that only reads, because states, controls and
/// grants name a rule by its request.
fn search(contract: &Contract, rule: &Rule) -> Result<(), Fault> {
    let same = contract.observe.http.iter().filter(|other| other.request == rule.request);
    if rule.reads && same.count() > 1 {
        let what = format!(
            "several [[observe.http]] have the request `{}`; make them differ, for example by a query such as `?op=1`",
            rule.request
        );
        return Err(Fault::at(&rule.request, what));
    }
    Ok(())
}

fn refused_when(rule: &Rule) -> Result<(), Fault> {
    let Some(expression) = &rule.refused_when else { return Ok(()) };
    expression.check_answer().map_err(|e| Fault::at(expression.source(), e))?;
    if rule.codec.response == Incoming::None && expression.source().contains("answer.body") {
        let what = "`codec.response = \"none\"` ignores the body, so `refused_when` can test only `answer.status`";
        return Err(Fault::at(expression.source(), what));
    }
    Ok(())
}

fn statuses(
    rule: &Rule,
    key: &str,
    statuses: &[u16],
    range: std::ops::RangeInclusive<u16>,
) -> Result<(), Fault> {
    match statuses.iter().find(|status| !range.contains(status)) {
        Some(status) => {
            let (first, last) = (range.start(), range.end());
            let what = format!("`{status}` in `{key}` is not a status from {first} to {last}");
            Err(Fault::at(&rule.request, what))
        }
        None => Ok(()),
    }
}
