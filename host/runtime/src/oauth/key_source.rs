//! The keys of one issuer, as last fetched.
//!
//! Keys are fetched again after ten minutes, so that the host stops accepting a key that the issuer withdrew. A token
//! with an unknown key id makes the host fetch them at once, so that an issuer can rotate its keys. A caller can invent
//! key ids, so an id that the issuer does not have stops such fetches for 30 seconds. While the issuer does not answer,
//! the keys that were fetched last are valid for an hour.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Refusal;
use super::fetch::Fetcher;
use super::jws::Header;
use super::keys::{KeySet, PublicKey, Search};
use super::queue::Queue;

/// The age at which keys are fetched again.
const FRESH: Duration = Duration::from_mins(10);
/// The age from which keys are not used any more.
const KEPT: Duration = Duration::from_hours(1);
/// How long no keys are fetched after an issuer did not have the key of a token.
const UNKNOWN_PAUSE: Duration = Duration::from_secs(30);
/// How long no keys are fetched after the issuer gave none.
const FAILED_PAUSE: Duration = Duration::from_secs(5);
/// How many requests may wait until keys are fetched.
const WAITING_MAX: usize = 31;

/// The keys of one issuer.
#[derive(Debug)]
pub(super) struct KeySource {
    url: String,
    fetcher: Fetcher,
    queue: Queue,
    cache: Mutex<Cache>,
}

#[derive(Debug, Default)]
struct Cache {
    fetched: Option<(KeySet, Instant)>,
    /// No keys are fetched before this time.
    paused: Option<Instant>,
    /// Whether the issuer gave no keys when it was last asked.
    failed: bool,
}

/// What is known about the key of a token.
#[derive(Debug)]
enum Lookup {
    Found(Arc<PublicKey>),
    Refused(Refusal),
    /// The keys must be fetched, and until then there may be a key that was fetched earlier.
    Fetch(Option<Arc<PublicKey>>),
}

const UNKNOWN: Refusal = Refusal::Invalid("the issuer has no key with this key id");

impl KeySource {
    pub(super) fn new(url: &str, fetcher: &Fetcher) -> Self {
        Self {
            url: url.to_owned(),
            fetcher: fetcher.clone(),
            queue: Queue::new(1, WAITING_MAX),
            cache: Mutex::default(),
        }
    }

    /// The key with which a token with this header must be signed.
    pub(super) async fn key(&self, header: &Header) -> Result<Arc<PublicKey>, Refusal> {
        let turn = match self.look_up(header) {
            Lookup::Found(key) => return Ok(key),
            Lookup::Refused(why) => return Err(why),
            Lookup::Fetch(None) => self.queue.enter().await.ok_or(Refusal::Unavailable)?,
            Lookup::Fetch(Some(old)) => match self.queue.try_enter() {
                Some(turn) => turn,
                // Another request fetches the keys at the moment.
                None => return Ok(old),
            },
        };
        // Another request may have fetched the keys while this one waited.
        if matches!(self.look_up(header), Lookup::Fetch(_)) {
            self.fetch().await;
        }
        drop(turn);
        match self.look_up(header) {
            Lookup::Found(key) | Lookup::Fetch(Some(key)) => Ok(key),
            Lookup::Refused(why) => Err(why),
            Lookup::Fetch(None) => {
                self.cache().pause(UNKNOWN_PAUSE, Instant::now());
                Err(UNKNOWN)
            }
        }
    }

    async fn fetch(&self) {
        let keys = match self.fetcher.get(&self.url).await {
            Ok(members) => KeySet::read(&members).ok_or("the answer is not a key set".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = &keys {
            let url = &self.url;
            tracing::warn!(%url, %error, "the keys of an issuer could not be fetched");
        }
        self.cache().store(keys.ok(), Instant::now());
    }

    fn look_up(&self, header: &Header) -> Lookup {
        self.cache().look_up(header, Instant::now())
    }

    /// A panic cannot leave the cache inconsistent, so a poisoned mutex is used as it is.
    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    fn look_up(&self, header: &Header, now: Instant) -> Lookup {
        let may_fetch = self.paused.is_none_or(|until| now >= until);
        let Some((keys, at)) = &self.fetched else {
            return if may_fetch { Lookup::Fetch(None) } else { Lookup::Refused(self.missing()) };
        };
        let age = now.saturating_duration_since(*at);
        let found = keys.search(header);
        if age >= KEPT {
            return if may_fetch { Lookup::Fetch(None) } else { Lookup::Refused(self.missing()) };
        }
        match found {
            Search::Found(key) if age >= FRESH && may_fetch => Lookup::Fetch(Some(key)),
            Search::Found(key) => Lookup::Found(key),
            Search::Unknown if may_fetch => Lookup::Fetch(None),
            Search::Unknown => Lookup::Refused(self.missing()),
            Search::Unfit => Lookup::Refused(Refusal::Invalid("the key is not for this algorithm")),
        }
    }

    /// Why a token whose key is not known is refused.
    fn missing(&self) -> Refusal {
        if self.failed { Refusal::Unavailable } else { UNKNOWN }
    }

    /// Stores fetched keys; `None` if the issuer gave none.
    fn store(&mut self, keys: Option<KeySet>, now: Instant) {
        self.failed = keys.is_none();
        self.paused = None;
        match keys {
            Some(keys) => self.fetched = Some((keys, now)),
            None => self.pause(FAILED_PAUSE, now),
        }
    }

    fn pause(&mut self, pause: Duration, now: Instant) {
        self.paused = Some(now + pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Algorithm;
    use crate::oauth::tests::{Signer, key_set};

    fn set(ids: &[&str]) -> KeySet {
        let keys: Vec<_> = ids.iter().map(|id| Signer::ed25519().public(id)).collect();
        key_set(&keys)
    }

    fn header(id: &str) -> Header {
        Header { algorithm: Algorithm::EdDsa, key_id: Some(id.to_owned()) }
    }

    /// What the cache says about a key id, in a word.
    fn says(cache: &Cache, id: &str, now: Instant) -> &'static str {
        match cache.look_up(&header(id), now) {
            Lookup::Found(_) => "found",
            Lookup::Fetch(None) => "fetch",
            Lookup::Fetch(Some(_)) => "fetch, old one usable",
            Lookup::Refused(Refusal::Unavailable) => "unavailable",
            Lookup::Refused(_) => "refused",
        }
    }

    #[test]
    fn an_unknown_key_id_fetches_once_in_30_seconds() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        assert_eq!(says(&cache, "a", now), "fetch");
        cache.store(Some(set(&["a"])), now);
        assert_eq!((says(&cache, "a", now), says(&cache, "b", now)), ("found", "fetch"));
        cache.pause(UNKNOWN_PAUSE, now);
        let almost = now + Duration::from_secs(29);
        assert_eq!((says(&cache, "a", almost), says(&cache, "c", almost)), ("found", "refused"));
        assert_eq!(says(&cache, "c", now + Duration::from_secs(30)), "fetch");
    }

    #[test]
    fn a_rotated_key_is_accepted_and_the_old_one_refused() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        cache.store(Some(set(&["old"])), now);
        assert_eq!(says(&cache, "new", now), "fetch");
        cache.store(Some(set(&["new"])), now);
        assert_eq!((says(&cache, "new", now), says(&cache, "old", now)), ("found", "fetch"));
    }

    #[test]
    fn keys_are_kept_for_an_hour_while_the_issuer_is_down() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        cache.store(Some(set(&["a"])), now);
        let later = now + FRESH;
        assert_eq!(says(&cache, "a", later), "fetch, old one usable");
        cache.store(None, later);
        assert_eq!((says(&cache, "a", later), says(&cache, "b", later)), ("found", "unavailable"));
        let end = now + KEPT;
        assert_eq!(says(&cache, "a", end - Duration::from_secs(1)), "fetch, old one usable");
        assert_eq!(says(&cache, "a", end), "fetch");
        cache.store(None, end);
        assert_eq!(says(&cache, "a", end), "unavailable");
        assert_eq!(says(&cache, "a", end + FAILED_PAUSE), "fetch");
    }
}
