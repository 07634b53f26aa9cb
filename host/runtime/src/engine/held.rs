//! The access tokens of requests that actions hold, to exchange them for tokens of upstreams.
//!
//! They are in memory only, so a restart of the host forgets them. An action holds its token from its proposal until it
//! has ended, and at most until the token expires.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deed_record::action::id::ActionId;
use deed_sandbox::credentials::RequestToken;

/// How many tokens the actions of one tenant hold at most, and how many bytes these tokens have.
const COUNT: usize = 4_096;
const BYTES: usize = 8 << 20;
/// How often tokens that have expired are dropped.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// The tokens that are held, by tenant and action.
#[derive(Debug, Default)]
pub(super) struct Held(Arc<Mutex<Tokens>>);

#[derive(Debug, Default)]
struct Tokens {
    of_tenants: BTreeMap<String, HashMap<ActionId, Arc<RequestToken>>>,
    /// Whether a task drops the tokens that expire.
    is_swept: bool,
}

impl Held {
    /// Holds a token for an action, until it expires or is released. Returns false if the tenant holds too many.
    pub(super) fn hold(&self, tenant: &str, id: &ActionId, token: Arc<RequestToken>) -> bool {
        let mut tokens = self.lock();
        if !tokens.has_room(tenant, &token) {
            tokens.drop_expired();
            if !tokens.has_room(tenant, &token) {
                return false;
            }
        }
        let of_tenant = tokens.of_tenants.entry(tenant.to_owned()).or_default();
        // Actions with the same token share one value. A token whose issuer now says another time is held with that time.
        let is_same =
            |one: &&Arc<RequestToken>| one.is(&token) && one.expires_ms() == token.expires_ms();
        let same = of_tenant.values().find(is_same).cloned();
        of_tenant.insert(id.clone(), same.unwrap_or(token));
        if !tokens.is_swept {
            tokens.is_swept = true;
            self.sweep();
        }
        true
    }

    /// The token that an action holds, if it has not expired.
    pub(super) fn of(&self, tenant: &str, id: &ActionId) -> Option<Arc<RequestToken>> {
        let tokens = self.lock();
        let found = tokens.of_tenants.get(tenant)?.get(id)?;
        found.left().map(|_valid| Arc::clone(found))
    }

    pub(super) fn release(&self, tenant: &str, id: &ActionId) {
        if let Some(of_tenant) = self.lock().of_tenants.get_mut(tenant) {
            of_tenant.remove(id);
        }
    }

    /// Starts a task that drops tokens that have expired, and ends when none are held.
    fn sweep(&self) {
        let place = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP_EVERY).await;
                let Some(place) = place.upgrade() else { return };
                let mut tokens = lock(&place);
                tokens.drop_expired();
                if tokens.of_tenants.is_empty() {
                    tokens.is_swept = false;
                    return;
                }
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, Tokens> {
        lock(&self.0)
    }
}

impl Tokens {
    fn has_room(&self, tenant: &str, token: &RequestToken) -> bool {
        let Some(of_tenant) = self.of_tenants.get(tenant) else { return true };
        let bytes: usize = of_tenant.values().map(|one| one.bytes()).sum();
        of_tenant.len() < COUNT && bytes.saturating_add(token.bytes()) <= BYTES
    }

    fn drop_expired(&mut self) {
        self.of_tenants.retain(|_, of_tenant| {
            of_tenant.retain(|_, token| token.left().is_some());
            !of_tenant.is_empty()
        });
    }
}

/// A panic cannot leave a token half held, so a poisoned mutex is used as it is.
fn lock(tokens: &Mutex<Tokens>) -> MutexGuard<'_, Tokens> {
    tokens.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use deed_record::action::Requester;
    use deed_system::clock::Clock;

    use super::*;

    fn id(n: u64) -> ActionId {
        ActionId::new(n, [0; 10])
    }

    fn token(text: &str, left_ms: i64) -> Arc<RequestToken> {
        token_until(text, Clock::new().latest_ms().saturating_add(left_ms))
    }

    fn token_until(text: &str, expires_ms: i64) -> Arc<RequestToken> {
        let (issuer, subject) = ("https://login.example.com".to_owned(), "dora".to_owned());
        let (of, clock) = (Requester { issuer, subject, client: None }, Clock::new());
        Arc::new(RequestToken::new(text, of, expires_ms, clock).unwrap())
    }

    #[tokio::test]
    async fn an_action_holds_its_own_token_until_it_is_released() {
        let held = Held::default();
        assert!(held.hold("acme", &id(1), token("access-token-number-1", 60_000)));
        assert!(held.hold("acme", &id(2), token("access-token-number-2", 60_000)));
        let (one, two) = (held.of("acme", &id(1)).unwrap(), held.of("acme", &id(2)).unwrap());
        assert!(!one.is(&two));
        assert!(held.of("globex", &id(1)).is_none() && held.of("acme", &id(3)).is_none());
        held.release("acme", &id(1));
        assert!(held.of("acme", &id(1)).is_none());
        assert_eq!(Arc::strong_count(&one), 1, "nothing else keeps it");
        assert!(held.of("acme", &id(2)).is_some());
    }

    #[tokio::test]
    async fn actions_with_the_same_token_share_its_value() {
        let held = Held::default();
        let expires_ms = Clock::new().latest_ms() + 60_000;
        for n in 0..2 {
            let token = token_until("access-token-number-1", expires_ms);
            assert!(held.hold("acme", &id(n), token));
        }
        let (one, two) = (held.of("acme", &id(0)).unwrap(), held.of("acme", &id(1)).unwrap());
        assert!(Arc::ptr_eq(&one, &two));
    }

    #[tokio::test]
    async fn a_new_action_gets_the_expiry_of_its_own_request() {
        let held = Held::default();
        let now_ms = Clock::new().latest_ms();
        for (n, expires_ms) in [(0, now_ms + 60_000), (1, now_ms + 600_000)] {
            let token = token_until("access-token-number-1", expires_ms);
            assert!(held.hold("acme", &id(n), token));
            assert_eq!(held.of("acme", &id(n)).unwrap().expires_ms(), expires_ms);
        }
    }

    #[tokio::test]
    async fn a_token_that_has_expired_is_dropped() {
        let held = Held::default();
        let expired = token("access-token-number-1", 0);
        assert!(held.hold("acme", &id(1), Arc::clone(&expired)));
        assert!(held.of("acme", &id(1)).is_none());
        held.lock().drop_expired();
        assert_eq!(Arc::strong_count(&expired), 1);
        assert!(held.lock().of_tenants.is_empty());
    }

    #[tokio::test]
    async fn the_tokens_of_a_tenant_are_bounded_by_number_and_by_bytes() {
        let held = Held::default();
        let large = "x".repeat(12 << 10);
        let fits = BYTES / large.len();
        for n in 0..=fits {
            let is_held = held.hold("acme", &id(n.try_into().unwrap()), token(&large, 60_000));
            assert_eq!(is_held, n < fits, "{n}");
        }
        for n in 0..=COUNT {
            let token = token("access-token-number-1", 60_000);
            assert_eq!(held.hold("globex", &id(n.try_into().unwrap()), token), n < COUNT, "{n}");
        }
    }
}
