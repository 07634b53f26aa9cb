//! Stage 8: signs statements about the decision, the outcome, and what settled an open outcome later.
//!
//! Only this module and `activation`, which signs the configuration in force, use the receipt key.

use deed_record::lifecycle::outcome::Judgement;
use deed_record::lifecycle::story::Story;
use deed_record::policy::asked::Question;
use deed_record::statement::decision::{Clearance, ClearanceError};
use deed_record::statement::envelope::{EnvelopeError, Kind, Signed, Statement};
use deed_record::statement::receipt::Receipt;
use deed_record::statement::reconciliation::Reconciliation;
use deed_spec::json;
use ed25519_dalek::SigningKey;
use serde::Serialize;

/// Signs the receipt. `asked` is the input of the action's latest policy decision. The same story and judgement always
/// give the same bytes, because Ed25519 is deterministic.
///
/// # Errors
///
/// Fails when the story is incomplete or a part of the receipt has no canonical form.
pub fn seal(
    story: &Story,
    judgement: &Judgement,
    asked: Option<&Question>,
    key: &SigningKey,
) -> Result<Signed, SealError> {
    sign(story, Kind::Receipt, &Receipt::of(story, judgement, asked)?, key)
}

/// Signs the decision that allows the next attempt of a cleared action.
///
/// # Errors
///
/// Fails for the same reasons as [`seal`].
pub fn decide(
    story: &Story,
    asked: &Question,
    cleared_ms: i64,
    deadline_ms: i64,
    key: &SigningKey,
) -> Result<Signed, SealError> {
    let clearance = Clearance::of(story, asked, cleared_ms, deadline_ms)?;
    sign(story, Kind::Decision, &clearance, key)
}

/// Signs how an open outcome was settled later.
///
/// # Errors
///
/// Fails when the outcome is not settled, or for the same reasons as [`seal`].
pub fn reconcile(story: &Story, key: &SigningKey) -> Result<Signed, SealError> {
    let settled = Reconciliation::of(story)?.ok_or(SealError::Unsettled)?;
    sign(story, Kind::Reconciliation, &settled, key)
}

fn sign<T: Serialize>(
    story: &Story,
    kind: Kind,
    predicate: &T,
    key: &SigningKey,
) -> Result<Signed, SealError> {
    let action = story.bound.action.digest()?;
    Ok(Statement { kind, action, predicate }.seal(key)?)
}

/// Why a statement cannot be created: the story is incomplete, or a part of it has no canonical form.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error("the outcome of the action is not settled")]
    Unsettled,
    #[error(transparent)]
    Clearance(#[from] ClearanceError),
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    #[error(transparent)]
    Canonical(#[from] json::NotCanonical),
}
