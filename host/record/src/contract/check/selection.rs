//! Checks `where`: which element of a list is a state.
//!
//! An element that is overlooked reads as an absence, and an absence can make the host repeat a write. So every value must
//! be comparable with what the upstream sends, and the list must be complete.

use serde_json::Value;

use super::super::fault::Fault;
use super::super::{Contract, StateShape};
use crate::contract::expose;
use crate::contract::schema::Kind;
use crate::contract::template::Rule;
use crate::contract::template::text::{self, Source};
use crate::exchange::codec::Incoming;

pub(super) fn check(contract: &Contract, rule: &Rule, states: &[&StateShape]) -> Result<(), Fault> {
    let refuse = |what: String| Err(Fault::at(&rule.request, what));
    if rule.selected.is_empty() {
        let has_pages = states.iter().any(|shape| shape.requests().len() > 1);
        if rule.complete && !has_pages {
            return refuse("`complete` is about the list of `where`; add `where`".to_owned());
        }
        return if has_pages { completeness(rule, states) } else { Ok(()) };
    }
    if !states.iter().any(|shape| shape.only.is_some()) {
        let what =
            "`where` selects an element of the list that `only` of a state names; add `only`";
        return refuse(what.to_owned());
    }
    let pointers: Vec<String> = rule.selected.keys().cloned().collect();
    expose::check_pointers(&pointers).map_err(|error| {
        let what = error.to_string().replace("`expose`", "`where`");
        Fault::at(&rule.request, what)
    })?;
    for (pointer, value) in &rule.selected {
        is_comparable(contract, rule, pointer, value)?;
    }
    completeness(rule, states)
}

/// Checks that the list has no further page. Only the last request of a state tells that.
fn completeness(rule: &Rule, states: &[&StateShape]) -> Result<(), Fault> {
    let refuse = |what: &str| Err(Fault::at(&rule.request, what));
    if !states.iter().any(|shape| is_last_page(rule, shape)) {
        if rule.complete {
            let what = "`complete` is about the whole list; write it in the rule of the last request in `from`";
            return refuse(what);
        }
        return Ok(());
    }
    if !rule.complete && !states.iter().any(|shape| proves_completeness(shape)) {
        let what = "an element on a further page would count as absent: read the member that says whether there are \
                    further pages into another state from this request, `required` and with a `const`, or write \
                    `complete = true` if the upstream always sends the whole list";
        return refuse(what);
    }
    Ok(())
}

/// Whether the list of the state ends with the answer to the request of this rule.
fn is_last_page(rule: &Rule, shape: &StateShape) -> bool {
    shape.only.is_some() && shape.requests().last() == Some(&rule.request)
}

/// Whether the state is read only if a member of the answer has one value.
fn proves_completeness(shape: &StateShape) -> bool {
    let is_fixed =
        |name: &String| shape.properties.get(name).is_some_and(|schema| schema.constant.is_some());
    shape.only.is_none() && shape.required.iter().any(is_fixed)
}

fn is_comparable(
    contract: &Contract,
    rule: &Rule,
    pointer: &str,
    value: &Value,
) -> Result<(), Fault> {
    let is_text = match value {
        Value::String(text) => is_text(contract, text),
        Value::Bool(_) => false,
        number if number.is_i64() => false,
        _ => {
            let what = format!(
                "the value at `{pointer}` in `where` must be a text, an integer or a boolean"
            );
            return Err(Fault::at(&rule.request, what));
        }
    };
    if !is_text && matches!(rule.codec.response, Incoming::Xml | Incoming::Form) {
        let what = format!(
            "the value at `{pointer}` in `where` must be a text, because the answer has only texts"
        );
        return Err(Fault::at(&rule.request, what));
    }
    Ok(())
}

/// Whether a template is a text, or a parameter that is one.
fn is_text(contract: &Contract, template: &str) -> bool {
    let pieces = text::pieces(template, contract.templates()).unwrap_or_default();
    match text::whole(&pieces) {
        Some(Source::Param { name, .. }) => {
            let schema = contract.params.properties.get(name);
            schema.is_none_or(|schema| schema.kind() == Some(Kind::String))
        }
        _ => true,
    }
}
