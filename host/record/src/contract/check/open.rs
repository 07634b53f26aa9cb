//! Checks what a contract leaves to the adapter: open parts, values of answers in requests of `perform`, and optional
//! writes.

use std::collections::BTreeSet;

use deed_spec::digest::Digest;

use super::super::Contract;
use super::super::fault::Fault;
use crate::contract::schema::Kind;
use crate::contract::template::text::{Format, Source};
use crate::contract::template::{Place, Rule, Use};
use crate::exchange::Guard;
use crate::plan::tokens;

pub(super) fn check(contract: &Contract) -> Result<(), Fault> {
    if contract.templates() == Format::One {
        return Ok(());
    }
    if let Some(rule) = contract.observe.http.iter().find(|rule| rule.optional) {
        let what = "`optional` is for writes in [[perform.http]]; an observation reads everything that it names";
        return Err(Fault::in_rule(&rule.request, "optional", what));
    }
    let mut names = BTreeSet::new();
    for rule in &contract.perform.http {
        if rule.optional && !rule.may_write().unwrap_or(true) {
            let what =
                "`optional` is for writes: an adapter may leave out every read; remove `optional`";
            return Err(Fault::in_rule(&rule.request, "optional", what));
        }
        for part in rule.open_parts().map_err(|e| super::of_rule(rule, &e))? {
            if !names.insert(part.name.clone()) {
                let what =
                    format!("`{}` names two computed values; give each its own `name`", part.name);
                let (name, pointer) = (Some(part.name.as_str()), &part.pointer);
                return Err(Fault::in_part(&rule.request, name, pointer, what));
            }
        }
    }
    reads(contract)?;
    rehearsed(contract)
}

/// Checks that a read with a value of an answer can have an effect: in a closed contract, no write depends on it.
fn reads(contract: &Contract) -> Result<(), Fault> {
    let is_late_read = |rule: &&Rule| rule.awaits_answer() && !rule.may_write().unwrap_or(true);
    match contract.perform.http.iter().find(is_late_read) {
        Some(rule) if !contract.is_open() => {
            let what = "the request reads with a value of an answer, but the contract determines every write; move the \
                        request to [[observe.http]]";
            Err(Fault::at(&rule.request, what))
        }
        _ => Ok(()),
    }
}

/// Checks that an open contract can be rehearsed: its reads can be sent, and the host can make the answers to the other
/// requests.
fn rehearsed(contract: &Contract) -> Result<(), Fault> {
    if !contract.is_open() {
        return Ok(());
    }
    let seed = Digest::of(b"sample");
    for rule in &contract.perform.http {
        let has_body = rule.body.is_some() || rule.body_json.is_some();
        if has_body && !rule.may_write().unwrap_or(true) {
            let what = "a read of an open contract has no body, because a rehearsal sends no read with a body; \
                        remove it, or write `writes = true` if the request changes something";
            return Err(Fault::in_rule(&rule.request, "body", what));
        }
        for (name, schema) in &rule.answer {
            if tokens::value(schema, &seed, name).is_none() {
                let what = format!(
                    "the host finds no value for `answer.{name}`, which it needs in a rehearsal; give it a pattern \
                     that short texts fit, and bounds that agree with it"
                );
                return Err(Fault::in_rule(&rule.request, name, what));
            }
        }
    }
    Ok(())
}

/// Checks a value of an answer in a rule of `perform`.
pub(super) fn placeholder(contract: &Contract, one: &Use<'_>, rule: &Rule) -> Result<(), Fault> {
    let Source::Answer(path) = one.source else { return Ok(()) };
    let written = one.source.written();
    let refuse = |why: String| {
        let excerpt = if is_in_target(one) { rule.request.as_str() } else { one.text };
        Err(Fault::in_rule(&rule.request, excerpt, format!("`{written}` {why}")))
    };
    if let Some(why) = misplaced(one, rule) {
        return refuse(why.to_owned());
    }
    let name = path.split('.').next().unwrap_or_default();
    let Some((source, schema)) = contract.answer_at(path) else {
        return refuse(super::answers::no_member(name));
    };
    if !source.may_write().unwrap_or(true) {
        return refuse(super::answers::OF_READ.to_owned());
    }
    if !is_before(contract, source, rule) {
        return refuse(format!(
            "is in the rule `{name}` itself or before it; only a later rule can have a value of its answer"
        ));
    }
    if source.upstream != rule.upstream {
        let (from, to) = (&source.upstream, &rule.upstream);
        return refuse(format!("is of upstream `{from}`, and cannot be sent to `{to}`"));
    }
    if source.optional {
        return refuse(format!(
            "may have no answer, because `{name}` is `optional`; remove `optional` there"
        ));
    }
    if schema.kind() == Some(Kind::Object) {
        return refuse("is an object; name one of its members".to_owned());
    }
    if !tokens::can_stand_for(schema) {
        return refuse(
            "has too few possible values: in a rehearsal, a random value with at least 48 bits stands for it, so that \
             it is recognized nowhere else; widen its schema in `answer`, for example to `type = \"integer\"` without \
             a small `maximum`, or to a `pattern` such as `^[a-z0-9]{12,40}$`"
                .to_owned(),
        );
    }
    if super::answers::has_private(contract, rule) {
        return refuse("cannot be in a request that has a private parameter".to_owned());
    }
    Ok(())
}

/// Why a value of an answer cannot be at this place of a rule of `perform`.
fn misplaced(one: &Use<'_>, rule: &Rule) -> Option<&'static str> {
    match one.place {
        Place::Path | Place::Query if rule.guard == Some(Guard::Etag) => Some(
            "is in the target of a write with `guard = \"etag\"`; the host reads the entity tag before the first \
             write, so remove `guard` or the value",
        ),
        Place::Body if one.mixed => Some(
            "is in a body, so it must be a whole value; text can stand around it only in a path or query",
        ),
        Place::Body if !rule.may_write().unwrap_or(true) => {
            Some("is in the body of a read; put it into the path or query")
        }
        Place::Path | Place::Query | Place::Body => None,
        Place::Header | Place::Where => Some(
            "can only be in the path, in the query, or as a whole value in the body of a later rule of perform",
        ),
    }
}

fn is_in_target(one: &Use<'_>) -> bool {
    matches!(one.place, Place::Path | Place::Query)
}

/// Whether the first rule is before the second in `perform`.
fn is_before(contract: &Contract, one: &Rule, other: &Rule) -> bool {
    let place = |rule: &Rule| contract.perform.http.iter().position(|it| it == rule);
    matches!((place(one), place(other)), (Some(one), Some(other)) if one < other)
}
