//! Plans: the writes that an action with an open contract would send, made by a rehearsal.
//!
//! In a contract that is not open, the parameters determine every byte of every write. In an open contract, the adapter
//! computes parts of the writes. The host therefore runs `perform` before anybody agrees to the action, and records
//! each write instead of sending it. The recorded writes are the plan: people and policies see it, statements contain
//! its digest, and an attempt sends no other write.

mod bounds;
mod check;
pub mod course;
pub mod current;
pub mod draft;
mod hindrance;
mod made;
pub mod matching;
pub mod refusal;
pub mod sent;
pub(crate) mod tokens;
mod view;

use deed_spec::digest::Digest;
use deed_spec::json::{self, NotCanonical};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::check::check;
use crate::contract::schema::Schema;
use crate::exchange::claim::Claim;
use crate::exchange::{Exchange, ExchangeSummary, Rendered};

/// The writes of an action, in the order in which they are sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub writes: Vec<Planned>,
}

/// One write of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// The position of the write's rule in `[[perform.http]]`, from 0.
    pub rule: u32,
    /// The request with the parts that the adapter computed and the values of the state. Values of answers to earlier
    /// writes are placeholders: null in the body, and `{answer.NAME.MEMBER}` in the path.
    pub request: Rendered,
}

/// A request as an adapter asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requested<'a> {
    pub upstream: &'a str,
    pub method: &'a str,
    pub path: &'a str,
    /// The body as [`json::parse_exact`] reads it: a number is an integer within ±(2^53 − 1). An adapter writes a
    /// decimal as text, like the body that the host shows to it, and the host sends it as a number where the rule says
    /// so. With [`json::parse`], a fraction in a part that the adapter computes would become a text that nobody wrote.
    pub body: Option<Value>,
}

/// One rehearsal, as the journal and the evidence of a bundle contain it. The writes that the host recorded instead of
/// sending them are only in the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rehearsal {
    /// The random seed from which the host derived the answers to the writes, so that a replay gives the same answers.
    pub seed: Digest,
    pub claim: Claim,
    /// The requests that were sent. All of them only read.
    pub exchanges: Vec<Exchange>,
    /// The requests that the host refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
    /// The plan; absent if the host refused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// Why there is no plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Unix milliseconds.
    pub started_ms: i64,
    pub ended_ms: i64,
}

/// A rehearsal as signed statements describe it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RehearsalSummary {
    /// SHA-256 of `evidence/rehearsal.json`: the canonical bytes of the [`Rehearsal`].
    pub evidence_sha256: Digest,
    /// SHA-256 of the canonical bytes of the plan; absent if the host refused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_sha256: Option<Digest>,
    pub exchanges: Vec<ExchangeSummary>,
    /// Why there is no plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    pub started_ms: i64,
    pub ended_ms: i64,
}

/// A part of a write that the adapter computes, as policies see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Computed {
    pub schema: Schema,
    /// Whether the rule of the write allows several calls. Policies then see the set of all values.
    pub is_repeated: bool,
}

impl Plan {
    /// SHA-256 of the canonical JSON of the plan.
    ///
    /// # Errors
    ///
    /// Fails when a value has no canonical form.
    pub fn digest(&self) -> Result<Digest, NotCanonical> {
        Ok(Digest::of(&json::to_canonical(self)?))
    }
}

impl Rehearsal {
    /// The rehearsal as signed statements describe it.
    ///
    /// # Errors
    ///
    /// Fails when a value has no canonical form.
    pub fn summary(&self) -> Result<RehearsalSummary, NotCanonical> {
        Ok(RehearsalSummary {
            evidence_sha256: Digest::of(&json::to_canonical(self)?),
            plan_sha256: self.plan.as_ref().map(Plan::digest).transpose()?,
            exchanges: self.exchanges.iter().map(Exchange::summary).collect(),
            problem: self.problem.clone(),
            started_ms: self.started_ms,
            ended_ms: self.ended_ms,
        })
    }
}

impl Rendered {
    /// Whether the contract leaves a part of this request to a plan.
    pub fn is_open(&self) -> bool {
        self.optional
            || !self.any.is_empty()
            || !self.awaited.is_empty()
            || self.writes && self.awaits_answer()
    }
}

/// Whether an action with these requests of `perform` must be rehearsed.
pub fn is_open(perform: &[Rendered]) -> bool {
    perform.iter().any(Rendered::is_open)
}

#[cfg(test)]
pub(crate) mod tests;
