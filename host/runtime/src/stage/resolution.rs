//! Stage 4, after the end of an action: creates the resolution request that an operator is shown for an open outcome,
//! and checks whether a signed statement is for exactly that request.
//!
//! Only this module checks resolutions. This module does not settle the outcome: the driver settles it, with the
//! resolution as input.

use deed_record::action::Action;
use deed_record::lifecycle::outcome::Outcome;
use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Story;
use deed_record::statement::approver::ApproverKey;
use deed_record::statement::resolution::{self, ROLE, Resolution};
use deed_record::statement::resolution_request::{LastLook, ResolutionRequest};
use deed_spec::dsse::Envelope;

use crate::config::Tenant;

/// Maximum difference between a person's clock and the host's clock.
const CLOCK_SLACK_MS: i64 = 300_000;

/// The resolution request, with all data that the operator's client shows and recomputes; `None` if the action has no
/// open outcome. `seen` is the last inconclusive observation, if the host still has it in memory.
pub fn request(person: &str, story: &Story, seen: Option<LastLook>) -> Option<ResolutionRequest> {
    if story.status != Status::Ended(Outcome::Indeterminate) {
        return None;
    }
    Some(ResolutionRequest {
        action: Action::clone(&story.bound.action),
        receipt: Envelope::clone(story.envelope.as_ref()?),
        perform: story.bound.perform.clone(),
        look: seen.or_else(|| receipts(story)),
        escalated: story.escalated.clone(),
        nonce: story.resolution_nonce()?,
        person: person.to_owned(),
    })
}

/// The observation on which the receipt is based.
fn receipts(story: &Story) -> Option<LastLook> {
    let (post, judged) = (story.post.as_ref()?, story.judgement.as_ref()?);
    Some(LastLook {
        at_ms: post.at_ms,
        state: post.value(),
        changes: judged.changes.clone(),
        reason: judged.reason.clone(),
    })
}

/// Checks a signed resolution against the outcome that is open now.
///
/// # Errors
///
/// Fails with the reason why the resolution does not count.
pub fn receive(
    tenant: &Tenant,
    story: &Story,
    envelope: &Envelope,
    now_ms: i64,
) -> Result<Resolution, ResolveError> {
    if story.status != Status::Ended(Outcome::Indeterminate) {
        return Err(ResolveError::NotOpen(story.status.word()));
    }
    let (person, known, key) = tenant.signer(envelope).ok_or(ResolveError::UnknownKey)?;
    let ApproverKey::File(key) = key else { return Err(ResolveError::Passkey) };
    let opened = resolution::open(envelope, key);
    let (action, said) = opened.map_err(|e| ResolveError::Open(e.to_string()))?;
    let receipt = story.envelope.as_ref().and_then(|receipt| receipt.payload_digest().ok());
    if story.bound.action.digest().ok() != Some(action) || receipt != Some(said.receipt_sha256) {
        return Err(ResolveError::Other);
    }
    let said = said.resolution;
    if said.person != person {
        return Err(ResolveError::OtherPerson);
    }
    if said.role != ROLE || !known.roles.contains(ROLE) {
        return Err(ResolveError::Role(person.to_owned()));
    }
    let requesters = story.bound.action.requesters();
    if requesters.has_edited(person) {
        return Err(ResolveError::Edited(person.to_owned()));
    }
    if requesters.include(person) {
        return Err(ResolveError::OwnAction(person.to_owned()));
    }
    fits(story, &said, now_ms)?;
    Ok(said)
}

/// Checks the nonce, the signing time and the reason of a resolution.
fn fits(story: &Story, said: &Resolution, now_ms: i64) -> Result<(), ResolveError> {
    if story.resolution_nonce().as_ref() != Some(&said.nonce) {
        return Err(ResolveError::Differs);
    }
    let from_ms = story.judged_ms.saturating_sub(CLOCK_SLACK_MS);
    if !(from_ms..=now_ms.saturating_add(CLOCK_SLACK_MS)).contains(&said.signed_ms) {
        return Err(ResolveError::Clock);
    }
    if let Some(name) = story.bound.private.tells(&said.reason) {
        return Err(ResolveError::Private(name.to_owned()));
    }
    Ok(())
}

/// Why a signed resolution does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    #[error("the action has no open outcome: its status is `{0}`, or it is already resolved")]
    NotOpen(&'static str),
    #[error("a write that was sent may still take effect until {0}; retry after that time")]
    TooEarly(String),
    #[error("the signing key is not enrolled for a person of this tenant")]
    UnknownKey,
    #[error("a passkey cannot sign a resolution; sign it with a key file and `deed resolve`")]
    Passkey,
    #[error("the signed statement is not a resolution: {0}")]
    Open(String),
    #[error("the resolution is for another action or receipt")]
    Other,
    #[error("the resolution names a person, but its signing key belongs to another person")]
    OtherPerson,
    #[error(
        "only a person in the role `{ROLE}` can resolve an action; `{0}` did not sign in that role"
    )]
    Role(String),
    #[error(
        "`{0}` is responsible for the agent that requested this action, and cannot resolve the action"
    )]
    OwnAction(String),
    #[error("`{0}` edited this action, and cannot resolve it")]
    Edited(String),
    #[error(
        "the resolution was signed for another request; read the current resolution request again"
    )]
    Differs,
    #[error(
        "the signing time of the resolution is in the future or before the outcome; correct the clock of your machine"
    )]
    Clock,
    #[error(
        "the reason contains the value of the private parameter `{0}`; remove the value from the reason"
    )]
    Private(String),
}
