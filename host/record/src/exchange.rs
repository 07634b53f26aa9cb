//! Requests as the host renders them, and exchanges as the host recorded them.

pub mod claim;
pub mod codec;
mod late;
pub mod meaning;
pub mod secret;
pub(crate) mod segment;

use std::collections::BTreeMap;

use deed_spec::digest::Digest;
use deed_spec::json;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::late::{NoAnswer, NoValue};
use crate::contract::expression::Expression;
use crate::exchange::codec::Codec;
use crate::exchange::meaning::Meaning;
use crate::exchange::secret::TakenSecret;

/// One request that an action may send, rendered by the host from contract and parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rendered {
    /// The name of the upstream.
    pub upstream: String,
    /// The HTTP method in upper case.
    pub method: String,
    /// The percent-encoded path with the query. The host appends the path to the upstream's base URL. In a request that
    /// is sent after a write, the path contains `{answer.NAME.MEMBER}` until the write was answered (format 2).
    pub path: String,
    /// Headers of the contract, by lower-case name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body as JSON; for a form-urlencoded body, an object of texts, which in format 2 may also contain lists and
    /// tables of texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// JSON pointers to the decimals of the body that are sent as numbers (format 2).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<String>,
    /// Values of the state before the action, which are null in `body` until the host has read the state: JSON pointers
    /// into the body, each with a JSON pointer into the state (format 2).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pre: BTreeMap<String, String>,
    /// The parts of the body that the adapter computes, which are null in `body` until a plan contains them: JSON pointers
    /// into the body, each with the name of the part. If the adapter computes the whole body, the pointer is empty, and
    /// `body` is absent until then (format 2).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub any: BTreeMap<String, String>,
    /// Values of answers to earlier writes, which are null in `body` until those writes were answered: JSON pointers into
    /// the body, each with `NAME.MEMBER` (format 2).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub awaited: BTreeMap<String, String>,
    /// The encoding of the body and of the response; JSON if absent.
    #[serde(default, skip_serializing_if = "Codec::is_plain")]
    pub codec: Codec,
    /// How often one run may send the request.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub calls: u32,
    /// Whether the request may change something. The intent to send a write is durable before the first byte of the
    /// write is sent.
    pub writes: bool,
    /// The precondition that the upstream checks before it carries out the write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guard>,
    /// JSON pointers to the parts of the response that the adapter sees and the host records; the whole response if
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expose: Option<Vec<String>>,
    /// Response statuses that mean that the state does not exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<u16>,
    /// The values that an element of the list that the state is read from must have, by JSON pointers into the element.
    #[serde(rename = "where", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub selected: BTreeMap<String, Value>,
    /// Response statuses that prove that this write created what exists afterwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub created: Vec<u16>,
    /// Response statuses that, with `Retry-After`, mean that the request was not carried out and may be repeated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub throttled: Vec<u16>,
    /// Response statuses that mean that the upstream has accepted the write and may carry it out later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<u16>,
    /// CEL expression over `answer` that is true if a 2xx answer is a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_when: Option<Expression>,
    /// The name by which later requests refer to the answer of this write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The form of the path in the header `Location` of the answer. Later requests contain parts of this path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Whether a plan may omit this write, and an attempt may end without it (format 2).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// The secrets in the answer, which the host takes out of it: JSON pointers by name (format 2).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, String>,
}

/// A precondition that protects a write against a change of the state since the host read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// `If-Match` with the entity tag that the host read (RFC 9110 section 13.1.1).
    Etag,
    /// `If-None-Match: *`: the write is carried out only if nothing exists there (RFC 9110 section 13.1.2).
    Absent,
}

/// The status of a write that was not carried out because its precondition did not hold (RFC 9110 section 15.5.13).
const PRECONDITION_FAILED: u16 = 412;

/// Whether bytes of a request were sent, and whether a complete response arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fate {
    /// No byte was sent.
    NotSent,
    /// Bytes were sent and no complete response arrived, so the request may have taken effect.
    NoAnswer,
    /// A complete response arrived. If the contract ignores the body (`codec.response = "none"`), the head of the
    /// response is enough.
    Answered {
        #[cfg_attr(feature = "schema", schemars(range(min = 100, max = 999)))]
        status: u16,
    },
}

/// One HTTP request and its response, as the host recorded them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// The position of the exchange in the run, from 0. Adapters refer to an exchange by its position.
    pub ordinal: u32,
    pub request: Rendered,
    pub fate: Fate,
    /// The decoded and redacted JSON body of the response, if the response had a body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Value>,
    /// The entity tag of the response, which a guarded write on the same path must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The entity tag that a guarded write carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_match: Option<String>,
    /// The key by which the upstream recognises a repetition of this write. Every attempt of the action uses the same
    /// key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// The earlier attempt in which this write succeeded. The response comes from the record of that attempt, and the
    /// write was not sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried_from: Option<u32>,
    /// The `Retry-After` of the response in seconds (RFC 9110 section 10.2.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u32>,
    /// JSON pointers of leaves that were replaced because they held a secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redacted: Vec<String>,
    /// Why there is no response, or no usable response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The response headers exactly as the adapter got them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The failure that the adapter got instead of a response; `problem` has its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What became of each secret in the response.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<TakenSecret>,
    /// The start of the exchange in Unix milliseconds.
    pub started_ms: i64,
    pub ended_ms: i64,
    /// Unix milliseconds at which the host would have closed the connection.
    pub deadline_ms: i64,
}

/// The kind of failure that the adapter got; `fate` is the host's own conclusion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Failure {
    /// The host does not send the request to this destination.
    Denied,
    NotSent,
    NoAnswer,
    /// The response was larger than this many bytes.
    TooLarge {
        limit: u64,
    },
}

/// An exchange in the form that receipts contain, with digests instead of bodies.
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
    /// What the answer to a write means, if the contract gives the answer a meaning other than that of its status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meaning: Option<Meaning>,
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

/// The requests of a run that were outside its grant. A refused request that also occurs among the exchanges is left
/// out: the grant allowed it, but the upstream's configuration did not.
pub fn beyond_grant<'a>(
    refused: &'a [String],
    exchanges: &'a [Exchange],
) -> impl Iterator<Item = &'a String> {
    let forbids = |why: &String| exchanges.iter().any(|one| one.forbidden() == Some(why.as_str()));
    refused.iter().filter(move |why| !forbids(why))
}

/// How the text of a problem begins if the upstream refused the credential of a request.
pub const CREDENTIAL_REFUSED: &str = "the upstream refused the credential: ";

/// How the text of a problem begins if the host did not send a write because something on which its attempt relied was
/// revoked, or because the approval had expired.
pub const WITHHELD: &str = "not sent: ";

impl Exchange {
    /// Why the upstream refused the credential of this request, as far as the host recognised the reason in an answer
    /// with a 4xx status.
    pub fn refused_credential(&self) -> Option<&str> {
        let is_refused = matches!(self.fate, Fate::Answered { status: 400..=499 });
        self.problem.as_deref().filter(|why| is_refused && why.starts_with(CREDENTIAL_REFUSED))
    }

    /// Why the host did not send this write, if something on which its attempt relied no longer held.
    pub fn withheld(&self) -> Option<&str> {
        let why = self.problem.as_deref().filter(|_| self.fate == Fate::NotSent)?;
        why.strip_prefix(WITHHELD)
    }

    /// Why the upstream's configuration does not allow the host to send this request; `None` if the configuration
    /// allows the request.
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
            meaning: self.special_meaning(),
            request_sha256: self.request.body.as_ref().and_then(digest),
            response_sha256: self.response.as_ref().and_then(digest),
            idempotency_key: self.idempotency_key.clone(),
            carried_from: self.carried_from,
            problem: self.problem.clone(),
            started_ms: self.started_ms,
            ended_ms: self.ended_ms,
        }
    }

    /// Whether the result that the adapter got is known. The result is unknown if the run was cut off during the
    /// exchange.
    pub fn is_concluded(&self) -> bool {
        self.failure.is_some() || matches!(self.fate, Fate::Answered { .. })
    }

    /// Whether this is a write without a definite response, which may take effect until its deadline. A gateway's 5xx
    /// is not a definite response.
    pub fn is_open(&self) -> bool {
        self.request.writes
            && match self.fate {
                Fate::NotSent => false,
                Fate::NoAnswer => true,
                Fate::Answered { .. } => self.meaning() == Some(Meaning::Open),
            }
    }

    /// Whether this is a write that the upstream reports as carried out.
    pub fn is_done(&self) -> bool {
        self.request.writes && matches!(self.meaning(), Some(Meaning::Done | Meaning::Accepted))
    }

    /// Whether this is a write from whose answer the host stored a secret. The write was carried out, even if the record
    /// does not have the answer, because the host stopped.
    pub fn has_stored_secret(&self) -> bool {
        self.request.writes && self.secrets.iter().any(TakenSecret::is_stored)
    }

    /// Whether this is a write that the upstream has accepted and may carry out later.
    pub fn is_accepted(&self) -> bool {
        self.request.writes && self.meaning() == Some(Meaning::Accepted)
    }

    /// Whether this is a write whose answer proves that the write created what exists afterwards.
    pub fn is_created(&self) -> bool {
        let created = |status| self.request.created.contains(&status);
        self.is_done() && matches!(self.fate, Fate::Answered { status } if created(status))
    }

    /// Whether this is a read whose answer says that the state does not exist.
    pub fn says_absent(&self) -> bool {
        matches!(self.fate, Fate::Answered { status } if self.request.absent.contains(&status))
    }

    /// Whether the request was answered with a 2xx status, and the answer to a read is not an error by `refused_when`.
    pub fn is_success(&self) -> bool {
        matches!(self.fate, Fate::Answered { status: 200..=299 }) && !self.is_refused_read()
    }

    /// Whether the exchange failed for a temporary reason: no connection, no complete answer, the status 408, 425, 429
    /// or 5xx, or a rate limit by `throttled`. A connection that the host itself denied does not count.
    pub fn is_hindered(&self) -> bool {
        match self.fate {
            Fate::NotSent | Fate::NoAnswer => self.failure != Some(Failure::Denied),
            Fate::Answered { status } => {
                self.is_throttled() || matches!(status, 408 | 425 | 429 | 500..=599)
            }
        }
    }

    /// Whether this is a write whose precondition did not hold.
    pub fn is_turned_away(&self) -> bool {
        self.request.writes && is_turned_away(self.request.guard, self.fate)
    }

    /// Whether this is a write that may have reached the upstream.
    pub fn may_have_written(&self) -> bool {
        self.request.writes && self.fate != Fate::NotSent
    }
}

impl ExchangeSummary {
    /// Whether the exchange had no effect: it is not a write, was not sent, or its precondition failed.
    pub fn is_without_effect(&self) -> bool {
        !self.writes || self.fate == Fate::NotSent || is_turned_away(self.guard, self.fate)
    }
}

/// Whether the upstream rejected a guarded write because the state differs from what the host read.
fn is_turned_away(guard: Option<Guard>, fate: Fate) -> bool {
    guard.is_some() && fate == Fate::Answered { status: PRECONDITION_FAILED }
}

/// Whether a 4xx status means that the request was not carried out; after 408, 409, 425 and 429, the request may have
/// been carried out.
pub fn is_definite_refusal(status: u16) -> bool {
    (400..500).contains(&status) && !matches!(status, 408 | 409 | 425 | 429)
}

/// The digest of a value's canonical bytes; `None` for a value without a canonical form.
fn digest(value: &Value) -> Option<Digest> {
    json::canonical(value).ok().map(|bytes| Digest::of(&bytes))
}
