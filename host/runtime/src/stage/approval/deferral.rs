//! Stage 4, while an action waits: checks whether a person may put the request for approval off. This changes what that
//! person is shown and reminded of. It changes nobody's rights, and the request expires as before.

use deed_record::lifecycle::event::Deferral;
use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Story;
use deed_record::timeline::utc;

use super::AnswerError;
use crate::config::Tenant;

/// The maximum number of characters of a reason.
pub const REASON_MAX: usize = 500;
/// How often one person can put off one request, so that the journal of an action does not grow without end.
const TIMES_MAX: usize = 10;

/// Checks that this person may put the request off until this time.
///
/// # Errors
///
/// Fails with the reason why the request cannot be put off.
pub fn receive(
    tenant: &Tenant,
    story: &Story,
    person: &str,
    (reason, until_ms): (&str, i64),
    now_ms: i64,
) -> Result<Deferral, DeferralError> {
    let ask = story.ask.as_ref().filter(|_| story.status == Status::Waiting);
    let expires_ms = ask.ok_or(AnswerError::NotAsked)?.expires_ms;
    if super::standing(tenant, person, story, now_ms)?.has_approved {
        return Err(DeferralError::Answered(person.to_owned()));
    }
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_MAX {
        return Err(DeferralError::Reason);
    }
    if let Some(name) = story.bound.private.tells(reason) {
        return Err(DeferralError::Private(name.to_owned()));
    }
    if until_ms <= now_ms {
        return Err(DeferralError::Past);
    }
    if until_ms > expires_ms {
        return Err(DeferralError::TooLate(utc(expires_ms), expires_ms));
    }
    if story.deferrals.iter().filter(|one| one.person == person).count() >= TIMES_MAX {
        return Err(DeferralError::TooOften(person.to_owned()));
    }
    Ok(Deferral { person: person.to_owned(), reason: reason.to_owned(), until_ms })
}

/// Why a request for approval cannot be put off.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeferralError {
    #[error(transparent)]
    Answer(#[from] AnswerError),
    #[error(
        "`{0}` has approved this action, or another person has for `{0}`, so nothing of it waits for this person"
    )]
    Answered(String),
    #[error("`reason` must have 1 to {REASON_MAX} characters, and not only white space")]
    Reason,
    #[error(
        "`reason` has the value of the private parameter `{0}`, and others read it; leave it out"
    )]
    Private(String),
    #[error("the time until which a request is put off must be in the future")]
    Past,
    #[error(
        "the request expires at {0}, and cannot be put off for longer; the latest time is {1} in Unix milliseconds"
    )]
    TooLate(String, i64),
    #[error("`{0}` has put this request off {TIMES_MAX} times; answer it, or let it expire")]
    TooOften(String),
}

impl DeferralError {
    /// Whether another reason or time would be accepted.
    pub fn is_of_the_form(&self) -> bool {
        matches!(self, Self::Reason | Self::Private(_) | Self::Past | Self::TooLate(..))
    }
}
