//! What a person is shown about an action with an open outcome, and what that person signs.

use deed_spec::digest::Digest;
use deed_spec::dsse::{DsseError, Envelope};
use deed_spec::json::{self, Change};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::Action;
use crate::exchange::Rendered;
use crate::lifecycle::outcome::Outcome;
use crate::statement::envelope::{EnvelopeError, Kind, Statement};
use crate::statement::receipt::Receipt;
use crate::statement::resolution::{FormError, ROLE, Resolution, ResolutionVerdict, Resolved};

/// Everything that a person needs to know to sign a resolution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ResolutionRequest {
    pub action: Action,
    /// The receipt that left the outcome open, which names by digest the requests that were sent.
    pub receipt: Envelope,
    /// The contract's writes as the host rendered them, with the bodies that the receipt names by digest.
    pub perform: Vec<Rendered>,
    /// The last observation of the host; not covered by the signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<LastLook>,
    /// Why the host cannot settle the outcome by reading the state; not covered by the signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalated: Option<String>,
    /// The nonce of the request; a resolution for another request does not match.
    pub nonce: String,
    /// The person that the host identified as the caller.
    pub person: String,
}

/// The last observation of the host, which did not settle the outcome; not covered by the signature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LastLook {
    /// Unix milliseconds.
    pub at_ms: i64,
    /// The observed state by name.
    #[cfg_attr(feature = "schema", schemars(with = "serde_json::Map<String, Value>"))]
    pub state: Value,
    /// The differences from the state before the action.
    pub changes: Vec<Change>,
    /// Why the observation does not settle the outcome.
    pub reason: String,
}

impl ResolutionRequest {
    /// Recomputes the digests, and returns the digest of the action and the receipt.
    ///
    /// # Errors
    ///
    /// Fails when action and receipt do not belong together, or the receipt leaves no outcome open.
    pub fn open(&self) -> Result<(Digest, Receipt), ShownError> {
        let action = self.action.digest()?;
        let statement = Statement::unverified(&self.receipt, Kind::Receipt)?;
        if statement.action != action {
            return Err(ShownError::Differs("receipt"));
        }
        let receipt: Receipt = json::from_exact(statement.predicate)?;
        if receipt.outcome != Outcome::Indeterminate {
            return Err(ShownError::Closed(receipt.outcome.as_str()));
        }
        Ok((action, receipt))
    }

    /// Builds the resolution of the shown outcome, for the person to sign.
    ///
    /// # Errors
    ///
    /// Fails when the reason is not valid.
    pub fn resolved(
        &self,
        verdict: ResolutionVerdict,
        reason: &str,
        signed_ms: i64,
    ) -> Result<Resolved, ShownError> {
        let resolution = Resolution {
            person: self.person.clone(),
            role: ROLE.to_owned(),
            verdict,
            reason: reason.to_owned(),
            nonce: self.nonce.clone(),
            signed_ms,
        };
        resolution.check()?;
        Ok(Resolved { receipt_sha256: self.receipt.payload_digest()?, resolution })
    }
}

/// Why a resolution of the shown outcome must not be signed.
#[derive(Debug, thiserror::Error)]
pub enum ShownError {
    #[error("the {0} in the request is about another action; do not sign, and report this error")]
    Differs(&'static str),
    #[error(
        "the receipt in the request has the outcome `{0}`, which is not open; do not sign, and report this error"
    )]
    Closed(&'static str),
    #[error(transparent)]
    Form(#[from] FormError),
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    #[error(transparent)]
    Dsse(#[from] DsseError),
    #[error("the receipt in the request is not valid: {0}; do not sign, and report this error")]
    Shape(#[from] json::ShapeError),
    #[error(transparent)]
    Canonical(#[from] json::NotCanonical),
}
