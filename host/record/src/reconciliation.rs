//! The predicate of a `reconciliation`: what a later look found out that the receipt had to leave open.
//!
//! Takes a settled story. Never changes the receipt: it names it.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::envelope::EnvelopeError;
use crate::json::Change;
use crate::outcome::{Check, Outcome};
use crate::receipt::Look;
use crate::story::Story;

/// What settles an indeterminate action. The action itself is the statement's subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reconciliation {
    /// SHA-256 of the payload of the receipt that left it open.
    pub receipt_sha256: Digest,
    /// The later look; its evidence is `evidence/later.json`.
    pub look: Look,
    pub outcome: Outcome,
    /// One sentence for people.
    pub reason: String,
    /// Field, old and new value, from the look before to the later one.
    pub changes: Vec<Change>,
    pub unexpected: Vec<Change>,
    pub checks: Vec<Check>,
    /// Unix milliseconds.
    pub settled_ms: i64,
}

impl Reconciliation {
    /// The reconciliation of a settled story; none when it has no receipt or nothing settled it.
    pub fn of(story: &Story) -> Result<Option<Self>, EnvelopeError> {
        let (Some(receipt), Some((look, judgement))) = (&story.envelope, &story.later) else {
            return Ok(None);
        };
        Ok(Some(Self {
            receipt_sha256: receipt.payload_digest()?,
            look: Look::of(look)?,
            outcome: judgement.outcome,
            reason: judgement.reason.clone(),
            changes: judgement.changes.clone(),
            unexpected: judgement.unexpected.clone(),
            checks: judgement.checks.clone(),
            settled_ms: story.at_ms,
        }))
    }
}
