//! The predicate of the host's `reconciliation`: the host's conclusion about what the receipt had to leave open, from a
//! later look or from a person's resolution.
//!
//! It is built from a settled story. It does not change the receipt but names it. The person's own statement, of the
//! same kind under another key, is [`crate::statement::resolution::Resolved`].

use deed_spec::digest::Digest;
use deed_spec::json::Change;
use serde::{Deserialize, Serialize};

use crate::lifecycle::observation::{Look, Sight};
use crate::lifecycle::outcome::{Check, Outcome};
use crate::lifecycle::story::Story;
use crate::statement::envelope::EnvelopeError;

/// The settlement of an indeterminate action. The action itself is the statement's subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reconciliation {
    /// SHA-256 of the payload of the receipt that left it open.
    pub receipt_sha256: Digest,
    /// SHA-256 of the payload of the person's resolution that it uses; absent if a look alone settled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<Digest>,
    /// The later look; its evidence is `evidence/later.json`. Absent if the host could not look again after a person's
    /// resolution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<Look>,
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
    /// The reconciliation of a settled story; `None` without a receipt or a settlement. Fails when a record has no
    /// canonical form.
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
            settled_ms: story.at_ms,
        }))
    }
}
