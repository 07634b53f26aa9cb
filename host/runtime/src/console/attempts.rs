//! Attempts of invited people to make a passkey that are under way. They are in memory only; after a restart, the person
//! begins again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use deed_spec::digest::Digest;

/// How long a person has to make a passkey, in milliseconds.
const ATTEMPT_MS: i64 = 10 * 60 * 1_000;

/// What the host asked an authenticator to sign.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) nonce: String,
    pub(super) begun_ms: i64,
}

impl Attempt {
    fn is_over(&self, now_ms: i64) -> bool {
        now_ms.saturating_sub(self.begun_ms) >= ATTEMPT_MS
    }
}

/// The attempts by the hashes of their invitations. An invitation has one attempt, and only a valid one has any, so
/// their number needs no limit of its own.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    open: Mutex<BTreeMap<Digest, Attempt>>,
    turn: Mutex<()>,
}

impl Attempts {
    /// Begins an attempt, in place of an earlier one with the same invitation.
    pub(super) fn begin(&self, invitation: Digest, attempt: Attempt) {
        let mut open = self.lock();
        open.retain(|_, one| !one.is_over(attempt.begun_ms));
        open.insert(invitation, attempt);
    }

    /// Ends an attempt, so that its nonce is used once.
    pub(super) fn take(&self, invitation: &Digest, now_ms: i64) -> Option<Attempt> {
        self.lock().remove(invitation).filter(|one| !one.is_over(now_ms))
    }

    /// The turn to write an offer, which only one request has at a time.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Digest, Attempt>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(nonce: &str, begun_ms: i64) -> Attempt {
        Attempt { nonce: nonce.to_owned(), begun_ms }
    }

    #[test]
    fn an_attempt_is_taken_once_and_in_time() {
        let (all, one, other) = (Attempts::default(), Digest::of(b"one"), Digest::of(b"other"));
        all.begin(one, attempt("first", 0));
        all.begin(one, attempt("second", 1));
        assert!(all.take(&other, 1).is_none());
        assert_eq!(all.take(&one, ATTEMPT_MS).unwrap().nonce, "second");
        assert!(all.take(&one, 1).is_none());
        all.begin(one, attempt("third", 0));
        assert!(all.take(&one, ATTEMPT_MS).is_none());
        all.begin(one, attempt("fourth", 0));
        all.begin(other, attempt("fifth", ATTEMPT_MS));
        assert_eq!(all.lock().len(), 1, "an old attempt is removed");
    }
}
