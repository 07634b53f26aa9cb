//! Values in requests that are not known when the action is proposed. The body of a write may contain values of the
//! state before the action and parts that the adapter computes, and a later request may contain values of the answer to
//! a write.
//!
//! A request with these values keeps the maps `pre`, `any` and `awaited`, so that its rule can be found again.

use std::collections::{BTreeMap, BTreeSet};

use deed_spec::json;
use serde_json::Value;

use super::Rendered;
use super::codec::Outgoing;
use super::segment::{has_dots, percent_encode};

/// The beginning of a placeholder for a value of an answer. In a rendered path, all other braces are percent-encoded.
const ANSWER: &str = "{answer.";

/// The state lacks a value that a write sends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{method} {path}` sends `{value}`, but the state that was read before the action has no such value"
)]
pub struct NoValue {
    method: String,
    path: String,
    value: String,
}

/// A value of an answer that cannot be part of a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the answer to a write gives `{value}` for `{{answer.{name}}}`, which is empty or a dot segment"
)]
pub struct NoAnswer {
    name: String,
    value: String,
}

impl Rendered {
    /// Whether the path contains a placeholder for a value of an answer that is not known yet.
    pub fn awaits_answer(&self) -> bool {
        self.path.contains(ANSWER)
    }

    /// The placeholders for values of answers in the path, as `NAME.MEMBER`.
    pub fn answers(&self) -> impl Iterator<Item = &str> {
        let behind = self.path.split(ANSWER).skip(1);
        behind.filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
    }

    /// Returns the request with the placeholders for values of answers replaced by the percent-encoded text that
    /// `value` returns. A placeholder without a text stays unchanged.
    ///
    /// # Errors
    ///
    /// Fails when a value is empty or results in a dot segment.
    pub fn with_answers(&self, value: impl Fn(&str) -> Option<String>) -> Result<Self, NoAnswer> {
        let mut filled = self.clone();
        for name in self.answers() {
            let Some(value) = value(name) else { continue };
            let written = format!("{ANSWER}{name}}}");
            filled.path = filled.path.replace(&written, &value);
            let target = filled.path.split('?').next().unwrap_or_default();
            if value.is_empty() || target.split('/').any(has_dots) {
                return Err(NoAnswer { name: name.to_owned(), value });
            }
        }
        Ok(filled)
    }

    /// Whether the path `sent` is the path of this request with each placeholder for a value of an answer replaced by
    /// some value.
    pub fn is_filled_as(&self, sent: &str) -> bool {
        let mut parts = self.path.split(ANSWER);
        let Some(rest) = sent.strip_prefix(parts.next().unwrap_or_default()) else { return false };
        let target = sent.split('?').next().unwrap_or_default();
        if target.split('/').any(has_dots) {
            return false;
        }
        let literals = parts.map(|part| part.split_once('}').map_or("", |(_, literal)| literal));
        ends(rest.as_bytes(), literals).contains(&rest.len())
    }

    /// Whether this request and another one, which both have values of answers, may have the same path: their texts
    /// before the first value and after the last value do not contradict each other.
    pub fn may_meet(&self, other: &Self) -> bool {
        let ends = |path: &str| {
            let head = path.split(ANSWER).next().unwrap_or_default().to_owned();
            (head, path.rsplit('}').next().unwrap_or_default().to_owned())
        };
        let ((head, tail), (its_head, its_tail)) = (ends(&self.path), ends(&other.path));
        (head.starts_with(&its_head) || its_head.starts_with(&head))
            && (tail.ends_with(&its_tail) || its_tail.ends_with(&tail))
    }

    /// The values of answers that are not filled into the path and the body yet, as `NAME.MEMBER`, each once.
    pub fn needs(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let is_filled = |place: &str| {
            let value = self.body.as_ref().and_then(|body| json::pointer(body, place));
            value.is_some_and(|value| !value.is_null())
        };
        let awaited = self.awaited.iter().filter(|(place, _)| !is_filled(place));
        for name in self.answers().chain(awaited.map(|(_, name)| name.as_str())) {
            if !found.iter().any(|one| one == name) {
                found.push(name.to_owned());
            }
        }
        found
    }

    /// Returns the request with the values of answers that `value` returns by `NAME.MEMBER`: percent-encoded in the
    /// path, as text in a form-urlencoded body, and as they are in a JSON body. A place without a value stays
    /// unchanged.
    ///
    /// # Errors
    ///
    /// Fails when a value in the path is empty or results in a dot segment.
    pub fn with_answer_values(
        &self,
        value: impl Fn(&str) -> Option<Value>,
    ) -> Result<Self, NoAnswer> {
        let encoded = |name: &str| value(name).map(|value| percent_encode(&text(&value)));
        let mut filled = self.with_answers(encoded)?;
        for (place, name) in &self.awaited {
            let Some(value) = value(name) else { continue };
            let sent = match self.codec.request {
                Outgoing::Json => value,
                Outgoing::Form => Value::String(text(&value)),
            };
            filled.set(place, sent);
        }
        Ok(filled)
    }

    /// Returns the request with these values in the parts that the adapter computes, by the JSON pointers of `any`.
    /// Other pointers are ignored.
    #[must_use]
    pub fn with_any(&self, parts: &BTreeMap<String, Value>) -> Self {
        let mut filled = self.clone();
        for place in self.any.keys() {
            match parts.get(place) {
                Some(value) if place.is_empty() => filled.body = Some(value.clone()),
                Some(value) => filled.set(place, value.clone()),
                None => {}
            }
        }
        filled
    }

    /// The values in the parts that the adapter computes, by the JSON pointers of `any`. A part without a value is left
    /// out; no part has the value null.
    pub fn parts(&self) -> BTreeMap<String, Value> {
        let part = |place: &String| {
            let value = json::pointer(self.body.as_ref()?, place)?;
            (!value.is_null()).then(|| (place.clone(), value.clone()))
        };
        self.any.keys().filter_map(part).collect()
    }

    /// Fills the values of a whole state into the body of the request.
    ///
    /// # Errors
    ///
    /// Fails when the state lacks a value that the body sends.
    pub fn with_state(&self, state: &Value) -> Result<Self, NoValue> {
        let mut filled = self.clone();
        for (place, source) in &self.pre {
            let value = json::pointer(state, source);
            let slot = filled.body.as_mut().and_then(|body| body.pointer_mut(place));
            match (slot, value) {
                (Some(slot), Some(value)) => *slot = value.clone(),
                _ => {
                    return Err(NoValue {
                        method: self.method.clone(),
                        path: self.path.clone(),
                        value: format!("pre{}", source.replace('/', ".")),
                    });
                }
            }
        }
        Ok(filled)
    }

    /// The request as the contract renders it: without values of the state, parts that the adapter computed, and values
    /// of answers in the body. The path stays as it is.
    #[must_use]
    pub fn without_state(&self) -> Self {
        let mut bare = self.clone();
        for place in self.pre.keys().chain(self.any.keys()).chain(self.awaited.keys()) {
            bare.set(place, Value::Null);
        }
        if self.any.contains_key("") {
            bare.body = None;
        }
        bare
    }

    /// Sets the value at a JSON pointer into the body, if there is one.
    fn set(&mut self, place: &str, value: Value) {
        if let Some(slot) = self.body.as_mut().and_then(|body| body.pointer_mut(place)) {
            *slot = value;
        }
    }
}

/// A value of an answer as it appears in a path or in a form-urlencoded body.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The positions in a text at which a sequence of values, each followed by its literal, can end. Linear in the text for
/// each literal.
fn ends<'l>(text: &[u8], literals: impl Iterator<Item = &'l str>) -> BTreeSet<usize> {
    let is_of_value = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%".contains(byte);
    let mut starts: BTreeSet<usize> = [0].into();
    for literal in literals {
        let (mut next, mut inside) = (BTreeSet::new(), false);
        for (at, byte) in text.iter().enumerate() {
            inside = (inside || starts.contains(&at)) && is_of_value(byte);
            let behind = text.get(at + 1..).unwrap_or_default();
            if inside && behind.starts_with(literal.as_bytes()) {
                next.insert(at + 1 + literal.len());
            }
        }
        starts = next;
    }
    starts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::request;

    #[test]
    fn the_values_of_a_state_come_and_go_and_nothing_else_changes() {
        let bare = Rendered {
            body: Some(json!({"email": null, "note": "{pre.user.email}", "deep": [{"a/b": null}]})),
            pre: [("/email", "/user/email"), ("/deep/0/a~1b", "/user/level")]
                .map(|(place, source)| (place.to_owned(), source.to_owned()))
                .into(),
            ..request("PUT", "/u")
        };
        let state = json!({"user": {"email": "{action.id}", "level": 3}});
        let filled = bare.with_state(&state).unwrap();
        assert_eq!(
            filled.body,
            Some(json!({"email": "{action.id}", "note": "{pre.user.email}", "deep": [{"a/b": 3}]}))
        );
        assert_eq!(filled.without_state(), bare);
        for state in [json!({"user": {"email": "x"}}), json!({"user": null}), json!({})] {
            let missing = bare.with_state(&state).unwrap_err().to_string();
            assert!(missing.contains("`PUT /u` sends `pre.user."), "{missing}");
        }
    }

    fn named(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(place, name)| ((*place).to_owned(), (*name).to_owned())).collect()
    }

    fn open() -> Rendered {
        Rendered {
            body: Some(json!({"doc": null, "by": null, "list": [{"a/b": null}], "n": 1})),
            any: named(&[("/doc", "doc"), ("/list/0/a~1b", "part")]),
            awaited: named(&[("/by", "create.id")]),
            ..request("PUT", "/t/{answer.create.id}/{answer.create.key}")
        }
    }

    #[test]
    fn computed_parts_come_and_go_and_nothing_else_changes() {
        let bare = open();
        assert_eq!(bare.parts(), BTreeMap::new());
        let parts: BTreeMap<String, Value> =
            [("/doc", json!({"x": [null]})), ("/list/0/a~1b", json!("y"))]
                .map(|(place, value)| (place.to_owned(), value))
                .into();
        let mut more = parts.clone();
        more.insert("/n".to_owned(), json!(2));
        let filled = bare.with_any(&more);
        assert_eq!(
            filled.body,
            Some(json!({"doc": {"x": [null]}, "by": null, "list": [{"a/b": "y"}], "n": 1}))
        );
        assert_eq!(filled.parts(), parts);
        assert_eq!(filled.without_state(), bare);
        assert_eq!(filled.with_any(&BTreeMap::new()), filled);
    }

    #[test]
    fn a_whole_body_may_be_computed() {
        let bare = Rendered { any: named(&[("", "doc")]), ..request("PUT", "/t") };
        assert_eq!((bare.body.clone(), bare.parts()), (None, BTreeMap::new()));
        let parts = BTreeMap::from([(String::new(), json!({"a": 1}))]);
        let filled = bare.with_any(&parts);
        assert_eq!((filled.body.clone(), filled.parts()), (Some(json!({"a": 1})), parts));
        assert_eq!(filled.without_state(), bare);
    }

    #[test]
    fn values_of_answers_are_filled_in_as_far_as_they_are_known() {
        let bare = open();
        assert_eq!(bare.needs(), ["create.id", "create.key"]);
        let id = |name: &str| (name == "create.id").then(|| json!("a b"));
        let filled = bare.with_answer_values(id).unwrap();
        assert_eq!(filled.path, "/t/a%20b/{answer.create.key}");
        assert_eq!(filled.body.as_ref().unwrap()["by"], "a b");
        assert_eq!(Rendered { path: bare.path.clone(), ..filled.without_state() }, bare);
        assert_eq!(bare.with_answer_values(|_| None).unwrap(), bare);
        let number = bare.with_answer_values(|_| Some(json!(7))).unwrap();
        assert_eq!(
            (number.path.as_str(), &number.body.as_ref().unwrap()["by"]),
            ("/t/7/7", &json!(7))
        );
        let mut form = bare;
        form.codec.request = Outgoing::Form;
        let form = form.with_answer_values(|_| Some(json!(7))).unwrap();
        assert_eq!(form.body.unwrap()["by"], "7");
    }

    #[test]
    fn a_value_of_an_answer_stays_in_its_segment() {
        for value in ["", ".", "..", "../x", "a/.."] {
            let refused = open().with_answer_values(|_| Some(json!(value)));
            assert!(refused.is_err(), "{value:?}: {refused:?}");
        }
        let sent = open().with_answer_values(|_| Some(json!("a/b?c#{answer.create.id}"))).unwrap();
        let value = "a%2Fb%3Fc%23%7Banswer.create.id%7D";
        assert_eq!(sent.path, format!("/t/{value}/{value}"));
    }
}
