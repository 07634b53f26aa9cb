//! Resolutions: what a person states about an action that the host cannot settle by reading the state, and what the
//! host concludes from the statement.
//!
//! This module builds the statement to sign from what the host shows, and reads a resolution back from a statement. A
//! resolution never makes an outcome `verified`; only an observation can do so.

use deed_spec::digest::Digest;
use deed_spec::dsse::Envelope;
use deed_spec::json;
use ed25519_dalek::{SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::lifecycle::outcome::{Judgement, Outcome};
use crate::statement::envelope::{EnvelopeError, Kind, Statement};

/// The role in which a person signs a resolution.
pub const ROLE: &str = "operator";

/// The maximum size of a reason in bytes. The size is limited because the reason is part of every bundle and every page
/// about the action.
pub const REASON_MAX: usize = 1_000;

/// What happened to an action, according to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "snake_case")]
pub enum ResolutionVerdict {
    /// The writes that were sent took effect.
    Applied,
    /// No write that was sent took effect.
    NotApplied,
    /// No write took effect, and the action is to be proposed again as a new action that passes every check.
    Retry,
}

/// A person's statement about an outcome that the receipt left open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    pub person: String,
    #[cfg_attr(feature = "schema", schemars(extend("const" = ROLE)))]
    pub role: String,
    pub verdict: ResolutionVerdict,
    /// How the person knows what happened, in at most 1,000 bytes. The text is untrusted.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = REASON_MAX)))]
    pub reason: String,
    /// The nonce of the request; a resolution for another request does not match.
    pub nonce: String,
    /// Unix milliseconds, by the person's clock.
    pub signed_ms: i64,
}

/// The predicate of a `reconciliation` that is signed with a person's key. The action is the statement's subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolved {
    /// SHA-256 of the payload of the receipt that left the outcome open.
    pub receipt_sha256: Digest,
    pub resolution: Resolution,
}

impl ResolutionVerdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::NotApplied => "not_applied",
            Self::Retry => "retry",
        }
    }
}

impl Resolution {
    /// Checks the reason.
    ///
    /// # Errors
    ///
    /// Fails when the reason is empty or longer than [`REASON_MAX`].
    pub fn check(&self) -> Result<(), FormError> {
        match self.reason.len() {
            _ if self.reason.trim().is_empty() => Err(FormError::NoReason),
            length if length > REASON_MAX => Err(FormError::Long(length)),
            _ => Ok(()),
        }
    }

    /// The resolution as a sentence for people.
    pub fn words(&self) -> String {
        let what = match self.verdict {
            ResolutionVerdict::Applied => "it was applied",
            ResolutionVerdict::NotApplied => "it was not applied",
            ResolutionVerdict::Retry => "it was not applied and is to be proposed again",
        };
        format!("{} ({}) says that {what}", self.person, self.role)
    }

    /// The judgement of an open action from this resolution and from the observation after it, if any. An observation
    /// that settles the outcome takes precedence. If no observation settles the outcome, the resolution decides, but
    /// never results in `verified`.
    pub fn conclude(&self, seen: Option<Judgement>) -> Judgement {
        if let Some(judged) = seen.as_ref().filter(|one| one.outcome != Outcome::Indeterminate) {
            return judged.clone();
        }
        let outcome = match self.verdict {
            ResolutionVerdict::Applied => Outcome::Mismatch,
            ResolutionVerdict::NotApplied | ResolutionVerdict::Retry => Outcome::Failed,
        };
        let looked = match seen {
            Some(_) => "the host's look does not show it",
            None => "the host could not look again",
        };
        let reason = format!("{}; {looked}", self.words());
        let seen = seen.unwrap_or_else(|| Judgement::plain(outcome, ""));
        Judgement { outcome, reason, ..seen }
    }
}

/// Signs a resolution about an action.
///
/// # Errors
///
/// Fails when the resolution has no canonical form.
pub fn sign(
    action: Digest,
    resolved: &Resolved,
    key: &SigningKey,
) -> Result<Envelope, EnvelopeError> {
    let predicate = json::parse(&json::to_canonical(resolved)?)?;
    Statement { kind: Kind::Reconciliation, action, predicate }.sign(key)
}

/// Checks the signature and the format of a resolution, and fails when either is wrong. The caller checks whether the
/// resolution matches the request.
///
/// # Errors
///
/// Fails when the signature or the format is wrong.
pub fn open(envelope: &Envelope, key: &VerifyingKey) -> Result<(Digest, Resolved), OpenError> {
    let statement = Statement::open(envelope, key, Kind::Reconciliation)?;
    let resolved: Resolved = json::from_exact(statement.predicate)?;
    resolved.resolution.check()?;
    Ok((statement.action, resolved))
}

/// Why an envelope is not a resolution.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    #[error("the predicate is not a resolution: {0}")]
    Shape(#[from] json::ShapeError),
    #[error(transparent)]
    Form(#[from] FormError),
}

/// Why a resolution is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    #[error("the reason is empty; state how you know what happened")]
    NoReason,
    #[error("the reason has {0} bytes; use at most {REASON_MAX}")]
    Long(usize),
}

#[cfg(test)]
mod tests;
