//! The predicate of the host's `reconciliation`: the host's conclusion about an outcome that the receipt left open,
//! from a later observation or from a person's resolution.
//!
//! A reconciliation is built from the story of a settled action. A reconciliation names the receipt by digest and does
//! not change the receipt. A person's resolution is a statement of the same kind, signed with another key:
//! [`crate::statement::resolution::Resolved`].

use std::collections::BTreeMap;

use deed_spec::digest::Digest;
use deed_spec::json::Change;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::lifecycle::observation::{Look, Sight};
use crate::lifecycle::outcome::{Check, Outcome};
use crate::lifecycle::story::Story;
use crate::statement::envelope::EnvelopeError;

/// The settlement of an indeterminate action. The action itself is the statement's subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reconciliation {
    /// SHA-256 of the payload of the receipt that left the outcome open.
    pub receipt_sha256: Digest,
    /// SHA-256 of the payload of the person's resolution on which the settlement is based; absent if an observation
    /// alone settled the outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<Digest>,
    /// The later observation, whose evidence is `evidence/later.json`. Absent if the host could not read the state
    /// again after a person's resolution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<Look>,
    pub outcome: Outcome,
    /// One sentence for people.
    pub reason: String,
    /// The changes from the state before the action to the later state: field, old value and new value.
    pub changes: Vec<Change>,
    pub unexpected: Vec<Change>,
    pub checks: Vec<Check>,
    /// The values that the contract names in `[outputs]`, from the later state (format 2).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Value>,
    /// Unix milliseconds.
    pub settled_ms: i64,
}

impl Reconciliation {
    /// Builds the reconciliation of a settled action; `None` if the story has no receipt or no settlement.
    ///
    /// # Errors
    ///
    /// Fails when a record has no canonical form.
    pub fn of(story: &Story) -> Result<Option<Self>, EnvelopeError> {
        let (Some(receipt), Some((look, judgement))) = (&story.envelope, &story.later) else {
            return Ok(None);
        };
        Ok(Some(Self {
            receipt_sha256: receipt.payload_digest()?,
            resolved_by: match &story.resolution {
                Some((_, envelope)) => Some(envelope.payload_digest()?),
                None => None,
            },
            look: look.as_deref().map(Sight::look).transpose()?,
            outcome: judgement.outcome,
            reason: judgement.reason.clone(),
            changes: judgement.changes.clone(),
            unexpected: judgement.unexpected.clone(),
            checks: judgement.checks.clone(),
            outputs: judgement.outputs.clone(),
            settled_ms: story.at_ms,
        }))
    }
}
