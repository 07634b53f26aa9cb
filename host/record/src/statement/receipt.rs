//! The predicate of a receipt: everything that the story of an action contains at its end.
//!
//! A receipt is built from the story of a judged action and the policy question. Agents get receipts, so a receipt
//! contains no state that was read, except changes and the values that the contract names as outputs. The state is part
//! of the evidence, which the receipt names by digest.

use std::collections::BTreeMap;
use std::sync::Arc;

use deed_spec::digest::Digest;
use deed_spec::json::{self, Change};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::Source;
use crate::exchange::claim::Claim;
use crate::exchange::{self, ExchangeSummary, Rendered};
use crate::lifecycle::event::{Attempt, GrantRecord};
use crate::lifecycle::observation::{Look, Sight};
use crate::lifecycle::outcome::{Check, Judgement, Outcome};
use crate::lifecycle::story::Story;
use crate::plan::sent::Unsent;
use crate::plan::{Rehearsal, RehearsalSummary};
use crate::policy::Decision;
use crate::policy::asked::Question;
use crate::statement::approval::Answer as Said;
use crate::statement::envelope::{EnvelopeError, Kind};

/// The content of a receipt. The action itself is the statement's subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    pub outcome: Outcome,
    /// One sentence for people.
    pub reason: String,
    pub intent: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    pub sources: Vec<Source>,
    /// The environment that the agent believed it acted in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub believed_environment: Option<String>,
    pub expect: BTreeMap<String, Value>,
    /// The latest policy decision, with the policies that determined it and those that did not apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// The payload digests of the `activated` statements that the decisions of the attempts and the latest policy
    /// decision are based on, without duplicates. The digest for the latest policy decision is the last one.
    pub activated: Vec<Digest>,
    /// The policy question; present if there is a decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Question>,
    pub approvals: Vec<ApprovalRef>,
    /// Why approvals became void, in order.
    pub stale: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pre: Option<Look>,
    /// The latest rehearsal of an action with an open contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<RehearsalSummary>,
    pub attempts: Vec<AttemptSummary>,
    /// SHA-256 of `evidence/exchanges.json`: the canonical bytes of the attempts in full.
    pub exchanges_sha256: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<Look>,
    /// The changes that the host read: field, old value and new value.
    pub changes: Vec<Change>,
    pub unexpected: Vec<Change>,
    pub checks: Vec<Check>,
    /// The values that the contract names in `[outputs]` (format 2).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Value>,
    /// The writes of the plan that no attempt sent, or that their guards rejected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsent: Vec<Unsent>,
    /// Whether the action's writes carry a precondition that the upstream checks.
    pub guard: Guard,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// Unix milliseconds.
    pub proposed_ms: i64,
    pub judged_ms: i64,
}

/// How writes were guarded against a change of the state since the host read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    Unguarded,
    /// Every write carried the entity tag that the host read, and the upstream checks this tag.
    Etag,
    /// Every write was sent with the condition that nothing exists at its path, and the upstream checks this condition.
    Absent,
}

/// An approval or denial, named by the digest of its payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRef {
    pub payload_sha256: Digest,
    pub person: String,
    pub role: String,
    pub decision: Said,
    /// Whether the outcome is based on this answer. An answer that became void does not count.
    pub counted: bool,
}

/// One run of `perform`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptSummary {
    pub n: u32,
    /// SHA-256 of the payload of the decision that was signed before the attempt could send anything.
    pub decision_sha256: Digest,
    pub claim: Claim,
    pub exchanges: Vec<ExchangeSummary>,
    /// The requests that the adapter made outside its grant. None of the refused requests was sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
    pub started_ms: i64,
    pub ended_ms: i64,
}

impl Receipt {
    /// Builds the receipt of a judged action. `asked` is the policy question of the action's latest decision.
    ///
    /// # Errors
    ///
    /// Fails when a record has no canonical form.
    pub fn of(
        story: &Story,
        judgement: &Judgement,
        asked: Option<&Question>,
    ) -> Result<Self, EnvelopeError> {
        let proposal = &story.bound.proposal;
        Ok(Self {
            outcome: judgement.outcome,
            reason: judgement.reason.clone(),
            intent: proposal.intent.clone(),
            reasoning: proposal.reasoning.clone(),
            sources: proposal.sources.clone(),
            believed_environment: proposal.environment.clone(),
            expect: proposal.expect.clone(),
            decision: story.decision.as_ref().map(|(decision, _)| (**decision).clone()),
            activated: story.activations(),
            question: asked.cloned(),
            approvals: approvals(story)?,
            stale: story.stale.clone(),
            grant: story.grant.as_deref().cloned(),
            pre: story.pre.as_deref().map(Sight::look).transpose()?,
            rehearsal: story.rehearsal.as_deref().map(Rehearsal::summary).transpose()?,
            attempts: attempts(story)?,
            exchanges_sha256: digest(&story.attempts)?,
            post: story.post.as_deref().map(Sight::look).transpose()?,
            changes: judgement.changes.clone(),
            unexpected: judgement.unexpected.clone(),
            checks: judgement.checks.clone(),
            outputs: judgement.outputs.clone(),
            unsent: judgement.unsent.clone(),
            guard: Guard::of(&story.bound.perform),
            cancelled_by: story.cancelled_by.clone(),
            trace: story.trace.clone(),
            proposed_ms: story.proposed_ms,
            judged_ms: story.judged_ms,
        })
    }
}

impl Receipt {
    /// Whether any write of the action may have been carried out. Writes that were not sent, or whose precondition
    /// failed, were not carried out.
    pub fn may_have_changed_something(&self) -> bool {
        let exchanges = self.attempts.iter().flat_map(|attempt| &attempt.exchanges);
        exchanges.into_iter().any(|exchange| !exchange.is_without_effect())
    }

    /// Whether the action ended without effect after the upstream had rejected its guarded writes and the host had read
    /// the state again: either people then denied the action, or the new observation was unusable.
    pub fn is_given_up(&self) -> bool {
        match self.outcome {
            Outcome::Denied | Outcome::Expired | Outcome::Cancelled => true,
            Outcome::Failed => self.post.is_none() && !self.may_have_changed_something(),
            Outcome::Verified | Outcome::Mismatch | Outcome::Indeterminate | Outcome::Rehearsed => {
                false
            }
        }
    }
}

impl Guard {
    /// An action is guarded if all writes of its contract have the same guard.
    pub fn of(perform: &[Rendered]) -> Self {
        let mut guards = perform.iter().filter(|write| write.writes).map(|write| write.guard);
        let Some(Some(first)) = guards.next() else { return Self::Unguarded };
        match first {
            _ if guards.any(|guard| guard != Some(first)) => Self::Unguarded,
            exchange::Guard::Etag => Self::Etag,
            exchange::Guard::Absent => Self::Absent,
        }
    }
}

fn approvals(story: &Story) -> Result<Vec<ApprovalRef>, EnvelopeError> {
    let reference = |answer: &Arc<crate::lifecycle::event::Answer>| {
        Ok(ApprovalRef {
            payload_sha256: answer.envelope.payload_digest()?,
            person: answer.person.clone(),
            role: answer.role.clone(),
            decision: if answer.approves { Said::Approve } else { Said::Deny },
            counted: story.answers.contains(answer),
        })
    };
    story.all_answers.iter().map(reference).collect()
}

/// Every attempt with its decision. Each attempt has exactly one decision, and the attempts and decisions are in the
/// same order.
fn attempts(story: &Story) -> Result<Vec<AttemptSummary>, EnvelopeError> {
    let decisions = story.chain.iter().filter(|(kind, _)| *kind == Kind::Decision);
    let pairs = story.attempts.iter().zip(decisions);
    pairs.map(|(run, (_, decision))| Ok(attempt(run, decision.payload_digest()?))).collect()
}

fn attempt(attempt: &Attempt, decision_sha256: Digest) -> AttemptSummary {
    AttemptSummary {
        n: attempt.n,
        decision_sha256,
        claim: attempt.claim.clone(),
        exchanges: attempt.exchanges.iter().map(crate::exchange::Exchange::summary).collect(),
        refused: attempt.refused.clone(),
        started_ms: attempt.started_ms,
        ended_ms: attempt.ended_ms,
    }
}

/// SHA-256 of the bytes by which a bundle represents this record.
fn digest<T: Serialize + ?Sized>(record: &T) -> Result<Digest, EnvelopeError> {
    Ok(Digest::of(&json::to_canonical(record)?))
}
