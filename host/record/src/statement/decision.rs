//! The predicate of a `decision`. A decision states why one attempt may run, and is signed before the attempt can send
//! anything.
//!
//! A decision is built from the policy question and the story of an action that has passed the last checks before an
//! attempt. Like a receipt, a decision contains only the digest of the state that was read.

use deed_spec::digest::Digest;
use deed_spec::dsse::DsseError;
use deed_spec::json::NotCanonical;
use serde::{Deserialize, Serialize};

use crate::lifecycle::event::GrantRecord;
use crate::lifecycle::observation::Look;
use crate::lifecycle::story::Story;
use crate::plan::Plan;
use crate::policy::Decision;
use crate::policy::asked::Question;
use crate::statement::envelope::EnvelopeError;

/// What was decided for one attempt, and the reasons for the decision. The action itself is the statement's subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clearance {
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// The policy decision at the gate, directly before the attempt.
    pub decision: Decision,
    pub question: Question,
    /// Payload digest of the `activated` statement that was in force.
    pub activated: Digest,
    /// The approvals that count, by the SHA-256 of their payloads.
    pub approvals: Vec<Digest>,
    pub grant: GrantRecord,
    /// The observation that the decision is based on.
    pub pre: Look,
    /// SHA-256 of the plan, whose writes are the only ones that the attempt may send; absent if the contract is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Digest>,
    /// The time at which the action passed the last checks, and the time by which its run has to end, in Unix
    /// milliseconds.
    pub cleared_ms: i64,
    pub deadline_ms: i64,
}

impl Clearance {
    /// Builds the decision about the next attempt of a cleared action.
    ///
    /// # Errors
    ///
    /// Fails when the story is incomplete or has no canonical form.
    pub fn of(
        story: &Story,
        asked: &Question,
        cleared_ms: i64,
        deadline_ms: i64,
    ) -> Result<Self, ClearanceError> {
        let (decision, _) = story.decision.as_ref().ok_or(ClearanceError::Lacks("decision"))?;
        let counted = story.answers.iter().filter(|answer| answer.approves);
        Ok(Self {
            attempt: story.next_attempt(),
            decision: (**decision).clone(),
            question: asked.clone(),
            activated: story.activated.ok_or(ClearanceError::Lacks("activation"))?,
            approvals: counted.map(|a| a.envelope.payload_digest()).collect::<Result<_, _>>()?,
            grant: story.grant.as_deref().cloned().ok_or(ClearanceError::Lacks("grant"))?,
            pre: story.pre.as_ref().ok_or(ClearanceError::Lacks("look"))?.look()?,
            plan: story.plan().map(Plan::digest).transpose()?,
            cleared_ms,
            deadline_ms,
        })
    }
}

/// Why no decision can be built from a story.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClearanceError {
    #[error("the {0} is missing, and no attempt may run without it")]
    Lacks(&'static str),
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    #[error(transparent)]
    Dsse(#[from] DsseError),
    #[error(transparent)]
    Canonical(#[from] NotCanonical),
}
