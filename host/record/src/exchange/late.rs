//! Values in requests that are not known when the action is proposed. The body of a write may contain values of the
//! state before the action, and the path of a later read may contain values of the answer to a write.

use std::collections::BTreeSet;

use deed_spec::json;
use serde_json::Value;

use super::Rendered;
use super::segment::has_dots;

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

    /// The request as the contract renders it, in which the values of the state are not filled in.
    #[must_use]
    pub fn without_state(&self) -> Self {
        let mut bare = self.clone();
        for place in self.pre.keys() {
            if let Some(slot) = bare.body.as_mut().and_then(|body| body.pointer_mut(place)) {
                *slot = Value::Null;
            }
        }
        bare
    }
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
}
