//! Checks the names and answers of rules of `perform`, and the requests of `observe` that contain values of answers.

use super::super::fault::Fault;
use super::super::{Contract, StateShape};
use crate::action::id;
use crate::contract::narrow::Alphabet;
use crate::contract::schema::{Kind, Schema};
use crate::contract::template::text::Source;
use crate::contract::template::{self, Place, Rule, Use};
use crate::exchange::codec::Incoming;

/// Why no request can contain a value of the answer to a read.
pub(super) const OF_READ: &str =
    "is of a read; a request can contain only values of the answers to writes";

pub(super) fn check(contract: &Contract) -> Result<(), Fault> {
    for rule in &contract.observe.http {
        if rule.name.is_some() || !rule.answer.is_empty() || rule.location.is_some() {
            let what = "`name`, `answer` and `location` are for [[perform.http]]: they are about the answer to a write";
            return Err(Fault::at(&rule.request, what));
        }
        look(contract, rule)?;
    }
    for (n, rule) in contract.perform.http.iter().enumerate() {
        let earlier = contract.perform.http.iter().take(n);
        if rule.name.is_some() && earlier.into_iter().any(|other| other.name == rule.name) {
            let name = rule.name.as_deref().unwrap_or_default();
            return Err(Fault::at(&rule.request, format!("`{name}` names two rules of perform")));
        }
        write(contract, rule)?;
    }
    reads_before(contract)
}

/// Something is read before the write, so that a missing permission or a wrong path is found before anything changes.
fn reads_before(contract: &Contract) -> Result<(), Fault> {
    let looks = &contract.observe.http;
    match looks.iter().find(|rule| rule.awaits_answer()) {
        Some(rule) if looks.iter().all(Rule::awaits_answer) => {
            let what = "every [[observe.http]] has a value of an answer, so nothing could be read before the write; \
                        add one without, such as the list that will contain what is created";
            Err(Fault::at(&rule.request, what))
        }
        _ => Ok(()),
    }
}

/// Checks that a request with a value of an answer has a `control` request if the request has statuses in `absent`.
fn look(contract: &Contract, rule: &Rule) -> Result<(), Fault> {
    if !rule.awaits_answer() {
        return Ok(());
    }
    let reads = |shape: &&StateShape| shape.is_read_from(&rule.request);
    let mut states = contract.state.values().filter(reads);
    let may_be_absent = !rule.absent.is_empty() || states.any(|shape| shape.only.is_some());
    if may_be_absent && rule.control.is_none() {
        let what = "the request has a value of an answer, so `absent` and `only` need `control`: without it, an upstream that \
                    does not show what it created yet looks like one that created nothing";
        return Err(Fault::at(&rule.request, what));
    }
    Ok(())
}

fn write(contract: &Contract, rule: &Rule) -> Result<(), Fault> {
    let refuse = |what: String| Err(Fault::at(&rule.request, what));
    if let Some(name) = rule.name.as_ref().filter(|name| !id::is_name(name)) {
        return refuse(format!("`{name}` is not a name; use lower-case letters and digits"));
    }
    if rule.answer.is_empty() && rule.location.is_none() {
        return Ok(());
    }
    if rule.name.is_none() {
        return refuse("`answer` needs a `name`, by which other requests refer to it".to_owned());
    }
    let is_write = rule.may_write().unwrap_or(true);
    // Every other read can be sent while the action is rehearsed, so the adapter has its answer.
    let is_late_read = rule.request.starts_with("GET ") && rule.awaits_answer();
    if !(is_write || is_late_read) {
        return refuse(
            "`answer` is for a write, or for a GET of perform with a value of an answer".to_owned(),
        );
    }
    if rule.calls.is_some_and(|calls| calls != 1) {
        let kind = if is_write { "write" } else { "read" };
        let what = format!("`answer` is for a {kind} that is sent once; remove `calls`");
        return Err(Fault::in_rule(&rule.request, "calls", what));
    }
    if rule.location.is_some() && !is_write {
        return refuse(
            "`location` is for a write; declare members of the body in `answer`".to_owned(),
        );
    }
    guarded(contract, rule)?;
    let parts = rule.location.as_deref().map(|form| location(form, rule)).transpose()?;
    let parts = parts.unwrap_or_default();
    for (name, schema) in &rule.answer {
        schema.well_formed().map_err(|e| Fault::at(&rule.request, e))?;
        if !is_narrow(schema) {
            return refuse(format!(
                "`answer.{name}` must be an integer, a boolean, an `enum`, a string with an anchored `pattern` of only \
                 `A-Z a-z 0-9 _ - . @ +`, or an object of these; other values could change the request that contains \
                 them"
            ));
        }
        let from_body = !parts.contains(&name.as_str());
        // Forms and XML have only texts, and so do paths, in which the host also recognizes integers.
        let texts = !from_body || matches!(rule.codec.response, Incoming::Form | Incoming::Xml);
        if texts && !is_text(schema, !from_body) {
            let kinds = if from_body { "a string" } else { "a string or an integer" };
            return refuse(format!(
                "`answer.{name}` must be {kinds}, because it is taken from text"
            ));
        }
        if from_body && rule.request.starts_with("HEAD ") {
            return refuse(format!(
                "`answer.{name}` is a member of the body, and the answer to HEAD has no body"
            ));
        }
        if from_body && !rule.codec.has_members() {
            return refuse(format!(
                "`answer.{name}` is a member of the body, so `codec.response` cannot be `text` or `none`"
            ));
        }
        if from_body && !is_exposed(rule, name) {
            return refuse(format!("`expose` hides `answer.{name}`; expose `/{name}`"));
        }
    }
    Ok(())
}

/// Checks the path in `location`, and returns the members of `answer` that the path names.
fn location<'r>(form: &'r str, rule: &'r Rule) -> Result<Vec<&'r str>, Fault> {
    let refuse = |what: String| Err(Fault::at(form, what));
    let Some(rest) = form.strip_prefix('/') else {
        return refuse(format!("`location` is a path such as `/jobs/{{job}}`, not `{form}`"));
    };
    let mut parts = Vec::new();
    for segment in rest.split('/') {
        match template::placeholder(segment) {
            Some(name) if !rule.answer.contains_key(name) => {
                return refuse(format!("`{{{name}}}` is not declared; add `answer.{name}`"));
            }
            Some(name) if parts.contains(&name) => {
                return refuse(format!("`{{{name}}}` occurs twice in `location`"));
            }
            Some(name) => parts.push(name),
            None if matches!(segment, "" | "." | "..")
                || segment.contains(['{', '}', '?', '#', '%']) =>
            {
                return refuse(format!(
                    "`{segment}` in `location` is neither literal text nor a whole `{{member}}`"
                ));
            }
            None => {}
        }
    }
    if parts.is_empty() {
        return refuse("`location` names no member; write `/jobs/{job}`".to_owned());
    }
    Ok(parts)
}

/// A guard can stop a write that took effect at its first delivery. Only a state that is read without its answer shows
/// that.
fn guarded(contract: &Contract, rule: &Rule) -> Result<(), Fault> {
    let shows = |shape: &StateShape| {
        let source = contract.source_of(shape);
        source.is_some_and(|look| look.upstream == rule.upstream && !look.awaits_answer())
    };
    if rule.guard.is_none() || contract.state.values().any(shows) {
        return Ok(());
    }
    let what = "a guarded write with `answer` needs a state that is read without its answer; add one, or remove `guard`";
    Err(Fault::at(&rule.request, what))
}

/// Whether a value that is taken from text can fit the schema.
fn is_text(schema: &Schema, or_integer: bool) -> bool {
    match schema.kind() {
        Some(Kind::String) => true,
        Some(Kind::Integer) => or_integer,
        _ => false,
    }
}

fn is_narrow(schema: &Schema) -> bool {
    if schema.nullable || schema.private {
        return false;
    }
    match schema.kind() {
        Some(Kind::Object) => !schema.properties.is_empty() && schema.inner().all(is_narrow),
        Some(Kind::Array | Kind::Decimal) | None => false,
        Some(_) => Alphabet::of(schema).is_some_and(Alphabet::is_narrow),
    }
}

fn is_exposed(rule: &Rule, name: &str) -> bool {
    let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
    rule.expose.as_ref().is_none_or(|exposed| exposed.contains(&pointer))
}

/// Checks that a value of an answer is in the path or query of an `observe` rule to the upstream that gave the answer.
pub(super) fn placeholder(contract: &Contract, one: &Use<'_>, rule: &Rule) -> Result<(), Fault> {
    let Source::Answer(path) = one.source else { return Ok(()) };
    let written = one.source.written();
    let refuse = |why: String| Err(Fault::at(one.text, format!("`{written}` {why}")));
    if rule.reads || !matches!(one.place, Place::Path | Place::Query) {
        return refuse("can only be in the path or query of a GET or HEAD in observe".to_owned());
    }
    let name = path.split('.').next().unwrap_or_default();
    let Some((write, schema)) = contract.answer_at(path) else {
        return refuse(no_member(name));
    };
    if !write.may_write().unwrap_or(true) {
        return refuse(OF_READ.to_owned());
    }
    if write.upstream != rule.upstream {
        let (from, to) = (&write.upstream, &rule.upstream);
        return refuse(format!("is of upstream `{from}`, and cannot be sent to `{to}`"));
    }
    if schema.kind() == Some(Kind::Object) {
        return refuse("is an object; name one of its members".to_owned());
    }
    if has_private(contract, rule) {
        return refuse("cannot be in a request that has a private parameter".to_owned());
    }
    let controls = |other: &Rule| other.control.as_ref() == Some(&rule.request);
    if contract.observe.http.iter().any(controls) {
        return refuse("cannot be in a `control` request".to_owned());
    }
    Ok(())
}

/// Why a placeholder has no declared value.
pub(super) fn no_member(name: &str) -> String {
    format!(
        "is not a required member of the `answer` of an [[perform.http]] with `name = \"{name}\"`"
    )
}

/// Whether the request of a rule contains a private parameter.
pub(super) fn has_private(contract: &Contract, rule: &Rule) -> bool {
    let is_private = |other: &Use<'_>| match other.source {
        Source::Param { name, .. } => {
            contract.params.properties.get(name).is_some_and(|schema| schema.private)
        }
        _ => false,
    };
    let body = rule.body_template().unwrap_or_default();
    let uses = rule.placeholders(body.as_deref(), contract.templates()).unwrap_or_default();
    uses.iter().any(is_private)
}
