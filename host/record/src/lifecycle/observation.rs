//! State that the host read from the exchanges of a read-only run.

pub mod answers;
pub mod declared;
mod hindrance;

use std::collections::{BTreeMap, BTreeSet};

use deed_spec::digest::Digest;
use deed_spec::json;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::contract::{Contract, StateShape};
use crate::exchange::claim::Claim;
use crate::exchange::{Exchange, ExchangeSummary, Rendered};
use crate::memo::Memo;

/// One read of the state from the system of record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// The states by name, reduced to the properties that the contract declares.
    pub state: BTreeMap<String, Value>,
    /// Names of states that the adapter computed (the contract has `derived = true`).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub derived: BTreeSet<String>,
    pub exchanges: Vec<Exchange>,
    /// What the adapter reported about its run; absent if the adapter was not started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
    /// The requests that the adapter made outside its grant. None of the refused requests was sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
    /// Unix milliseconds at which the run ended.
    pub at_ms: i64,
    /// Why the observation is unusable: the adapter failed, or the responses did not fit the contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Observation {
    /// The whole state as the JSON object that CEL, Cedar and JSON pointers refer to.
    pub fn value(&self) -> Value {
        let members: Map<String, Value> =
            self.state.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        Value::Object(members)
    }

    /// The start of the first request in Unix milliseconds, or the end of the observation if it made no request. The
    /// start decides, and not the end: if a request began while a write could still take effect, its response does not
    /// prove the state after that time.
    pub fn began_ms(&self) -> i64 {
        self.exchanges.iter().map(|e| e.started_ms).min().unwrap_or(self.at_ms)
    }

    /// The entity tag for a write, from the first successful response to a GET of the same path.
    ///
    /// The tag of a later response is never used. The state may come from the first response, and it must not be older
    /// than the tag.
    pub fn tag(&self, write: &Rendered) -> Option<&str> {
        let same = |look: &&Exchange| {
            look.request.upstream == write.upstream
                && look.request.method == "GET"
                && look.request.path == write.path
                && look.is_success()
        };
        self.exchanges.iter().find(same).and_then(|look| look.etag.as_deref())
    }

    /// The digest that approvals are bound to, see [`state_digest`].
    ///
    /// # Errors
    ///
    /// Fails when the state has no canonical form.
    pub fn digest(&self, contract: &Contract) -> Result<Digest, json::NotCanonical> {
        state_digest(contract, &self.value())
    }

    /// Whether another observation shows the same state, apart from volatile values.
    pub fn shows_same(&self, other: &Self, contract: &Contract) -> bool {
        stable(contract, &self.value()) == stable(contract, &other.value())
    }

    /// Why this observation is unusable: it has a problem, or a required field is missing or redacted.
    pub fn unusable(&self, contract: &Contract) -> Option<String> {
        self.unusable_unless(contract, |_, _| false)
    }

    /// Like [`Observation::unusable`], but `is_gone` tells whether the action's writes confirm the absence of a state
    /// whose rule has no `control`.
    pub(crate) fn unusable_unless(
        &self,
        contract: &Contract,
        is_gone: impl Fn(&str, &StateShape) -> bool,
    ) -> Option<String> {
        if let Some(problem) = &self.problem {
            return Some(problem.clone());
        }
        for (name, shape) in contract.state.iter() {
            let Some(value) = self.state.get(name) else {
                return Some(format!("state `{name}` was not read"));
            };
            if value.is_null() && contract.may_be_absent(shape) {
                // The status 404 alone does not prove that the state is absent, because an upstream may also answer 404
                // when the credential has lost its permission.
                if contract.confirms_absence(shape) || is_gone(name, shape) {
                    continue;
                }
                return Some(format!(
                    "state `{name}` was not found, and nothing confirms that it does not exist; add `control` to its rule"
                ));
            }
            if let Some(missing) = shape.missing(value).first() {
                return Some(format!("required field `/{name}{missing}` is missing"));
            }
        }
        let redacted = self.exchanges.iter().flat_map(|e| &e.redacted).next();
        redacted.map(|pointer| format!("`{pointer}` held a secret and was redacted"))
    }
}

/// An observation as signed statements describe it: its exchanges, and the digest of the state that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// SHA-256 of `evidence/pre.json` or `evidence/post.json`: the canonical bytes of the [`Observation`].
    pub evidence_sha256: Digest,
    pub derived: Vec<String>,
    pub exchanges: Vec<ExchangeSummary>,
    pub at_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Look {
    /// The start of the observation in Unix milliseconds. If the observation made no request, the end of the
    /// observation is returned.
    pub fn began_ms(&self) -> i64 {
        self.exchanges.iter().map(|one| one.started_ms).min().unwrap_or(self.at_ms)
    }

    pub(crate) fn of(observation: &Observation) -> Result<Self, json::NotCanonical> {
        let exchanges = observation.exchanges.iter();
        Ok(Self {
            evidence_sha256: Digest::of(&json::to_canonical(observation)?),
            derived: observation.derived.iter().cloned().collect(),
            exchanges: exchanges.map(Exchange::summary).collect(),
            at_ms: observation.at_ms,
            problem: observation.problem.clone(),
        })
    }
}

/// An observation with its [`Look`], computed on first use.
pub type Sight = Memo<Observation, Look>;

impl Sight {
    /// Like [`Look::of`], but computes the result only once. Fails when the observation has no canonical form.
    pub(crate) fn look(&self) -> Result<Look, json::NotCanonical> {
        self.known(Look::of)
    }
}

/// The digest of a whole state, to which approvals are bound. The digest covers what the contract's `depends_on` names,
/// or, without `depends_on`, all values that are not volatile.
///
/// # Errors
///
/// Fails when the state has no canonical form.
pub fn state_digest(contract: &Contract, state: &Value) -> Result<Digest, json::NotCanonical> {
    let covered = match contract.depends_on() {
        Some(pointers) => parts(pointers, state),
        None => stable(contract, state),
    };
    Ok(Digest::of(&json::canonical(&covered)?))
}

/// The values at these JSON pointers, and which states exist. A pointer at which there is no value is left out.
fn parts(pointers: &[String], state: &Value) -> Value {
    let value = |at: &String| Some((at.clone(), json::pointer(state, at)?.clone()));
    let values: Map<String, Value> = pointers.iter().filter_map(value).collect();
    let states = state.as_object().into_iter().flatten();
    let exists: Map<String, Value> =
        states.map(|(name, value)| (name.clone(), Value::Bool(!value.is_null()))).collect();
    let members = [("exists", exists), ("values", values)];
    let members = members.map(|(name, part)| (name.to_owned(), Value::Object(part)));
    Value::Object(members.into_iter().collect())
}

/// A whole state without the values that the contract declares as volatile.
fn stable(contract: &Contract, state: &Value) -> Value {
    let mut value = state.clone();
    contract.volatile().iter().for_each(|pointer| remove(&mut value, pointer));
    value
}

/// Removes the value at a JSON pointer (RFC 6901), if the value exists.
fn remove(value: &mut Value, pointer: &str) {
    let Some((parent, last)) = pointer.rsplit_once('/') else { return };
    if let Some(Value::Object(members)) = value.pointer_mut(parent) {
        members.remove(&last.replace("~1", "/").replace("~0", "~"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn look(ordinal: u32, status: u16, etag: &str) -> Value {
        json!({
            "ordinal": ordinal, "fate": {"answered": {"status": status}}, "etag": etag,
            "request": {"upstream": "idp", "method": "GET", "path": "/u", "calls": 3, "writes": false},
            "started_ms": 0, "ended_ms": 0, "deadline_ms": 0
        })
    }

    #[test]
    fn a_tag_is_never_younger_than_what_was_read() {
        let exchanges = [look(0, 503, "gone"), look(1, 200, "first"), look(2, 200, "later")];
        let seen = json!({ "state": {}, "exchanges": exchanges, "at_ms": 1 });
        let seen: Observation = serde_json::from_value(seen).unwrap();
        let mut write = seen.exchanges[0].request.clone();
        write.method = "PUT".into();
        assert_eq!(seen.tag(&write), Some("first"));
        write.path = "/v".into();
        assert_eq!(seen.tag(&write), None);
    }
}
