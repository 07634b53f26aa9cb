//! Reads the states that declare `from` from the exchanges of an observation. Only the contract and the exchanges are
//! used, so a verifier can read the same states again.

mod element;

use std::collections::BTreeMap;

use deed_spec::json;
use serde_json::Value;

use self::element::{element, too_many};
use super::answers::Asked;
use crate::contract::template::Rule;
use crate::contract::{Contract, StateShape};
use crate::exchange::{Exchange, Fate, Rendered};
use crate::lifecycle::permission;

/// The maximum total size in bytes of the states of an observation as JSON. The size is limited because a record stores
/// the states in addition to the answers.
const STATES_MAX: usize = 2 << 20;

/// The states that were read from the exchanges of an observation, and the first reason why a state could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// The states by name; null if a state does not exist.
    pub states: BTreeMap<String, Value>,
    pub problem: Option<String>,
}

/// Reads every state that declares `from`. `looks` contains what each `observe` rule sends, in the order of the
/// contract.
pub fn declared(contract: &Contract, looks: &[Asked<'_>], exchanges: &[Exchange]) -> Declared {
    let (mut found, mut bytes) = (Declared::default(), 0_usize);
    for (name, shape) in contract.state.iter() {
        let sources = contract.sources_of(shape).map(|at| looks.get(at));
        let sources: Option<Vec<&Asked<'_>>> = sources.collect();
        let Some(sources) = sources.filter(|sources| !sources.is_empty()) else { continue };
        match state(contract, shape, &sources, looks, exchanges) {
            Ok(value) => {
                bytes = bytes.saturating_add(value.to_string().len());
                if bytes > STATES_MAX {
                    found
                        .problem
                        .get_or_insert_with(|| "the states have more than 2 MiB".to_owned());
                    continue;
                }
                found.states.insert(name.clone(), value);
            }
            Err(why) => {
                found.problem.get_or_insert_with(|| format!("state `{name}`: {why}"));
            }
        }
    }
    found
}

/// Whether there are 2xx answers from which a state cannot be read, so that repeating the requests would not help.
pub(super) fn misfits(contract: &Contract, looks: &[Asked<'_>], exchanges: &[Exchange]) -> bool {
    contract.state.values().any(|shape| {
        let rules = contract.sources_of(shape).filter_map(|at| looks.get(at)?.request());
        let answers = rules.filter_map(|rule| usable(rule, exchanges));
        let found = answers.filter(|one| one.is_success()).map(|one| present(shape, one));
        let found: Result<Vec<Option<Value>>, String> = found.collect();
        found.map_or(true, |found| found.iter().flatten().count() > 1)
    })
}

/// The first usable answer to the request: 2xx, or a status in `absent`. Later answers to the same request are ignored;
/// entity tags are also read from the first answer only.
fn usable<'a>(rule: &Rendered, exchanges: &'a [Exchange]) -> Option<&'a Exchange> {
    let of_rule = |one: &&Exchange| one.request == *rule;
    exchanges.iter().filter(of_rule).find(|one| one.is_success() || one.says_absent())
}

/// Reads a state from the answers to its requests, whose lists count as one list. Every request needs an answer, because
/// the element may be on any page.
fn state(
    contract: &Contract,
    shape: &StateShape,
    sources: &[&Asked<'_>],
    looks: &[Asked<'_>],
    exchanges: &[Exchange],
) -> Result<Value, String> {
    let (mut found, mut without) = (Vec::new(), String::new());
    let rules = contract.sources_of(shape).map(|at| contract.observe.http.get(at));
    for (source, rule) in sources.iter().zip(rules) {
        let page = match source {
            Asked::Nothing => return Ok(Value::Null),
            Asked::Unknown(why) => return Err(why.clone()),
            Asked::Request(sent) => page(shape, rule, sent, exchanges)?,
            Asked::Filled(sent) => page(shape, rule, sent, exchanges)?,
        };
        match page {
            Page::With(value) => found.push(value),
            Page::Without(seen) => without = seen,
        }
    }
    match (found.pop(), found.len()) {
        (None, _) => confirmed(contract, shape, looks, exchanges, &without),
        (Some(value), 0) => Ok(value),
        (Some(_), others) => {
            let mut rules = sources.iter().filter_map(|source| source.request());
            let selects = rules.any(|rule| !rule.selected.is_empty());
            let many = too_many(others + 1, selects, shape.only.as_deref().unwrap_or_default());
            Err(format!("the answers to its {} requests together have {many}", sources.len()))
        }
    }
}

/// What one answer shows.
enum Page {
    /// The state.
    With(Value),
    /// No state, for this reason.
    Without(String),
}

/// Reads a state, or a page of the list that contains it, from the answer to one request.
fn page(
    shape: &StateShape,
    rule: Option<&Rule>,
    sent: &Rendered,
    exchanges: &[Exchange],
) -> Result<Page, String> {
    let of_rule = || exchanges.iter().filter(|one| one.request == *sent);
    let its = the_answer(sent);
    let last = of_rule().next_back().ok_or_else(|| format!("{} was not sent", asked(sent)))?;
    let answer = usable(sent, exchanges).unwrap_or(last);
    match answer.fate {
        Fate::Answered { status } if answer.says_absent() => {
            Ok(Page::Without(format!("{its} has the status {status}")))
        }
        Fate::Answered { .. } if answer.is_refused_read() => {
            Err(format!("{its} is an error, or may be one, by `refused_when`"))
        }
        Fate::Answered { status: 200..=299 } => {
            let found = present(shape, answer).map_err(|why| format!("{its} {why}"))?;
            let empty = || Page::Without(format!("{its} has an empty list"));
            Ok(found.map_or_else(empty, Page::With))
        }
        Fate::Answered { status } => {
            let or = if matches!(status, 404 | 410) {
                format!(
                    "; if it means that the state does not exist, write `absent = [{status}]` in the rule of this request"
                )
            } else {
                permission::of_look(rule, status)
            };
            let why = answer.refused_credential().map(|why| format!("; {why}")).unwrap_or_default();
            Err(format!(
                "{its} has the status {status}; state is read only from 2xx answers{or}{why}"
            ))
        }
        Fate::NotSent | Fate::NoAnswer => {
            let why = answer.problem.as_deref().unwrap_or_default();
            Err(format!("there is no answer of {}: {why}", asked(sent)))
        }
    }
}

/// Returns null for an absent state, if its rule has no `control` or the control request was answered with success. The
/// control request is useful because an upstream also answers 404 if the permission to read is missing or the path is
/// wrong.
fn confirmed(
    contract: &Contract,
    shape: &StateShape,
    looks: &[Asked<'_>],
    exchanges: &[Exchange],
    seen: &str,
) -> Result<Value, String> {
    let rules = &contract.observe.http;
    let source = contract.source_of(shape);
    let Some((source, control)) = source.and_then(|rule| Some((rule, rule.control.as_ref()?)))
    else {
        return Ok(Value::Null);
    };
    let is_control = |rule: &Rule| rule.request == *control && rule.upstream == source.upstream;
    let rule = rules.iter().position(is_control).and_then(|at| looks.get(at)?.request());
    let answered =
        |rule: &&Rendered| exchanges.iter().any(|one| one.request == **rule && one.is_success());
    match rule {
        Some(rule) if answered(&rule) => Ok(Value::Null),
        _ => Err(format!(
            "{seen}, and the control request `{control}` was not answered with success, so the absence is not confirmed"
        )),
    }
}

/// The state in a usable answer; `None` if its list is empty.
fn present(shape: &StateShape, answer: &Exchange) -> Result<Option<Value>, String> {
    let problem = answer.problem.as_deref().unwrap_or("it has no body");
    let body = answer.response.as_ref().ok_or_else(|| format!("cannot be used: {problem}"))?;
    let pointer = match &shape.only {
        None => shape.at.clone().unwrap_or_default(),
        Some(list) => match element(list, body, answer)? {
            Some(pointer) => pointer,
            None => return Ok(None),
        },
    };
    let found =
        json::pointer(body, &pointer).ok_or_else(|| format!("has nothing at `{pointer}`"))?;
    let kept = shape
        .project(found)
        .map_err(|violation| format!("does not fit the contract: {violation}"))?;
    match answer.redacted.iter().find(|place| hides(place, &pointer, shape)) {
        Some(place) => Err(format!("held a secret at `{place}`, so the state is not known")),
        None => Ok(Some(kept)),
    }
}

/// Whether a redacted place contains the value at the pointer, or lies in the part of that value that is kept.
pub fn hides(redacted: &str, pointer: &str, shape: &StateShape) -> bool {
    let below = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer)
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))
            .map(str::to_owned)
    };
    below(pointer, redacted).is_some()
        || below(redacted, pointer).is_some_and(|rest| shape.keeps(&rest))
}

fn the_answer(rule: &Rendered) -> String {
    format!("the answer of {}", asked(rule))
}

fn asked(rule: &Rendered) -> String {
    format!("upstream `{}` to `{} {}`", rule.upstream, rule.method, rule.path)
}

#[cfg(test)]
mod tests;
