//! Checks `[approval]`: an approval is bound to every value that decides what is sent, or whether it may be sent.
//!
//! Policies are not checked, because the host evaluates them again with the present state before each attempt.

use std::collections::BTreeMap;

use deed_spec::json::{covers, overlap};

use super::super::Contract;
use super::super::fault::Fault;
use super::in_state;
use crate::contract::schema::Schema;
use crate::contract::template::text::Source;
use crate::contract::template::{Rule, Use};

/// The text by which the line of a fault is found.
const KEY: &str = "depends_on";

/// A value of the state before the action, by its JSON pointer, and what it is used for.
type Usage = (String, String);

pub(super) fn check(contract: &Contract) -> Result<(), Fault> {
    let Some(pointers) = contract.depends_on() else { return Ok(()) };
    if contract.is_read() {
        let what = "the answer to a read contains the whole state, so an approval of a read depends on all of it; \
                    remove [approval]";
        return Err(Fault::at(KEY, what));
    }
    if pointers.is_empty() {
        let what = "`depends_on` is empty; name parts of the state, or remove [approval]";
        return Err(Fault::at(KEY, what));
    }
    let states = contract.state_schemas();
    well_formed(pointers, &states, &contract.volatile())?;
    let volatile = contract.volatile();
    // An approval is never bound to volatile values.
    let is_bound = |(pointer, _): &Usage| !volatile.iter().any(|place| covers(place, pointer));
    for (pointer, usage) in usages(contract, &states)?.into_iter().filter(is_bound) {
        if let Some(place) = volatile.iter().find(|place| covers(&pointer, place)) {
            let what = format!(
                "`{pointer}` {usage}, but contains `{place}`, which is `volatile`, so `depends_on` cannot name it; \
                 use its other members one by one, or remove [approval]"
            );
            return Err(Fault::at(KEY, what));
        }
        if !pointers.iter().any(|place| covers(place, &pointer)) {
            let name = declared(&states, &pointer);
            let what = format!(
                "`{name}` {usage}, so an approval must be bound to it; add it to `depends_on`"
            );
            return Err(Fault::at(KEY, what));
        }
    }
    Ok(())
}

/// Checks that every pointer leads to a part of the declared state, and that no two pointers lead to the same value.
fn well_formed(
    pointers: &[String],
    states: &BTreeMap<String, Schema>,
    volatile: &[String],
) -> Result<(), Fault> {
    for (n, pointer) in pointers.iter().enumerate() {
        if !in_state(states, pointer) {
            let what = format!(
                "`{pointer}` in `depends_on` is not a declared state or a property of one; write `/STATE` or \
                 `/STATE/PROPERTY`, and for elements of a list the pointer of the list"
            );
            return Err(Fault::at(KEY, what));
        }
        if let Some(other) = pointers.iter().take(n).find(|other| overlap(other, pointer)) {
            let what = if other == pointer {
                format!("`{pointer}` is in `depends_on` twice; remove one")
            } else {
                format!("`{other}` and `{pointer}` in `depends_on` overlap; remove the longer one")
            };
            return Err(Fault::at(KEY, what));
        }
        if let Some(other) = volatile.iter().find(|other| overlap(other, pointer)) {
            let what = format!(
                "`{pointer}` in `depends_on` overlaps `{other}`, which is `volatile`: it may change at any time, so no \
                 approval can be bound to it; name the properties that are not volatile"
            );
            return Err(Fault::at(KEY, what));
        }
    }
    Ok(())
}

/// The values of the state before the action that conditions read, that writes send, or that may be replaced.
fn usages(contract: &Contract, states: &BTreeMap<String, Schema>) -> Result<Vec<Usage>, Fault> {
    let verify = &contract.verify;
    let mut found: Vec<Usage> = Vec::new();
    for expression in verify.before.iter().chain(&verify.after).chain(&verify.pending) {
        for pointer in expression.reads() {
            let usage = format!("is read by `{}`", expression.source());
            if pointer.is_empty() {
                found.extend(states.keys().map(|name| (format!("/{name}"), usage.clone())));
            } else {
                found.push((pointer, usage));
            }
        }
    }
    for rule in &contract.perform.http {
        found.extend(sent(contract, rule)?);
    }
    let replaced = |pointer: &String| (pointer.clone(), "is in `may_change`".to_owned());
    found.extend(verify.may_change.iter().map(replaced));
    Ok(found)
}

/// The values of the state before the action that a write sends.
fn sent(contract: &Contract, rule: &Rule) -> Result<Vec<Usage>, Fault> {
    let body = rule.body_template().map_err(|e| Fault::at(&rule.request, e))?;
    let uses = rule.placeholders(body.as_deref(), contract.templates());
    let uses = uses.map_err(|e| Fault::at(&rule.request, e))?;
    let usage = |one: &Use<'_>| {
        let Source::Pre(path) = one.source else { return None };
        let sent = format!("is sent as `{}`", one.source.written());
        Some((format!("/{}", path.replace('.', "/")), sent))
    };
    Ok(uses.iter().filter_map(usage).collect())
}

/// The part of a pointer that leads to a declared value. For an element of a list, that is the list.
fn declared<'p>(states: &BTreeMap<String, Schema>, pointer: &'p str) -> &'p str {
    let mut part = pointer;
    while !in_state(states, part) {
        let Some((parent, _)) = part.rsplit_once('/') else { return pointer };
        part = parent;
    }
    part
}
