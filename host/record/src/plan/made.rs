//! The answers that the host makes in a rehearsal, in the place of those that only the upstream can give.

use std::collections::BTreeMap;

use deed_spec::digest::Digest;
use serde_json::{Map, Value};

use super::draft::Answered;
use super::matching::text;
use super::tokens;
use crate::contract::template::{self, Rule};
use crate::exchange::codec::Incoming;

/// An answer that the host made, and the values in it.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) answered: Answered,
    /// The members that the rule declares, as later rules refer to them.
    pub(super) value: Value,
    /// The values that stand for values of the real answer, by `NAME.MEMBER`.
    pub(super) tokens: Vec<(String, Value)>,
}

/// Makes the answer to a request. Fails with a reason for the author of the contract when a declared member has no
/// value that the host could make.
pub(super) fn made(rule: &Rule, seed: &Digest) -> Result<Made, String> {
    let name = rule.name.as_deref().unwrap_or_default();
    let (mut value, mut found) = (Map::new(), Vec::new());
    for (member, schema) in &rule.answer {
        let path = format!("{name}.{member}");
        let made = tokens::value(schema, seed, &path).ok_or_else(|| {
            let request = &rule.request;
            format!(
                "the host found no value for `answer.{member}` of `{request}` that the contract allows; give it a \
                 pattern with fewer conditions"
            )
        })?;
        found.extend(tokens::tokens_of(schema, &made, &path));
        value.insert(member.clone(), made);
    }
    let answered = answered(rule, &value);
    Ok(Made { answered, value: Value::Object(value), tokens: found })
}

fn answered(rule: &Rule, value: &Map<String, Value>) -> Answered {
    let (location, placed) = location(rule, value);
    let mut body = value.clone();
    body.retain(|member, _| !placed.contains(&member.as_str()));
    let has_body = !body.is_empty() && rule.codec.has_members();
    let kind = kind(rule.codec.response).filter(|_| has_body);
    let headers = kind.map(|kind| ("content-type".to_owned(), kind.to_owned()));
    let location = location.map(|path| ("location".to_owned(), path));
    let status = rule.created.first().or(rule.accepted.first()).copied().unwrap_or(200);
    Answered {
        status,
        headers: headers.into_iter().chain(location).collect::<BTreeMap<_, _>>(),
        body: has_body.then_some(Value::Object(body)),
    }
}

/// The path of `Location`, and the members that it contains.
fn location<'r>(rule: &'r Rule, value: &Map<String, Value>) -> (Option<String>, Vec<&'r str>) {
    let Some(form) = &rule.location else { return (None, Vec::new()) };
    let mut placed = Vec::new();
    let mut part = |segment: &'r str| match template::placeholder(segment) {
        Some(name) => {
            placed.push(name);
            template::percent_encode(&value.get(name).map(text).unwrap_or_default())
        }
        None => template::normal(segment),
    };
    let parts: Vec<String> = form.split('/').map(&mut part).collect();
    (Some(parts.join("/")), placed)
}

fn kind(response: Incoming) -> Option<&'static str> {
    match response {
        Incoming::Json => Some("application/json"),
        Incoming::Form => Some("application/x-www-form-urlencoded"),
        Incoming::Xml => Some("application/xml"),
        Incoming::Text | Incoming::None => None,
    }
}
