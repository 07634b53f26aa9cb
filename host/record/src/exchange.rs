//! Requests as the host renders them and exchanges as the host saw them.

pub mod claim;
pub mod codec;
use std::collections::BTreeMap;

use deed_spec::digest::Digest;
use deed_spec::json;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::exchange::codec::Codec;

/// One request that an action may send, rendered by the host from contract and parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rendered {
    /// The upstream's short name.
    pub upstream: String,
    /// In upper case.
    pub method: String,
    /// Percent-encoded, with the query; joined to the upstream's base URL.
    pub path: String,
    /// Any JSON; of a form an object of texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// How the body leaves and what the answer must be; JSON where it is absent.
    #[serde(default, skip_serializing_if = "Codec::is_plain")]
    pub codec: Codec,
    /// How often one run may send it.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub calls: u32,
    /// Whether it may change something. Then its intent is durable before its first byte leaves.
    pub writes: bool,
    /// Its precondition, which the upstream checks before it carries the write out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guard>,
    /// JSON pointers into the answer: what is seen and recorded of it; all where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expose: Option<Vec<String>>,
}

/// A precondition of a write against a change between look and write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// `If-Match` with the entity tag that the host saw (RFC 9110 section 13.1.1).
    Etag,
}

/// The status of a write whose precondition did not hold: it was not carried out (RFC 9110 section 15.5.13).
const PRECONDITION_FAILED: u16 = 412;

/// Whether bytes of a request left, and whether a complete answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fate {
    /// No byte of it left.
    NotSent,
    /// It may have landed: bytes left and no complete answer came.
    NoAnswer,
    /// A complete answer came.
    Answered {
        #[cfg_attr(feature = "schema", schemars(range(min = 100, max = 999)))]
        status: u16,
    },
}

/// One HTTP request and response, as the host saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Position in the run, from 0; what a guest names when it points at a place.
    pub ordinal: u32,
    pub request: Rendered,
    pub fate: Fate,
    /// The decoded and redacted JSON body, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Value>,
    /// The entity tag of the answer: what a guarded write on the same path must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The entity tag that a guarded write carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_match: Option<String>,
    /// What the upstream knows a repetition of this write by: the same in every attempt of the action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// The attempt whose success this is: it was answered from the record, and nothing was sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried_from: Option<u32>,
    /// How many seconds the upstream asked to be left alone (RFC 9110 section 10.2.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u32>,
    /// JSON pointers of leaves that were replaced because they held a secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redacted: Vec<String>,
    /// Why there is no answer, or none that could be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The headers of the answer that the adapter was shown, as it was shown them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// What the adapter was told instead of an answer; the words are those of `problem`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Unix milliseconds.
    pub started_ms: i64,
    pub ended_ms: i64,
    /// Unix milliseconds after which the host would not have kept the connection open.
    pub deadline_ms: i64,
}

/// The case of a failure that the adapter was told; `fate` is what the host makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Failure {
    /// The host does not send it there.
    Denied,
    NotSent,
    NoAnswer,
    /// An answer came, and it was larger than this many bytes.
    TooLarge {
        limit: u64,
    },
}

/// An exchange as the receipt carries it: no bodies, their digests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeSummary {
    pub upstream: String,
    pub method: String,
    pub path: String,
    pub writes: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guard>,
    pub fate: Fate,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_sha256: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_sha256: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried_from: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    pub started_ms: i64,
    pub ended_ms: i64,
}

/// What a run asked for beyond its grant. A request that stands among the exchanges was granted: the host did not
/// send it because of the upstream's configuration.
pub fn beyond_grant<'a>(
    refused: &'a [String],
    exchanges: &'a [Exchange],
) -> impl Iterator<Item = &'a String> {
    let forbids = |why: &String| exchanges.iter().any(|one| one.forbidden() == Some(why.as_str()));
    refused.iter().filter(move |why| !forbids(why))
}

impl Exchange {
    /// Why the configuration of its upstream does not let the host send it, where that is so.
    pub fn forbidden(&self) -> Option<&str> {
        self.problem.as_deref().filter(|_| self.failure == Some(Failure::Denied))
    }

    pub fn summary(&self) -> ExchangeSummary {
        ExchangeSummary {
            upstream: self.request.upstream.clone(),
            method: self.request.method.clone(),
            path: self.request.path.clone(),
            writes: self.request.writes,
            guard: self.request.guard,
            fate: self.fate,
            request_sha256: self.request.body.as_ref().and_then(digest),
            response_sha256: self.response.as_ref().and_then(digest),
            idempotency_key: self.idempotency_key.clone(),
            carried_from: self.carried_from,
            problem: self.problem.clone(),
            started_ms: self.started_ms,
            ended_ms: self.ended_ms,
        }
    }

    /// Whether it is known what the adapter was told: not when its run was cut off under it.
    pub fn is_concluded(&self) -> bool {
        self.failure.is_some() || matches!(self.fate, Fate::Answered { .. })
    }

    /// A write that got no definite answer: it may land until its deadline. A gateway's 5xx is not one.
    pub fn is_open(&self) -> bool {
        self.request.writes
            && match self.fate {
                Fate::NotSent => false,
                Fate::NoAnswer => true,
                Fate::Answered { status } => {
                    !(200..300).contains(&status) && !is_definite_refusal(status)
                }
            }
    }

    /// A write that the upstream says it carried out.
    pub fn is_done(&self) -> bool {
        self.request.writes && matches!(self.fate, Fate::Answered { status: 200..=299 })
    }

    /// A write whose precondition did not hold.
    pub fn is_turned_away(&self) -> bool {
        self.request.writes && is_turned_away(self.request.guard, self.fate)
    }

    /// A write that may have reached the upstream.
    pub fn may_have_written(&self) -> bool {
        self.request.writes && self.fate != Fate::NotSent
    }
}

impl ExchangeSummary {
    /// Whether the upstream cannot have carried it out: not a write, not sent, or its precondition failed.
    pub fn is_without_effect(&self) -> bool {
        !self.writes || self.fate == Fate::NotSent || is_turned_away(self.guard, self.fate)
    }
}

/// A guarded write that the upstream did not carry out, because the state is another than the host saw.
fn is_turned_away(guard: Option<Guard>, fate: Fate) -> bool {
    guard.is_some() && fate == Fate::Answered { status: PRECONDITION_FAILED }
}

/// A 4xx that says the request was not carried out; 408, 409, 425 and 429 leave that open.
pub fn is_definite_refusal(status: u16) -> bool {
    (400..500).contains(&status) && !matches!(status, 408 | 409 | 425 | 429)
}

/// The digest of a value's canonical bytes; none for a value that has no canonical form.
fn digest(value: &Value) -> Option<Digest> {
    json::canonical(value).ok().map(|bytes| Digest::of(&bytes))
}
