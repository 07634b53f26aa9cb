//! Whether a plan is one that its contract allows. The check needs only the plan and the requests that the contract
//! renders, so approvers and verifiers repeat it without the adapter.

use std::collections::BTreeMap;

use deed_spec::json;
use serde_json::Value;

use super::matching::inside;
use super::{Plan, Planned};
use crate::contract::Contract;
use crate::exchange::Rendered;

/// Checks that each write of a plan is the rendering of its rule with parts that fit their schemas, that no rule occurs
/// too often, that no rule is missing, and that each write follows the write whose answer it contains. `rules` are the
/// rendered requests of `perform`, and `pre` is the whole state.
///
/// # Errors
///
/// Fails with a reason that names the first wrong write by its position in the plan, from 1.
pub fn check(
    contract: &Contract,
    rules: &[Rendered],
    pre: &Value,
    plan: &Plan,
) -> Result<(), String> {
    let mut counts = vec![0_u32; rules.len()];
    for (n, write) in (1_usize..).zip(&plan.writes) {
        let wrong = |why: String| format!("write {n} {why}");
        let at = usize::try_from(write.rule).unwrap_or(usize::MAX);
        let (Some(rule), Some(count)) = (rules.get(at), counts.get_mut(at)) else {
            return Err(wrong(format!("names rule {at}, and the contract has no such rule")));
        };
        *count += 1;
        let count = *count;
        one(contract, at, rule, pre, write).map_err(wrong)?;
        if count > rule.calls {
            let what = format!("repeats `{}` more than {} time(s)", named(rule), rule.calls);
            return Err(wrong(what));
        }
        if let Some(needed) = too_early(rules, rule, &counts) {
            return Err(wrong(format!("contains `answer.{needed}`, which no earlier write gives")));
        }
    }
    match rules.iter().zip(&counts).find(|(rule, count)| is_missing(rule, **count)) {
        Some((rule, _)) => Err(format!(
            "the plan lacks `{}`, which the contract does not declare as `optional`",
            named(rule)
        )),
        None => Ok(()),
    }
}

/// Checks one write against its rule.
fn one(
    contract: &Contract,
    at: usize,
    rule: &Rendered,
    pre: &Value,
    write: &Planned,
) -> Result<(), String> {
    if !rule.writes {
        return Err(format!("names `{}`, which only reads", named(rule)));
    }
    let parts = parts(contract, at, rule, &write.request)?;
    let filled = rule.with_state(pre).map_err(|error| format!("has no values: {error}"))?;
    let filled = filled.with_any(&parts);
    if filled == write.request {
        return Ok(());
    }
    let place = place(&filled, &write.request);
    Err(format!("differs from the rule `{}` of the contract {place}", named(rule)))
}

/// The parts that the adapter computed, by their pointers into the body. Each part must fit its schema.
fn parts(
    contract: &Contract,
    at: usize,
    rule: &Rendered,
    found: &Rendered,
) -> Result<BTreeMap<String, Value>, String> {
    let mut parts = BTreeMap::new();
    for (pointer, name) in &rule.any {
        let value = found.body.as_ref().and_then(|body| json::pointer(body, pointer));
        let value = value.ok_or_else(|| format!("lacks the part `{name}`{}", inside(pointer)))?;
        let schema = contract
            .part_schema(at, name)
            .ok_or_else(|| format!("has the part `{name}`, which the contract does not declare"))?;
        if let Some(violation) = schema.violations(value).first() {
            let place = format!("{pointer}{}", violation.pointer);
            let reason = &violation.reason;
            return Err(format!(
                "does not fit the schema of the part `{name}`{}: {reason}",
                inside(&place)
            ));
        }
        parts.insert(pointer.clone(), value.clone());
    }
    Ok(parts)
}

/// The first answer that a request contains and that no write planned so far gives.
fn too_early(rules: &[Rendered], request: &Rendered, counts: &[u32]) -> Option<String> {
    let is_known = |path: &String| {
        let name = path.split('.').next();
        let mut named = rules.iter().zip(counts).filter(|(rule, _)| rule.name.as_deref() == name);
        named.any(|(rule, count)| rule.writes && *count > 0)
    };
    request.needs().into_iter().find(|path| !is_known(path))
}

fn is_missing(rule: &Rendered, count: u32) -> bool {
    rule.writes && !rule.optional && count == 0
}

fn named(rule: &Rendered) -> String {
    format!("{} {}", rule.method, rule.path)
}

/// Where two requests differ.
fn place(wanted: &Rendered, found: &Rendered) -> String {
    if wanted.path != found.path {
        return "in its path".to_owned();
    }
    let none = Value::Null;
    let (wanted, found) = (wanted.body.as_ref(), found.body.as_ref());
    match json::diff(wanted.unwrap_or(&none), found.unwrap_or(&none)).first() {
        Some(change) if change.pointer.is_empty() => "in its body".to_owned(),
        Some(change) => format!("at `{}` of its body", change.pointer),
        None => "outside its path and body".to_owned(),
    }
}

#[cfg(test)]
mod tests;
