//! The verified access token of a request that proposed an action, which is exchanged for tokens of upstreams.
//!
//! The value exists in memory only, and is zeroed on drop.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use deed_record::action::Requester;
use deed_spec::digest::Digest;
use deed_system::clock::Clock;

use super::secret::{CredentialError, Secret};

/// Why no token is obtained without a valid access token.
pub(super) const OVER: &str = "the access token of the request that proposed the action has expired or is no longer \
                               held; propose the action again with a new one";

/// The name of the value, for errors.
const NAME: &str = "access token of the request";

/// An access token of a request, and what its issuer says about it.
#[derive(Debug)]
pub struct RequestToken {
    value: Arc<Secret>,
    of: Requester,
    digest: Digest,
    /// Unix milliseconds.
    expires_ms: i64,
    clock: Clock,
}

/// The access token that is exchanged, for as long as an action holds it. Each action may have its own copy of the token,
/// with another time at which it expires.
#[derive(Debug, Default)]
pub struct HeldRequest(Mutex<Vec<Weak<RequestToken>>>);

impl HeldRequest {
    /// From now on, another action with the same access token holds it too.
    pub(super) fn is_now(&self, request: &Arc<RequestToken>) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|one| {
            one.strong_count() > 0 && !std::ptr::eq(one.as_ptr(), Arc::as_ptr(request))
        });
        held.push(Arc::downgrade(request));
    }

    /// The copy that expires last.
    pub(super) fn get(&self) -> Option<Arc<RequestToken>> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter().filter_map(Weak::upgrade).max_by_key(|one| one.expires_ms)
    }
}

impl RequestToken {
    /// A token that was verified. `expires_ms` is in Unix milliseconds.
    ///
    /// # Errors
    ///
    /// Fails when the value could not be redacted, because it is too short.
    pub fn new(
        text: &str,
        of: Requester,
        expires_ms: i64,
        clock: Clock,
    ) -> Result<Self, CredentialError> {
        let value = Arc::new(Secret::new(NAME, text.as_bytes())?);
        Ok(Self { value, of, digest: Digest::of(text.as_bytes()), expires_ms, clock })
    }

    /// The subject of the token.
    pub fn of(&self) -> &Requester {
        &self.of
    }

    pub fn expires_ms(&self) -> i64 {
        self.expires_ms
    }

    /// The length of the value in bytes.
    pub fn bytes(&self) -> usize {
        self.value.reveal().len()
    }

    /// How long the token is valid from now on; `None` if it has expired.
    pub fn left(&self) -> Option<Duration> {
        let left_ms = self.expires_ms.saturating_sub(self.clock.latest_ms());
        u64::try_from(left_ms).ok().filter(|left_ms| *left_ms > 0).map(Duration::from_millis)
    }

    /// Whether both are the same token with the same subject.
    pub fn is(&self, other: &Self) -> bool {
        self.digest == other.digest && self.of == other.of
    }

    /// The digest of the value.
    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    pub(super) fn value(&self) -> &Arc<Secret> {
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &str = "access-token-of-dora";

    fn token(text: &str, left_ms: i64) -> Result<RequestToken, CredentialError> {
        let (issuer, subject) = ("https://login.example.com".to_owned(), "dora".to_owned());
        let (of, clock) = (Requester { issuer, subject, client: None }, Clock::new());
        let expires_ms = clock.latest_ms().saturating_add(left_ms);
        RequestToken::new(text, of, expires_ms, clock)
    }

    #[test]
    fn a_token_expires_and_is_never_printed() {
        let valid = token(VALUE, 60_000).unwrap();
        assert!(valid.left().is_some_and(|left| left <= Duration::from_mins(1)));
        assert!(!format!("{valid:?}").contains(VALUE));
        for expired in [0, -1, i64::MIN / 2] {
            assert_eq!(token(VALUE, expired).unwrap().left(), None, "{expired}");
        }
    }

    #[test]
    fn an_exchange_has_the_token_as_long_as_any_action_holds_it() {
        let held = HeldRequest::default();
        let first = Arc::new(token(VALUE, 60_000).unwrap());
        let second = Arc::new(token(VALUE, 600_000).unwrap());
        let third = Arc::new(token(VALUE, 30_000).unwrap());
        for one in [&first, &second, &third, &third] {
            held.is_now(one);
        }
        assert!(Arc::ptr_eq(&held.get().unwrap(), &second), "the one that expires last");
        drop(second);
        drop(third);
        assert!(
            Arc::ptr_eq(&held.get().unwrap(), &first),
            "the end of one action is not that of another"
        );
        drop(first);
        assert!(held.get().is_none());
    }

    #[test]
    fn a_token_that_is_too_short_to_be_redacted_is_refused() {
        assert!(matches!(token("short", 60_000), Err(CredentialError::Short(_))));
    }
}
