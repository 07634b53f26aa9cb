//! Stage 8: signed statements of what was decided, what the result was and what settled it later.
//!
//! Only this module and `activation`, which signs what is in force, use the receipt key.

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

/// Signs the receipt; `asked` is the question of the story's decision. The same story gives the same bytes: Ed25519 is
/// deterministic. Fails when the story is incomplete or a part has no canonical form.
pub fn seal(
    story: &Story,
    judgement: &Judgement,
    asked: Option<&Question>,
    key: &SigningKey,
) -> Result<Signed, SealError> {
    sign(story, Kind::Receipt, &Receipt::of(story, judgement, asked)?, key)
}

/// Signs the decision over the next attempt of a cleared story. Fails as [`seal`] does.
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

/// Signs what a later look settled. Fails when nothing did, or as [`seal`] does.
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

/// Why a statement cannot be made: the story is incomplete, or a part of it has no canonical form.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error("the action was not settled")]
    Unsettled,
    #[error(transparent)]
    Clearance(#[from] ClearanceError),
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    #[error(transparent)]
    Canonical(#[from] json::NotCanonical),
}
