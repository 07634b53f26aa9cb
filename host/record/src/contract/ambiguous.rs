//! Checks whether two rules of a contract could render the same request for some parameters.
//!
//! A request that matches two rules is ambiguous: the host journals it as a write under one rule but not under the
//! other. The check assumes that two values may be equal unless a schema excludes it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Contract;
use super::fault::Fault;
mod mixed;

use crate::contract::schema::{Kind, Schema, decimal};
use crate::contract::template::text::{self, Format, Piece, Source};
use crate::contract::template::{Rule, is_part, normal};
use crate::exchange::codec::Outgoing;

pub(super) fn check(contract: &Contract) -> Result<(), Fault> {
    for (phase, rules) in [("observe", &contract.observe), ("perform", &contract.perform)] {
        for (n, one) in rules.http.iter().enumerate() {
            for other in rules.http.iter().skip(n + 1) {
                apart(contract, phase, one, other)?;
            }
        }
    }
    for look in &contract.observe.http {
        for write in contract.perform.http.iter().filter(|rule| rule.writes || look.reads) {
            looks_only(contract, look, write)?;
        }
    }
    Ok(())
}

fn apart(contract: &Contract, phase: &str, one: &Rule, other: &Rule) -> Result<(), Fault> {
    let same = |a: &Rule| (a.request.clone(), a.body.clone(), a.body_json.clone());
    if one.upstream == other.upstream && same(one) == same(other) {
        let calls = one.calls.unwrap_or(1).saturating_add(other.calls.unwrap_or(1));
        let what = format!(
            "`{}` occurs twice in [[{phase}.http]]; keep one and write `calls = {calls}`",
            one.request
        );
        return Err(Fault::at(&one.request, what));
    }
    if !Pair::new(contract).meet(one, other, method(one) == method(other)) {
        return Ok(());
    }
    let what = format!(
        "`{}` and `{}` in [[{phase}.http]] could be the same request; keep one, or narrow a parameter: use \
         `pattern` or `type` to exclude fixed text, `enum` to exclude the values of another parameter{}",
        one.request,
        other.request,
        remedy(contract, one, other)
    );
    Err(Fault::at(&other.request, what))
}

/// What keeps two rules apart if the contract does not determine all of their parts.
fn remedy(contract: &Contract, one: &Rule, other: &Rule) -> &'static str {
    if contract.templates() == Format::Two && (one.is_open() || other.is_open()) {
        "; a computed value may be any value, so a fixed part of the requests must differ"
    } else {
        ""
    }
}

/// Checks that an `observe` rule cannot render a write, because an observation can be repeated at any time. GET and
/// HEAD count as the same method, because an upstream that acts on GET also acts on HEAD.
fn looks_only(contract: &Contract, look: &Rule, write: &Rule) -> Result<(), Fault> {
    let safe = |rule: &Rule| matches!(method(rule), "GET" | "HEAD");
    let same = safe(look) && safe(write) || method(look) == method(write);
    if !Pair::new(contract).meet(look, write, same) {
        return Ok(());
    }
    let what = format!(
        "`{}` in [[observe.http]] could be `{}` in [[perform.http]], which writes: an observation could then write; \
         observe with another request",
        look.request, write.request
    );
    Err(Fault::at(&look.request, what))
}

/// Two rules that are rendered with the same parameters, and the values that the parameters must have for both requests
/// to be equal.
struct Pair<'a> {
    contract: &'a Contract,
    /// Whether the body is form-urlencoded, so that 5 and "5" are sent as the same bytes.
    form: bool,
    /// The text that each parameter must have for the two rules to be equal, by parameter name.
    bound: BTreeMap<String, String>,
}

impl<'a> Pair<'a> {
    fn new(contract: &'a Contract) -> Self {
        Self { contract, form: false, bound: BTreeMap::new() }
    }

    fn meet(&mut self, one: &Rule, other: &Rule, same_method: bool) -> bool {
        if !same_method || one.upstream != other.upstream {
            return false;
        }
        self.form = [one, other].iter().any(|rule| rule.codec.request == Outgoing::Form);
        let ((path, query), (its_path, its_query)) = (target(one), target(other));
        let (path, its_path) =
            (path.split('/').collect::<Vec<_>>(), its_path.split('/').collect::<Vec<_>>());
        // A body that is not a valid template is skipped here, because another check reports it.
        let (Ok(body), Ok(its_body)) = (one.body_template(), other.body_template()) else {
            return false;
        };
        self.texts(&path, &its_path)
            && self.queries(query, its_query)
            && self.bodies(body.as_deref(), its_body.as_deref())
    }

    /// The segments of two paths. An empty segment, as after a final slash, differs from every other segment: no value
    /// in a path is rendered as an empty text, and the host refuses an empty value of an answer.
    fn texts(&mut self, one: &[&str], other: &[&str]) -> bool {
        one.len() == other.len()
            && one.iter().zip(other).all(|(a, b)| a.is_empty() == b.is_empty() && self.text(a, b))
    }

    /// Compares the query pairs in any order, because upstreams ignore the order of query pairs.
    fn queries(&mut self, one: &str, other: &str) -> bool {
        let (one, other) = (self.pairs(one), self.pairs(other));
        // A pair may be left out, so queries of different lengths may be equal.
        if one.iter().chain(&other).any(|(_, value)| value.ends_with("?}")) {
            return true;
        }
        let keys =
            |pairs: &[(String, &str)]| pairs.iter().map(|(k, _)| k.clone()).collect::<Vec<_>>();
        keys(&one) == keys(&other) && one.iter().zip(&other).all(|((_, a), (_, b))| self.text(a, b))
    }

    /// The pairs of a query, sorted by key.
    fn pairs<'t>(&self, query: &'t str) -> Vec<(String, &'t str)> {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let mut pairs: Vec<_> = pairs.map(|(key, value)| (self.sent(key), value)).collect();
        pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
        pairs
    }

    /// Returns literal text of a request target as it is sent.
    fn sent(&self, literal: &str) -> String {
        if self.format() == Format::One { literal.to_owned() } else { normal(literal) }
    }

    fn format(&self) -> Format {
        self.contract.templates()
    }

    /// One path segment, or one query value.
    fn text(&mut self, one: &str, other: &str) -> bool {
        let (Ok(a), Ok(b)) = (text::pieces(one, self.format()), text::pieces(other, self.format()))
        else {
            return true;
        };
        match (parameter_of(&a), parameter_of(&b), is_literal(&a), is_literal(&b)) {
            (_, _, true, true) => self.sent(&literal_of(&a)) == self.sent(&literal_of(&b)),
            (Some(a), Some(b), ..) => a == b || self.overlap(a, b),
            (Some(name), _, _, true) => self.takes_text(name, &decoded(&literal_of(&b))),
            (_, Some(name), true, _) => self.takes_text(name, &decoded(&literal_of(&a))),
            // Literals are compared in decoded form, as a server reads them.
            _ => mixed::meet(self.contract, &read(&a), &read(&b)),
        }
    }

    /// Whether a parameter may be rendered as this text, and no other place requires a different text for the
    /// parameter.
    fn takes_text(&mut self, name: &str, text: &str) -> bool {
        let Some(schema) = self.contract.params.properties.get(name) else { return false };
        let as_text = Value::String(text.to_owned());
        let as_number = text.parse::<i64>().map(Value::from);
        let as_flag = text.parse::<bool>().map(Value::from);
        let values = [Some(as_text), as_number.ok(), as_flag.ok()];
        if !values.iter().flatten().any(|value| schema.violations(value).is_empty()) {
            return false;
        }
        *self.bound.entry(name.to_owned()).or_insert_with(|| text.to_owned()) == text
    }

    /// Whether two parameters may have the same value. Equality is excluded only if one schema lists its values and the
    /// other schema allows none of them.
    fn overlap(&self, one: &str, other: &str) -> bool {
        let schema = |name: &str| self.contract.params.properties.get(name);
        let (Some(one), Some(other)) = (schema(one), schema(other)) else { return false };
        if one.nullable && other.nullable {
            return true;
        }
        match (listed(one), listed(other)) {
            (Some(values), _) => values.iter().any(|value| takes(other, value)),
            (_, Some(values)) => values.iter().any(|value| takes(one, value)),
            (None, None) => true,
        }
    }

    fn bodies(&self, one: Option<&Value>, other: Option<&Value>) -> bool {
        match (one, other) {
            (None, None) => true,
            (Some(one), Some(other)) => self.values(one, other),
            (Some(body), None) | (None, Some(body)) => self.may_be_absent(body),
        }
    }

    fn values(&self, one: &Value, other: &Value) -> bool {
        // The adapter may compute any value, whatever its schema.
        if self.is_computed(one) || self.is_computed(other) {
            return true;
        }
        if self.format() == Format::Two && self.vanishes(one) && self.vanishes(other) {
            return true;
        }
        match (self.parameter(one), self.parameter(other)) {
            (Some(a), Some(b)) => a == b || self.overlap(a, b),
            (Some(name), None) => self.takes_value(name, other),
            (None, Some(name)) => self.takes_value(name, one),
            (None, None) => match (one, other) {
                (Value::String(a), Value::String(b)) => self.strings(a, b),
                (Value::Array(a), Value::Array(b)) => self.lists(a, b),
                (Value::Object(a), Value::Object(b)) => {
                    let held =
                        |(key, value): (&String, &Value),
                         other: &serde_json::Map<String, Value>| {
                            other
                                .get(key)
                                .map_or_else(|| self.vanishes(value), |its| self.values(value, its))
                        };
                    a.iter().all(|member| held(member, b)) && b.iter().all(|member| held(member, a))
                }
                _ if self.is_late(one) || self.is_late(other) => true,
                _ if self.form && (self.is_mixed(one) || self.is_mixed(other)) => true,
                _ => {
                    one == other
                        || self.form && text(one) == text(other)
                        || self.format() == Format::Two && are_same_number(one, other)
                }
            },
        }
    }

    /// Rendering omits an element whose parameter is absent, so templates of different lengths may render equal lists.
    fn lists(&self, one: &[Value], other: &[Value]) -> bool {
        if one.iter().chain(other).any(|item| self.vanishes(item)) {
            return true;
        }
        one.len() == other.len() && one.iter().zip(other).all(|(a, b)| self.values(a, b))
    }

    fn takes_value(&self, name: &str, value: &Value) -> bool {
        let Some(schema) = self.contract.params.properties.get(name) else { return false };
        let value = &self.unescaped(value);
        self.has_parameter(value)
            || schema.violations(value).is_empty()
            || self.form && takes(schema, value)
            || self.format() == Format::Two && takes_number(schema, value)
    }

    fn may_be_absent(&self, value: &Value) -> bool {
        self.parameter(value)
            .is_some_and(|name| !self.contract.params.required.iter().any(|r| r == name))
    }

    /// Whether rendering may leave out a member or an item. A form-urlencoded body has no bytes for an empty list or
    /// table.
    fn vanishes(&self, value: &Value) -> bool {
        let is_nested_form = self.form && self.format() == Format::Two;
        match value {
            Value::Array(items) if is_nested_form => items.iter().all(|item| self.vanishes(item)),
            Value::Object(members) if is_nested_form => {
                members.values().all(|item| self.vanishes(item))
            }
            _ => self.may_be_absent(value),
        }
    }

    /// Whether two texts of request bodies may be equal.
    fn strings(&self, one: &str, other: &str) -> bool {
        match (text::pieces(one, self.format()), text::pieces(other, self.format())) {
            (Ok(a), Ok(b)) if is_literal(&a) && is_literal(&b) => a == b,
            (Ok(a), Ok(b)) => mixed::meet(self.contract, &a, &b),
            _ => true,
        }
    }

    /// Whether a value is a placeholder for a value of the state or of an answer, which is known only after the host
    /// has read the state or sent the write.
    fn is_late(&self, value: &Value) -> bool {
        let pieces = value.as_str().map(|text| text::pieces(text, self.format()));
        let Some(Ok(pieces)) = pieces else { return false };
        matches!(text::whole(&pieces), Some(Source::Pre(_) | Source::Answer(_)))
    }

    /// Whether the adapter computes a value.
    fn is_computed(&self, value: &Value) -> bool {
        self.format() == Format::Two && value.as_object().is_some_and(is_part)
    }

    fn is_mixed(&self, value: &Value) -> bool {
        let pieces = value.as_str().map(|text| text::pieces(text, self.format()));
        matches!(pieces, Some(Ok(pieces)) if pieces.len() > 1)
    }

    /// Replaces the doubled braces in a literal text of a body by single braces, as the text is sent.
    fn unescaped(&self, value: &Value) -> Value {
        match value.as_str().map(|text| text::pieces(text, self.format())) {
            Some(Ok(pieces)) if is_literal(&pieces) => Value::String(literal_of(&pieces)),
            _ => value.clone(),
        }
    }

    fn parameter<'t>(&self, value: &'t Value) -> Option<&'t str> {
        let pieces = text::pieces(value.as_str()?, self.format()).ok()?;
        parameter_of(&pieces)
    }

    fn has_parameter(&self, value: &Value) -> bool {
        match value {
            Value::Array(items) => items.iter().any(|item| self.has_parameter(item)),
            Value::Object(_) if self.is_computed(value) => true,
            Value::Object(members) => members.values().any(|item| self.has_parameter(item)),
            Value::String(text) => {
                text::pieces(text, self.format()).is_ok_and(|pieces| !is_literal(&pieces))
            }
            _ => false,
        }
    }
}

/// The name of the parameter, if the whole text is one placeholder for a parameter.
fn parameter_of<'t>(pieces: &[Piece<'t>]) -> Option<&'t str> {
    match text::whole(pieces) {
        Some(Source::Param { name, .. }) => Some(name),
        _ => None,
    }
}

fn is_literal(pieces: &[Piece<'_>]) -> bool {
    pieces.iter().all(|piece| matches!(piece, Piece::Literal(_)))
}

fn literal_of(pieces: &[Piece<'_>]) -> String {
    let literals = pieces.iter().filter_map(|piece| match piece {
        Piece::Literal(text) => Some(text.as_ref()),
        Piece::Value(_) => None,
    });
    literals.collect()
}

/// The pieces of a path or query with decoded literals.
fn read<'t>(pieces: &[Piece<'t>]) -> Vec<Piece<'t>> {
    let one = |piece: &Piece<'t>| match piece {
        Piece::Literal(text) => Piece::Literal(decoded(text).into()),
        Piece::Value(source) => Piece::Value(*source),
    };
    pieces.iter().map(one).collect()
}

/// Decodes a literal to the text that a value must have to be sent as this literal.
fn decoded(literal: &str) -> String {
    percent_encoding::percent_decode_str(literal).decode_utf8_lossy().into_owned()
}

/// The values that a schema allows, if the schema lists them.
fn listed(schema: &Schema) -> Option<Vec<&Value>> {
    match (&schema.constant, &schema.choices) {
        (Some(value), _) => Some(vec![value]),
        (None, Some(values)) => Some(values.iter().collect()),
        (None, None) => None,
    }
}

/// Whether a schema allows a value, or another value that renders as the same text. For example, 5 and "5" render the
/// same path segment.
fn takes(schema: &Schema, value: &Value) -> bool {
    let text = text(value);
    let number = text.parse::<i64>().map(Value::from).ok();
    let flag = text.parse::<bool>().map(Value::from).ok();
    let alike = [Some(value.clone()), number, flag, Some(Value::String(text))];
    alike.iter().flatten().any(|value| schema.violations(value).is_empty())
}

/// Whether a text and a number may be sent as the same number. Decimals are texts in a template, and numbers in a
/// request.
fn are_same_number(one: &Value, other: &Value) -> bool {
    let count = |value: &Value| decimal::parse(&text(value));
    (one.is_number() || other.is_number()) && count(one).is_some() && count(one) == count(other)
}

/// Whether a parameter that is a number may be sent as the same number as this value.
fn takes_number(schema: &Schema, value: &Value) -> bool {
    let Some(count) = decimal::parse(&text(value)) else { return false };
    let digits = decimal::text(count);
    let same = match schema.kind() {
        Some(Kind::Integer) => digits.parse::<i64>().ok().map(Value::from),
        Some(Kind::Decimal) => Some(Value::String(digits)),
        _ => None,
    };
    same.is_some_and(|same| schema.violations(&same).is_empty())
}

/// The text of a value as it appears in a path, a query or a form-urlencoded body.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn method(rule: &Rule) -> &str {
    rule.request.split_once(' ').map_or("", |(method, _)| method)
}

/// The path and the query of a rule's request.
fn target(rule: &Rule) -> (&str, &str) {
    let target = rule.request.split_once(' ').map_or("", |(_, target)| target);
    target.split_once('?').unwrap_or((target, ""))
}
