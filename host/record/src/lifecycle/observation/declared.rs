//! Reads the states that declare `from` from the exchanges of an observation. Only the contract and the exchanges are
//! used, so a verifier can read the same states again.

use std::collections::BTreeMap;

use deed_spec::json;
use serde_json::Value;

use super::answers::Asked;
use crate::contract::template::Rule;
use crate::contract::{Contract, StateShape};
use crate::exchange::{Exchange, Fate, Rendered};

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
        let Some(rule) = contract.source_of(shape).and_then(|at| looks.get(at)) else { continue };
        let value = match rule {
            Asked::Nothing => Ok(Value::Null),
            Asked::Unknown(why) => Err(why.clone()),
            Asked::Request(rule) => state(contract, shape, rule, looks, exchanges),
            Asked::Filled(rule) => state(contract, shape, rule, looks, exchanges),
        };
        match value {
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

/// Whether there is a 2xx answer from which a state cannot be read, so that repeating the request would not help.
pub(super) fn misfits(contract: &Contract, looks: &[Asked<'_>], exchanges: &[Exchange]) -> bool {
    contract.state.values().any(|shape| {
        let rule = contract.source_of(shape).and_then(|at| looks.get(at)?.request());
        let answer = rule.and_then(|rule| usable(rule, exchanges)).filter(|one| one.is_success());
        answer.is_some_and(|answer| present(shape, answer).is_err())
    })
}

/// The first usable answer to the request: 2xx, or a status in `absent`. Later answers to the same request are ignored;
/// entity tags are also read from the first answer only.
fn usable<'a>(rule: &Rendered, exchanges: &'a [Exchange]) -> Option<&'a Exchange> {
    let of_rule = |one: &&Exchange| one.request == *rule;
    exchanges.iter().filter(of_rule).find(|one| one.is_success() || one.says_absent())
}

fn state(
    contract: &Contract,
    shape: &StateShape,
    rule: &Rendered,
    looks: &[Asked<'_>],
    exchanges: &[Exchange],
) -> Result<Value, String> {
    let of_rule = || exchanges.iter().filter(|one| one.request == *rule);
    let its = the_answer(rule);
    let last = of_rule().next_back().ok_or_else(|| format!("{} was not sent", asked(rule)))?;
    let answer = usable(rule, exchanges).unwrap_or(last);
    match answer.fate {
        Fate::Answered { status } if answer.says_absent() => {
            confirmed(contract, shape, looks, exchanges, &format!("{its} has the status {status}"))
        }
        Fate::Answered { .. } if answer.is_refused_read() => {
            Err(format!("{its} is an error, or may be one, by `refused_when`"))
        }
        Fate::Answered { status: 200..=299 } => {
            let found = present(shape, answer).map_err(|why| format!("{its} {why}"))?;
            let empty = format!("{its} has an empty list");
            found.map_or_else(|| confirmed(contract, shape, looks, exchanges, &empty), Ok)
        }
        Fate::Answered { status } => {
            Err(format!("{its} has the status {status}; state is read only from 2xx answers"))
        }
        Fate::NotSent | Fate::NoAnswer => {
            let why = answer.problem.as_deref().unwrap_or_default();
            Err(format!("there is no answer of {}: {why}", asked(rule)))
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
    let source = contract.source_of(shape).and_then(|at| rules.get(at));
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

/// Maximum number of redacted places of one list.
const REDACTED_MAX: usize = 64;

/// Whether one of two pointers is, or is above, the other.
fn meets(one: &str, other: &str) -> bool {
    let covers = |outer: &str, inner: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    covers(one, other) || covers(other, one)
}

/// Whether a value cannot be compared with a wanted one, because it has another type. A null is an absent value.
fn is_other_type(found: &Value, wanted: &Value) -> bool {
    !found.is_null() && std::mem::discriminant(found) != std::mem::discriminant(wanted)
        || found.is_number() && !found.is_i64()
}

/// The pointer to the only element of a list that has the values of `where`; `None` if there is no such element.
fn element(list: &str, body: &Value, answer: &Exchange) -> Result<Option<String>, String> {
    let Some(Value::Array(items)) = json::pointer(body, list) else {
        return Err(format!("has no list at `{list}`"));
    };
    let wanted = &answer.request.selected;
    let near: Vec<&String> = answer.redacted.iter().filter(|place| meets(place, list)).collect();
    if near.len() > REDACTED_MAX {
        return Err(format!("held more than {REDACTED_MAX} secrets at `{list}`"));
    }
    let mut found = Vec::new();
    for (n, item) in items.iter().enumerate() {
        let at = |pointer: &String| format!("{list}/{n}{pointer}");
        let hidden = |place: &&&String| wanted.keys().any(|one| meets(place, &at(one)));
        if let Some(place) = near.iter().find(hidden) {
            return Err(format!("held a secret at `{place}`, so the element is not known"));
        }
        let other = |(pointer, value): &(&String, &Value)| {
            json::pointer(item, pointer).is_some_and(|found| is_other_type(found, value))
        };
        if let Some((pointer, _)) = wanted.iter().find(other) {
            let place = at(pointer);
            return Err(format!("has a value of another type than in `where` at `{place}`"));
        }
        if wanted.iter().all(|(pointer, value)| json::pointer(item, pointer) == Some(value)) {
            found.push(format!("{list}/{n}"));
        }
    }
    let such = if wanted.is_empty() { "" } else { " with the values of `where`" };
    match found.len() {
        0 | 1 => Ok(found.pop()),
        count => {
            Err(format!("has {count} elements{such} at `{list}`, where at most one is expected"))
        }
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
