//! Why a request of a rehearsal is refused, for the adapter and for the agent.
//!
//! A rehearsal runs before anybody agreed to the action. Its agent must not learn what the adapter read or computed,
//! and a refusal that quotes the request would tell it.

use deed_spec::json;
use serde_json::Value;

use super::Requested;

/// The methods that a refusal may name. An adapter may ask for any other text as a method.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// A refusal in two texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The text for the adapter, the evidence and the host's log. It may quote the request.
    pub told: String,
    /// The text for the reason of the outcome, which the agent sees. It has no value that was read or computed.
    pub reason: String,
}

/// A text that quotes nothing is used for both.
impl From<String> for Refusal {
    fn from(text: String) -> Self {
        Self { told: text.clone(), reason: text }
    }
}

impl Refusal {
    /// A refusal that names a place: the place in the request, and the declared part of it.
    pub(super) fn at(place: &str, declared: &str, text: impl Fn(&str) -> String) -> Self {
        Self { told: text(place), reason: text(declared) }
    }

    /// Both texts, changed in the same way.
    pub(super) fn map(self, change: impl Fn(String) -> String) -> Self {
        Self { told: change(self.told), reason: change(self.reason) }
    }
}

/// A request for the agent: its method, and its upstream if it is one of these.
pub(super) fn shown<'u>(
    asked: &Requested<'_>,
    mut upstreams: impl Iterator<Item = &'u str>,
) -> String {
    let method = METHODS.iter().find(|method| **method == asked.method);
    let method = method.map_or_else(String::new, |method| format!("`{method}` "));
    match upstreams.find(|upstream| *upstream == asked.upstream) {
        Some(upstream) => format!("a {method}request to `{upstream}`"),
        None => format!("a {method}request to another upstream"),
    }
}

/// The longest part of a JSON pointer that leads to a value in the body of a rule.
pub(super) fn declared<'p>(body: Option<&Value>, mut at: &'p str) -> &'p str {
    while !at.is_empty() && body.and_then(|body| json::pointer(body, at)).is_none() {
        at = at.rfind('/').and_then(|end| at.get(..end)).unwrap_or_default();
    }
    at
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::tests::asked;

    #[test]
    fn a_request_is_shown_without_what_an_adapter_may_choose() {
        let show = |asked: &Requested<'_>| shown(asked, ["shop", "bank"].into_iter());
        let one = asked("PUT", "/what-was-read", Some(json!("what was read")));
        assert_eq!(show(&one), "a `PUT` request to `shop`");
        let other = Requested { upstream: "what-was-read", method: "WHAT-WAS-READ", ..one };
        assert_eq!(show(&other), "a request to another upstream");
    }

    #[test]
    fn a_place_is_shown_as_far_as_the_rule_has_it() {
        let body = json!({"a": [{"b": null}]});
        for (at, shown) in [
            ("", ""),
            ("/a/0/b", "/a/0/b"),
            ("/a/0/what was read", "/a/0"),
            ("/a/1", "/a"),
            ("/what was read/x", ""),
        ] {
            assert_eq!(declared(Some(&body), at), shown);
        }
        assert_eq!(declared(None, "/what was read"), "");
    }
}
