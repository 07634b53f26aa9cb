//! What the answers to named writes say, and the later requests that contain their values.
//!
//! Only answers of writes that were carried out count, and only the recorded copy of an answer is read, so a verifier
//! finds the same values. A read of `perform` may also have a name, but no request contains a value of its answer: reads
//! are not in the journal, so after an interruption the value would not be known.

use std::collections::BTreeMap;

use deed_spec::json;
use serde_json::{Map, Value};

use crate::contract::Contract;
use crate::contract::schema::{Kind, Schema};
use crate::contract::template::{self, Rule};
use crate::exchange::meaning::Meaning;
use crate::exchange::{Exchange, Rendered};
use crate::plan::matching::is_planned_as;
use crate::plan::{Plan, Planned};

/// The request that one `observe` rule sends in an observation, if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked<'a> {
    Request(&'a Rendered),
    /// A request whose path contains values of answers to writes.
    Filled(Box<Rendered>),
    /// No request, because the write whose answer the path needs was not carried out.
    Nothing,
    /// The reason why the request is not known.
    Unknown(String),
}

/// Maximum bytes of one member of an answer, as JSON, and of a path that contains members.
const VALUE_MAX: usize = 1 << 10;
pub(crate) const PATH_MAX: usize = 8 << 10;

/// The answers to the named writes of `perform`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers(BTreeMap<String, Answer>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    /// The write was not sent, or was refused.
    None,
    Known(Value),
    Unknown(String),
}

impl Answers {
    /// Reads the answers. `perform` is the rendered rules of `perform`, and `sent` the exchanges of all attempts before
    /// the observation; both are empty before the first write.
    pub fn of(contract: &Contract, perform: &[Rendered], sent: &[&Exchange]) -> Self {
        let mut answers = Self::default();
        let rules = contract.perform.http.iter().zip(perform);
        for (rule, request) in rules.filter(|(rule, request)| rule.name.is_some() && request.writes)
        {
            let of_rule = |one: &&Exchange| is_of(request, &one.request);
            let sent: Vec<&Exchange> = sent.iter().copied().filter(of_rule).collect();
            answers.add(rule, &sent);
        }
        answers
    }

    /// Reads the answers to the writes of a plan.
    pub(crate) fn of_plan(rules: &[Rule], plan: &Plan, sent: &[&Exchange]) -> Self {
        let mut answers = Self::default();
        let is_named_write =
            |(_, rule): &(usize, &Rule)| rule.name.is_some() && rule.may_write().unwrap_or(true);
        for (n, rule) in rules.iter().enumerate().filter(is_named_write) {
            let is_of_rule = |one: &&Planned| usize::try_from(one.rule).is_ok_and(|rule| rule == n);
            let planned = plan.writes.iter().find(is_of_rule);
            let of_rule = |one: &&Exchange| {
                planned.is_some_and(|planned| is_planned_as(&planned.request, &one.request))
            };
            let sent: Vec<&Exchange> = sent.iter().copied().filter(of_rule).collect();
            answers.add(rule, &sent);
        }
        answers
    }

    /// Adds the answer of one more exchange of a write. A value that is known does not change; another answer to the
    /// same write makes it unknown.
    pub(crate) fn learn(&mut self, rule: &Rule, exchange: &Exchange) {
        let Some(name) = rule.name.clone() else { return };
        let kept = match (self.0.get(&name), answer(rule, &[exchange])) {
            (Some(Answer::Known(first)), Answer::Known(other)) if *first != other => twice(rule),
            (Some(Answer::Known(_)), _) => return,
            (_, found) => found,
        };
        self.0.insert(name, kept);
    }

    /// Only the answers that are known.
    #[must_use]
    pub(crate) fn known(mut self) -> Self {
        self.0.retain(|_, answer| matches!(answer, Answer::Known(_)));
        self
    }

    /// Whether the request whose answer has this member was sent, by `NAME.MEMBER`.
    pub(crate) fn has_answer(&self, path: &str) -> bool {
        self.0.contains_key(path.split('.').next().unwrap_or_default())
    }

    /// Why the value of a member of an answer is not known.
    pub(crate) fn why_unknown(&self, path: &str) -> String {
        let name = path.split('.').next().unwrap_or_default();
        match self.0.get(name) {
            None => format!("the write `{name}` was not sent"),
            Some(Answer::None) => format!("the write `{name}` was not carried out"),
            Some(Answer::Unknown(why)) => why.clone(),
            Some(Answer::Known(_)) => format!("the answer has no `{path}`"),
        }
    }

    /// What each rendered `observe` rule sends, in the order of the rules.
    pub fn asked<'a>(&self, looks: &'a [Rendered]) -> Vec<Asked<'a>> {
        looks.iter().map(|look| self.of_look(look)).collect()
    }

    /// The percent-encoded value of a member of an answer, by `NAME.MEMBER`; `None` if it is not known.
    pub fn text(&self, path: &str) -> Option<String> {
        let value = self.member(path)?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some(template::percent_encode(&text))
    }

    /// The value of a member of an answer, by `NAME.MEMBER`; `None` if it is not known.
    pub fn value(&self, path: &str) -> Option<Value> {
        self.member(path).cloned()
    }

    fn member(&self, path: &str) -> Option<&Value> {
        let (name, path) = path.split_once('.')?;
        let Some(Answer::Known(value)) = self.0.get(name) else { return None };
        path.split('.').try_fold(value, |value, step| value.get(step))
    }

    fn add(&mut self, rule: &Rule, sent: &[&Exchange]) {
        if let Some(name) = rule.name.clone() {
            self.0.insert(name, answer(rule, sent));
        }
    }

    fn of_look<'a>(&self, look: &'a Rendered) -> Asked<'a> {
        let names = look.answers().filter_map(|path| path.split_once('.').map(|(name, _)| name));
        for name in names {
            match self.0.get(name) {
                None | Some(Answer::None) => return Asked::Nothing,
                Some(Answer::Unknown(why)) => return Asked::Unknown(why.clone()),
                Some(Answer::Known(_)) => {}
            }
        }
        if !look.awaits_answer() {
            return Asked::Request(look);
        }
        match look.with_answers(|path| self.text(path)) {
            Ok(filled) if filled.path.len() > PATH_MAX => Asked::Unknown(format!(
                "a path with values of answers has more than {PATH_MAX} bytes"
            )),
            Ok(filled) => Asked::Filled(Box::new(filled)),
            Err(error) => Asked::Unknown(error.to_string()),
        }
    }
}

impl Asked<'_> {
    pub fn into_owned(self) -> Asked<'static> {
        match self {
            Self::Request(request) => Asked::Filled(Box::new(request.clone())),
            Self::Filled(request) => Asked::Filled(request),
            Self::Nothing => Asked::Nothing,
            Self::Unknown(why) => Asked::Unknown(why),
        }
    }

    /// The request, if there is one.
    pub fn request(&self) -> Option<&Rendered> {
        match self {
            Self::Request(request) => Some(request),
            Self::Filled(request) => Some(request),
            Self::Nothing | Self::Unknown(_) => None,
        }
    }
}

/// Whether a sent request is this rule with some values of the state and of answers, and some parts that the adapter
/// computed.
fn is_of(rule: &Rendered, sent: &Rendered) -> bool {
    let is_filled = || rule.awaits_answer() && rule.is_filled_as(&sent.path);
    (rule.path == sent.path || is_filled())
        && Rendered { path: rule.path.clone(), ..sent.without_state() } == *rule
}

/// The answer to one named write in all attempts, by its exchanges. If the write was sent more than once, all answers
/// must be equal.
fn answer(rule: &Rule, sent: &[&Exchange]) -> Answer {
    let mut found = None;
    for done in sent.iter().filter(|one| one.is_done()) {
        match members(rule, done) {
            Err(why) => return Answer::Unknown(format!("the answer to the write of {why}")),
            Ok(value) if found.as_ref().is_some_and(|first| *first != value) => {
                return twice(rule);
            }
            Ok(value) => found = Some(value),
        }
    }
    let is_open = |one: &&Exchange| {
        one.may_have_written() && !one.is_turned_away() && one.meaning() != Some(Meaning::Refused)
    };
    match found {
        Some(value) => Answer::Known(value),
        None if sent.iter().any(is_open) => {
            Answer::Unknown(format!("the write of {} has no definite answer", described(rule)))
        }
        None => Answer::None,
    }
}

fn twice(rule: &Rule) -> Answer {
    let why = "was answered twice, with different values";
    Answer::Unknown(format!("the write of {} {why}", described(rule)))
}

fn described(rule: &Rule) -> String {
    format!("`{}`", rule.request)
}

/// The declared members of an answer, if every one of them is present and fits the contract.
pub(crate) fn members(rule: &Rule, exchange: &Exchange) -> Result<Value, String> {
    let of = described(rule);
    if let Some(problem) = &exchange.problem {
        return Err(format!("{of} cannot be used: {problem}"));
    }
    let place = exchange.headers.get("location").map(String::as_str);
    let parts = match (&rule.location, place) {
        (None, _) => BTreeMap::new(),
        (Some(form), None) => {
            return Err(format!("{of} has no `Location` below the base URL, as in `{form}`"));
        }
        (Some(form), Some(place)) => parts(form, place)
            .ok_or_else(|| format!("{of} has a `Location` that is not of the form `{form}`"))?,
    };
    let mut found = Map::new();
    for (name, schema) in &rule.answer {
        let value = match parts.get(name) {
            Some(part) => typed(schema, part),
            None => member(exchange, name).map_err(|why| format!("{of} {why}"))?,
        };
        let kept = schema.project(&value).map_err(|violation| {
            format!("{of} does not fit `answer.{name}` of the contract: {violation}")
        })?;
        if let Some(missing) = schema.missing(&kept).first() {
            return Err(format!("{of} has no `{name}{}`", missing.replace('/', ".")));
        }
        if kept.to_string().len() > VALUE_MAX {
            return Err(format!("{of} has more than {VALUE_MAX} bytes in `{name}`"));
        }
        found.insert(name.clone(), kept);
    }
    Ok(Value::Object(found))
}

fn member(exchange: &Exchange, name: &str) -> Result<Value, String> {
    let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
    let inside = |place: &String| {
        let below = place.strip_prefix(&pointer);
        place.is_empty() || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if exchange.redacted.iter().any(inside) {
        return Err(format!("held a secret in `{name}`"));
    }
    let value = exchange.response.as_ref().and_then(|body| json::pointer(body, &pointer));
    value.cloned().ok_or_else(|| format!("has no `{name}`"))
}

/// The decoded parts of a path, by the placeholders of a pattern such as `/jobs/{job}`; `None` if the path does not
/// match the pattern.
fn parts(form: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let (form, path) = (form.split('/'), path.split('/').collect::<Vec<_>>());
    let form: Vec<&str> = form.collect();
    if form.len() != path.len() {
        return None;
    }
    let mut found = BTreeMap::new();
    for (wanted, segment) in form.into_iter().zip(path) {
        let decoded = percent_encoding::percent_decode_str(segment).decode_utf8().ok()?;
        match template::placeholder(wanted) {
            Some(name) => {
                found.insert(name.to_owned(), decoded.into_owned());
            }
            None if decoded == wanted => {}
            None => return None,
        }
    }
    Some(found)
}

/// Converts a part of a path to a number if the schema allows that, otherwise to a text.
fn typed(schema: &Schema, part: &str) -> Value {
    let text = || Value::from(part);
    match part.parse::<i64>() {
        Ok(number) if schema.kind() == Some(Kind::Integer) && number.to_string() == part => {
            Value::from(number)
        }
        _ => text(),
    }
}

#[cfg(test)]
mod tests;
