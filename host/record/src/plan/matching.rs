//! Compares requests with rules and plans, and finds the places where they differ.

use std::collections::BTreeMap;

use deed_spec::json;
use serde_json::{Map, Value};

use super::{Plan, Planned, Requested};
use crate::exchange::Rendered;
use crate::exchange::codec::Outgoing;

/// The beginning of a placeholder for a value of an answer. In a rendered path, all other braces are percent-encoded.
const ANSWER: &str = "{answer.";

/// Maximum number of places in a body that a reason names, which is enough to find the mistake.
const PLACES: usize = 8;

/// Maximum characters of a reason. A reason quotes the adapter's request, and records contain the reason.
const REASON: usize = 2 << 10;

/// The first difference between two plans, such as ``write 2 differs at `/a/b` ``; `None` if they are equal.
pub fn first_difference(one: &Plan, other: &Plan) -> Option<String> {
    let pairs = one.writes.iter().zip(&other.writes).enumerate();
    let mut found = pairs.filter_map(|(n, (one, other))| {
        difference(one, other).map(|what| format!("write {} {what}", n + 1))
    });
    let (before, now) = (one.writes.len(), other.writes.len());
    found.next().or_else(|| match before.cmp(&now) {
        std::cmp::Ordering::Less => Some(format!("write {} is new", before + 1)),
        std::cmp::Ordering::Greater => Some(format!("write {} is missing", now + 1)),
        std::cmp::Ordering::Equal => None,
    })
}

fn difference(one: &Planned, other: &Planned) -> Option<String> {
    if one == other {
        return None;
    }
    let (before, now) = (line(&one.request), line(&other.request));
    if before != now {
        return Some(format!("is now {now} instead of {before}"));
    }
    let bodies = (one.request.body.as_ref(), other.request.body.as_ref());
    let places = compare(bodies.0, Open::NOTHING, bodies.1).differing;
    Some(match places.first() {
        Some(place) => format!("differs {}", at(std::slice::from_ref(place))),
        None => "belongs to another rule of the contract".to_owned(),
    })
}

/// A request for messages: its method, path and upstream.
pub(super) fn line(request: &Rendered) -> String {
    format!("`{} {}` to `{}`", request.method, request.path, request.upstream)
}

/// The request of an adapter for messages.
pub(super) fn asked_line(asked: &Requested<'_>) -> String {
    format!("`{} {}` to `{}`", asked.method, asked.path, asked.upstream)
}

/// A place in a body for a sentence; nothing for the whole body.
pub(super) fn inside(pointer: &str) -> String {
    if pointer.is_empty() { String::new() } else { format!(" at `{pointer}`") }
}

/// Places in a body for the end of a sentence. The empty pointer stands for the whole body.
pub(super) fn at(places: &[String]) -> String {
    if places.iter().all(String::is_empty) {
        "in its body".to_owned()
    } else {
        format!("at `{}`", places.join("`, `"))
    }
}

/// A reason of bounded length.
pub(super) fn bounded(reason: String) -> String {
    if reason.len() <= REASON { reason } else { reason.chars().take(REASON).collect() }
}

/// The places of a body that are not compared with its rule, by JSON pointer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open<'r> {
    any: Option<&'r BTreeMap<String, String>>,
    awaited: Option<&'r BTreeMap<String, String>>,
}

impl<'r> Open<'r> {
    const NOTHING: Open<'static> = Open { any: None, awaited: None };

    /// The parts that an adapter computes, and the values of answers.
    pub(super) fn of_rule(rule: &'r Rendered) -> Self {
        Self { any: Some(&rule.any), awaited: Some(&rule.awaited) }
    }

    /// The values of answers only.
    pub(super) fn of_plan(planned: &'r Rendered) -> Self {
        Self { any: None, awaited: Some(&planned.awaited) }
    }

    fn is_any(self, at: &str) -> bool {
        self.any.is_some_and(|places| places.contains_key(at))
    }

    fn is_awaited(self, at: &str) -> bool {
        self.awaited.is_some_and(|places| places.contains_key(at))
    }
}

/// What a body has at its open places, and the first places at which it differs elsewhere.
#[derive(Clone, Debug, Default)]
pub(super) struct Compared {
    pub(super) parts: BTreeMap<String, Value>,
    pub(super) awaited: BTreeMap<String, Value>,
    pub(super) differing: Vec<String>,
}

/// Compares the body that an adapter sent with a rendered body.
pub(super) fn compare(own: Option<&Value>, open: Open<'_>, sent: Option<&Value>) -> Compared {
    let mut walk = Walk { open, found: Compared::default() };
    match (own, sent) {
        // A body that is null is refused, because a record could not distinguish it from an absent body.
        (_, Some(sent)) if open.is_any("") && !sent.is_null() => {
            walk.found.parts.insert(String::new(), sent.clone());
        }
        _ if open.is_any("") => walk.differs(String::new()),
        (Some(own), Some(sent)) => walk.value(own, sent, ""),
        (None, None) => {}
        _ => walk.differs(String::new()),
    }
    walk.found
}

struct Walk<'r> {
    open: Open<'r>,
    found: Compared,
}

/// The walk is never deeper than the rendered body: an adapter could put thousands of members below a long name, and
/// each reported place would repeat that name.
impl Walk<'_> {
    fn value(&mut self, own: &Value, sent: &Value, at: &str) {
        if self.open.is_any(at) {
            self.found.parts.insert(at.to_owned(), sent.clone());
            return;
        }
        if self.open.is_awaited(at) {
            self.found.awaited.insert(at.to_owned(), sent.clone());
            return;
        }
        match (own, sent) {
            (Value::Object(own), Value::Object(sent)) => self.members(own, sent, at),
            (Value::Array(own), Value::Array(sent)) if own.len() == sent.len() => {
                for (n, (own, sent)) in own.iter().zip(sent).enumerate() {
                    self.value(own, sent, &json::child(at, &n.to_string()));
                }
            }
            _ if own == sent => {}
            _ => self.differs(at.to_owned()),
        }
    }

    fn members(&mut self, own: &Map<String, Value>, sent: &Map<String, Value>, at: &str) {
        for (name, value) in own {
            let place = json::child(at, name);
            match sent.get(name) {
                Some(sent) => self.value(value, sent, &place),
                None => self.differs(place),
            }
        }
        let added = sent.keys().filter(|name| !own.contains_key(*name)).take(PLACES);
        for name in added {
            self.differs(json::child(at, name));
        }
    }

    fn differs(&mut self, at: String) {
        if self.found.differing.len() < PLACES {
            self.found.differing.push(at);
        }
    }
}

/// Whether a path is that of a rule, in which each placeholder for a value of an answer stands as it is written or is
/// replaced by the percent-encoded text that `text` returns.
pub(super) fn follows(rule: &str, sent: &str, text: &dyn Fn(&str) -> Option<String>) -> bool {
    let mut parts = rule.split(ANSWER);
    let Some(mut rest) = sent.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    for part in parts {
        let (name, literal) = part.split_once('}').unwrap_or((part, ""));
        let (written, value) = (format!("{ANSWER}{name}}}"), text(name));
        let filled = value.as_deref().and_then(|value| rest.strip_prefix(value));
        let behind = rest.strip_prefix(written.as_str()).or(filled);
        let Some(behind) = behind.and_then(|behind| behind.strip_prefix(literal)) else {
            return false;
        };
        rest = behind;
    }
    rest.is_empty()
}

/// Whether the upstream, the method and the path of a request are those of a rule or of a planned write.
pub(super) fn names(
    rule: &Rendered,
    asked: &Requested<'_>,
    text: &dyn Fn(&str) -> Option<String>,
) -> bool {
    rule.upstream == asked.upstream
        && rule.method == asked.method
        && follows(&rule.path, asked.path, text)
}

/// Whether an adapter sent the value of an answer, or null, at a place for this value.
pub(super) fn is_awaited_value(rule: &Rendered, sent: &Value, wanted: Option<&Value>) -> bool {
    let is_text = |wanted: &Value| {
        rule.codec.request == Outgoing::Form && sent.as_str() == Some(text(wanted).as_str())
    };
    sent.is_null() || wanted.is_some_and(|wanted| sent == wanted || is_text(wanted))
}

/// A value of an answer as it appears in text.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether a sent request is this planned write with some values of answers.
pub(crate) fn is_planned_as(planned: &Rendered, sent: &Rendered) -> bool {
    let path =
        planned.path == sent.path || planned.awaits_answer() && planned.is_filled_as(&sent.path);
    if !path {
        return false;
    }
    let mut bare = Rendered { path: planned.path.clone(), ..sent.clone() };
    for place in planned.awaited.keys() {
        if let Some(slot) = bare.body.as_mut().and_then(|body| body.pointer_mut(place)) {
            *slot = Value::Null;
        }
    }
    bare == *planned
}

/// The JSON pointer to the first text or number for which `finds` returns something, or to the object with such a name,
/// and what it returned. The pointer never contains that name.
pub(super) fn find<T>(
    value: &Value,
    at: &str,
    finds: &dyn Fn(&str) -> Option<T>,
) -> Option<(String, T)> {
    match value {
        Value::String(text) => finds(text).map(|found| (at.to_owned(), found)),
        Value::Number(number) => finds(&number.to_string()).map(|found| (at.to_owned(), found)),
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(n, item)| find(item, &json::child(at, &n.to_string()), finds))
        }
        Value::Object(members) => {
            let named = members.keys().find_map(|name| finds(name));
            named.map(|found| (at.to_owned(), found)).or_else(|| {
                let mut members = members.iter();
                members.find_map(|(name, member)| find(member, &json::child(at, name), finds))
            })
        }
        Value::Null | Value::Bool(_) => None,
    }
}

#[cfg(test)]
mod tests;
