//! Checks the placeholders of rules and of the resource: each stands for a declared parameter, has a value where one is
//! required, and cannot change the meaning of the text around it.

use deed_spec::json::overlap;

use super::super::Contract;
use super::super::fault::Fault;
use crate::contract::narrow::Alphabet;
use crate::contract::schema::{Kind, Schema};
use crate::contract::template::text::{Format, Source};
use crate::contract::template::{self, Place, Rule, Use};
use crate::exchange::codec::Outgoing;

pub(super) fn resource(contract: &Contract) -> Result<(), Fault> {
    let resource = &contract.action.resource;
    let uses = template::resource_placeholders(resource, contract.templates());
    for one in uses.map_err(|e| Fault::at(resource, e))? {
        is_bound(contract, &one, resource)?;
        is_narrow(contract, &one, None)?;
        if let Source::Pre(_) | Source::Answer(_) = one.source {
            let what = "`resource` cannot contain a value of the state or of an answer: it is known before both";
            return Err(Fault::at(resource, what));
        }
        if matches!(one.source, Source::Param { optional: true, .. }) {
            let what = format!(
                "`{}` cannot be part of the resource; require the parameter",
                one.source.written()
            );
            return Err(Fault::at(resource, what));
        }
        if one.source == Source::ActionId {
            let what = "`resource` cannot contain `{action.id}`: two actions on the same resource would not \
                        wait for each other";
            return Err(Fault::at(resource, what));
        }
    }
    Ok(())
}

pub(super) fn rule(contract: &Contract, rule: &Rule, observing: bool) -> Result<(), Fault> {
    let body = rule.body_template().map_err(|e| Fault::at(&rule.request, e))?;
    let uses = rule.placeholders(body.as_deref(), contract.templates());
    let uses = uses.map_err(|e| Fault::at(&rule.request, e))?;
    for one in &uses {
        let inside = matches!(one.place, Place::Body | Place::Header);
        is_bound(contract, one, if inside { one.text } else { &rule.request })?;
        is_narrow(contract, one, Some(rule))?;
        compared(contract, one, rule)?;
        of_state(contract, one, rule, observing)?;
        if observing {
            super::answers::placeholder(contract, one, rule)?;
        } else {
            super::open::placeholder(contract, one, rule)?;
        }
        optional(one, &uses, observing, &rule.request)?;
        if rule.codec.request == Outgoing::Form && one.place == Place::Body {
            flat(contract, one, rule)?;
        }
    }
    Ok(())
}

/// A placeholder is a declared parameter, which is required unless the placeholder allows its absence.
fn is_bound(contract: &Contract, one: &Use<'_>, needle: &str) -> Result<(), Fault> {
    let Source::Param { name, optional } = one.source else { return Ok(()) };
    if !contract.params.properties.contains_key(name) {
        let is_text = contract.templates() == Format::Two && one.place == Place::Body && one.mixed;
        let or = if is_text {
            format!(", or write `{{{{{name}}}}}` if the braces are literal")
        } else {
            String::new()
        };
        let what = format!("`{{{name}}}` is not bound; add `properties.{name}` under [params]{or}");
        return Err(Fault::at(needle, what));
    }
    let required = contract.params.required.iter().any(|r| r == name);
    // In format 1, every placeholder in a body may stand for an absent parameter.
    if optional || contract.templates() == Format::One && one.place == Place::Body {
        if optional && required {
            let what = format!("`{name}` is required, so write `{{{name}}}` without `?`");
            return Err(Fault::at(needle, what));
        }
        return Ok(());
    }
    if required {
        return Ok(());
    }
    let may_be_left_out =
        contract.templates() == Format::Two && one.place == Place::Body && !one.mixed;
    let or = if may_be_left_out {
        format!(", or write `{{{name}?}}` to leave it out")
    } else {
        String::new()
    };
    let what = format!("`{{{name}}}` can be absent; add `{name}` to `required` under [params]{or}");
    Err(Fault::at(needle, what))
}

/// Checks that no value next to text or in a header can change the meaning of the text, for example by a quote or a
/// separator. In a POST that only reads, this holds for every value, because the agent must not choose what the POST
/// does.
fn is_narrow(contract: &Contract, one: &Use<'_>, rule: Option<&Rule>) -> Result<(), Fault> {
    let Source::Param { name, .. } = one.source else { return Ok(()) };
    let in_search = rule.is_some_and(|rule| rule.reads) && one.place != Place::Where;
    if !one.mixed && one.place != Place::Header && !in_search {
        return Ok(());
    }
    let fault = |what: String| match rule {
        Some(rule) => in_rule(rule, one, what),
        None => Fault::at(&contract.action.resource, what),
    };
    let schema = contract.params.properties.get(name);
    let is_listed = schema.is_some_and(|one| one.choices.is_some() || one.constant.is_some());
    let is_number = schema.and_then(Schema::kind).is_some_and(|kind| kind != Kind::String);
    if in_search && one.place == Place::Path && !is_listed && !is_number {
        let what = format!(
            "`{{{name}}}` is in the path of a POST that only reads, and could select another operation; make `{name}` an \
             `enum` or an integer, or put it into the query or body"
        );
        return Err(fault(what));
    }
    if schema.and_then(Alphabet::of).is_some_and(Alphabet::is_narrow) {
        return Ok(());
    }
    let why = match one.place {
        _ if one.mixed => "touches the text around it",
        Place::Header => "is the value of a header",
        _ => "is in a POST that only reads",
    };
    let what = format!(
        "`{{{name}}}` in `{}` {why}, so `{name}` must be an integer, a decimal, a boolean, an `enum`, or a string with \
         an anchored \
         `pattern` of only `A-Z a-z 0-9 _ - . @ +`, such as `pattern = \"^[A-Za-z0-9._-]+$\"`",
        one.text
    );
    Err(fault(what))
}

/// A fault of a placeholder, at its line in the table of the rule.
fn in_rule(rule: &Rule, one: &Use<'_>, what: impl std::fmt::Display) -> Fault {
    let is_in_request = matches!(one.place, Place::Path | Place::Query);
    let excerpt: &str = if is_in_request { &rule.request } else { one.text };
    Fault::in_rule(&rule.request, excerpt, what)
}

/// Checks that a value that an element of a list must have is a whole, public value.
fn compared(contract: &Contract, one: &Use<'_>, rule: &Rule) -> Result<(), Fault> {
    if one.place != Place::Where {
        return Ok(());
    }
    let is_plain = |schema: &Schema| {
        matches!(schema.kind(), Some(Kind::String | Kind::Integer | Kind::Boolean))
            && !schema.private
    };
    let is_comparable = match one.source {
        Source::Param { name, .. } => contract.params.properties.get(name).is_none_or(is_plain),
        _ => true,
    };
    if one.mixed || !is_comparable {
        let what = format!(
            "`{}` in `where` must be a whole placeholder of a string, an integer or a boolean that is not private, or \
             `{{action.id}}`",
            one.text
        );
        return Err(in_rule(rule, one, what));
    }
    Ok(())
}

/// Checks that a value of the state before the action is a whole value in the JSON body of a write. The schema must
/// require the value, so that the request is complete. The value must not be volatile, so that an approval is bound to
/// it.
fn of_state(contract: &Contract, one: &Use<'_>, rule: &Rule, observing: bool) -> Result<(), Fault> {
    let Source::Pre(path) = one.source else { return Ok(()) };
    let written = one.source.written();
    let refuse = |why: &str| Err(in_rule(rule, one, format!("`{written}` {why}")));
    let in_json = one.place == Place::Body && rule.codec.request == Outgoing::Json;
    if observing || one.mixed || !in_json {
        return refuse("can only be a whole value in the JSON body of a write");
    }
    let mut steps = path.split('.');
    let name = steps.next().unwrap_or_default();
    let steps: Vec<&str> = steps.collect();
    let states = contract.state_schemas();
    let Some((schema, required)) = states.get(name).and_then(|state| state.at(&steps)) else {
        return refuse("is not a property of a declared state");
    };
    // A write may send only state that the host itself read, not state that the adapter reads or computes.
    if contract.state.get(name).is_none_or(|shape| shape.from.is_none()) {
        return refuse(
            "is of a state without `from`; the host sends only values that it read itself",
        );
    }
    let inside = (1..=steps.len()).filter_map(|n| states.get(name)?.at(steps.get(..n)?));
    if !required || inside.into_iter().any(|(schema, _)| schema.nullable) {
        return refuse(
            "can be absent or null; make every property on its path `required`, and none `nullable`",
        );
    }
    if !schema.is_plain() {
        return refuse(
            "is an object or a decimal, which the host keeps in another form than the upstream sent; use its members, or \
             a string for an amount",
        );
    }
    let pointer = format!("/{}", path.replace('.', "/"));
    if contract.volatile().iter().any(|volatile| overlap(volatile, &pointer)) {
        return refuse(
            "is `volatile`, so an approval would not be bound to the value that is sent",
        );
    }
    Ok(())
}

/// Checks that an optional placeholder is in a body, or in the query of an `observe` rule that also has a required
/// placeholder.
fn optional(one: &Use<'_>, all: &[Use<'_>], observing: bool, request: &str) -> Result<(), Fault> {
    let Source::Param { name, optional: true } = one.source else { return Ok(()) };
    let is_filter = |other: &&Use<'_>| {
        other.place == Place::Query && !matches!(other.source, Source::Param { optional: true, .. })
    };
    match one.place {
        Place::Body if !observing => Ok(()),
        Place::Query if observing && !one.mixed => {
            if all.iter().any(|other| is_filter(&other)) {
                return Ok(());
            }
            let what = format!(
                "without `{name}` the query would have no filter; add a required filter, or require `{name}`"
            );
            Err(Fault::at(request, what))
        }
        Place::Path | Place::Query | Place::Header | Place::Body | Place::Where => {
            let what = format!(
                "`{{{name}?}}` can only be a whole value of a body, or of the query of an [[observe.http]]; \
                 require `{name}` and write \
                 `{{{name}}}`"
            );
            Err(Fault::at(request, what))
        }
    }
}

/// Checks that a placeholder in a form-urlencoded body does not stand for a list or an object.
fn flat(contract: &Contract, one: &Use<'_>, rule: &Rule) -> Result<(), Fault> {
    let Source::Param { name, .. } = one.source else { return Ok(()) };
    let kind = contract.params.properties.get(name).and_then(Schema::kind);
    match kind {
        Some(Kind::String | Kind::Integer | Kind::Boolean | Kind::Decimal) => Ok(()),
        _ => Err(in_rule(
            rule,
            one,
            format!(
                "`{name}` is not a text, integer, decimal or boolean; a form can contain nothing else"
            ),
        )),
    }
}
