//! Stage 8: a judged story becomes a signed receipt. This module alone uses the receipt key.

use deed_record::envelope::{Envelope, EnvelopeError, Kind, Statement};
use deed_record::json;
use deed_record::outcome::Judgement;
use deed_record::policy::Snapshot;
use deed_record::receipt::Receipt;
use deed_record::story::Story;
use ed25519_dalek::SigningKey;

/// Signs the receipt; `asked` is the question of the story's decision. The same story gives the same
/// bytes: Ed25519 is deterministic.
pub fn seal(
    story: &Story,
    judgement: &Judgement,
    asked: Option<&Snapshot>,
    key: &SigningKey,
) -> Result<Envelope, SealError> {
    let receipt = Receipt::of(story, judgement, asked)?;
    let predicate = json::parse(&json::to_canonical(&receipt)?)?;
    let action = story.bound.action.digest()?;
    Ok(Statement { kind: Kind::Receipt, action, predicate }.sign(key)?)
}

/// Why a receipt cannot be made: something in the story has no canonical form.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    #[error(transparent)]
    Canonical(#[from] json::NotCanonical),
    #[error(transparent)]
    Parse(#[from] json::ParseError),
}
