//! The keys of one issuer, as last fetched.
//!
//! Keys are fetched again after ten minutes, so that the host stops accepting a key that the issuer withdrew. A token
//! that no known key signed makes the host fetch them at once, so that an issuer can rotate its keys. A caller can
//! invent such tokens, so one that the fetched keys did not sign either stops such fetches for 30 seconds. While the
//! issuer does not answer, the keys that were fetched last are valid for an hour.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deed_system::clock::Clock;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::Refusal;
use super::fetch::Fetcher;
use super::jws::Jws;
use super::keys::{KeySet, UNKNOWN};
use super::moment::Moment;
use super::queue::Queue;

/// The age at which keys are fetched again.
const FRESH: Duration = Duration::from_mins(10);
/// The age from which keys are not used any more.
const KEPT: Duration = Duration::from_hours(1);
/// How long no keys are fetched after an issuer did not have the key of a token.
const UNKNOWN_PAUSE: Duration = Duration::from_secs(30);
/// How long no keys are fetched after the issuer gave none.
const FAILED_PAUSE: Duration = Duration::from_secs(5);
/// How many requests may fetch keys or wait until they are fetched.
const PLACES: usize = 32;

/// The keys of one issuer.
#[derive(Debug)]
pub(super) struct KeySource {
    url: String,
    fetcher: Fetcher,
    clock: Clock,
    queue: Queue,
    cache: Mutex<Cache>,
}

#[derive(Clone, Debug, Default)]
struct Cache {
    fetched: Option<(Arc<KeySet>, Moment)>,
    /// No keys are fetched before this time.
    paused: Option<Instant>,
    /// Whether the issuer gave no keys when it was last asked.
    failed: bool,
}

/// What to do about a token.
#[derive(Debug, PartialEq, Eq)]
enum Lookup {
    Signed,
    /// An old key signed the token, and it is time to fetch the keys.
    SignedByOld,
    Refused(Refusal),
    Fetch,
}

impl KeySource {
    /// The keys at this URL. The issuers of a host take turns to fetch their keys.
    pub(super) fn new(url: &str, fetcher: &Fetcher, clock: Clock, turns: &Arc<Semaphore>) -> Self {
        Self {
            url: url.to_owned(),
            fetcher: fetcher.clone(),
            clock,
            queue: Queue::new(Arc::clone(turns), PLACES),
            cache: Mutex::default(),
        }
    }

    /// Checks that the issuer signed a token.
    pub(super) async fn verify(self: &Arc<Self>, jws: &Arc<Jws>) -> Result<(), Refusal> {
        let turn = match self.look_up(jws) {
            Lookup::Signed => return Ok(()),
            Lookup::Refused(why) => return Err(why),
            Lookup::Fetch => self.queue.enter().await.ok_or(Refusal::Unavailable)?,
            Lookup::SignedByOld => match self.queue.try_enter() {
                Some(turn) => turn,
                // Keys are being fetched at the moment.
                None => return Ok(()),
            },
        };
        let (source, jws) = (Arc::clone(self), Arc::clone(jws));
        turn.run(move || source.settle(&jws)).await?
    }

    /// Fetches the keys, unless another request fetched them while this one waited.
    fn settle(&self, jws: &Jws) -> Result<(), Refusal> {
        if matches!(self.look_up(jws), Lookup::Fetch | Lookup::SignedByOld) {
            self.fetch();
        }
        if self.look_up(jws) == Lookup::Fetch {
            self.cache().pause(UNKNOWN_PAUSE, Instant::now());
        }
        match self.look_up(jws) {
            Lookup::Signed | Lookup::SignedByOld => Ok(()),
            Lookup::Refused(why) => Err(why),
            Lookup::Fetch => Err(Refusal::Unavailable),
        }
    }

    fn fetch(&self) {
        let keys = match self.fetcher.get(&self.url) {
            Ok(members) => KeySet::read(&members).ok_or("the answer is not a key set".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = &keys {
            let url = &self.url;
            tracing::warn!(%url, %error, "the keys of an issuer could not be fetched");
        }
        self.cache().store(keys.ok(), Moment::now(&self.clock));
    }

    /// The keys are not locked while signatures are checked.
    fn look_up(&self, jws: &Jws) -> Lookup {
        let cache = self.cache().clone();
        cache.look_up(jws, Moment::now(&self.clock))
    }

    /// A panic cannot leave the cache inconsistent, so a poisoned mutex is used as it is.
    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    fn look_up(&self, jws: &Jws, now: Moment) -> Lookup {
        let may_fetch = self.paused.is_none_or(|until| now.instant >= until);
        let age = self.fetched.as_ref().map(|(_, at)| now.since(*at));
        match self.verdict(jws, age) {
            Ok(()) if may_fetch && age.is_some_and(|age| age >= FRESH) => Lookup::SignedByOld,
            Ok(()) => Lookup::Signed,
            Err(_) if may_fetch => Lookup::Fetch,
            Err(_) if self.failed => Lookup::Refused(Refusal::Unavailable),
            Err(why) => Lookup::Refused(why),
        }
    }

    /// What the keys say about a token, if they are not older than they may be.
    fn verdict(&self, jws: &Jws, age: Option<Duration>) -> Result<(), Refusal> {
        let is_usable = age.is_some_and(|age| age < KEPT);
        let keys = self.fetched.as_ref().filter(|_| is_usable);
        keys.map_or(Err(UNKNOWN), |(keys, _)| keys.verify(jws))
    }

    /// Stores fetched keys; `None` if the issuer gave none.
    fn store(&mut self, keys: Option<KeySet>, now: Moment) {
        self.failed = keys.is_none();
        self.paused = None;
        match keys {
            Some(keys) => self.fetched = Some((Arc::new(keys), now)),
            None => self.pause(FAILED_PAUSE, now.instant),
        }
    }

    fn pause(&mut self, pause: Duration, now: Instant) {
        self.paused = Some(now + pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::tests::{Signer, key_set, signed};

    fn start() -> Moment {
        Moment { instant: Instant::now(), unix_ms: 0 }
    }

    fn after(start: Moment, span: Duration) -> Moment {
        Moment { instant: start.instant + span, ..start }
    }

    fn set(signer: &Signer, id: &str) -> KeySet {
        key_set(&[signer.public(id)])
    }

    /// What the cache says about a token with this key id, in a word.
    fn says(cache: &Cache, signer: &Signer, id: &str, now: Moment) -> &'static str {
        match cache.look_up(&signed(signer, Some(id)), now) {
            Lookup::Signed => "found",
            Lookup::Fetch => "fetch",
            Lookup::SignedByOld => "fetch, old one usable",
            Lookup::Refused(Refusal::Unavailable) => "unavailable",
            Lookup::Refused(_) => "refused",
        }
    }

    #[test]
    fn an_unknown_key_id_fetches_once_in_30_seconds() {
        let (mut cache, now, key) = (Cache::default(), start(), Signer::ed25519());
        assert_eq!(says(&cache, &key, "a", now), "fetch");
        cache.store(Some(set(&key, "a")), now);
        assert_eq!(
            (says(&cache, &key, "a", now), says(&cache, &key, "b", now)),
            ("found", "fetch")
        );
        cache.pause(UNKNOWN_PAUSE, now.instant);
        let almost = after(now, Duration::from_secs(29));
        let both = (says(&cache, &key, "a", almost), says(&cache, &key, "c", almost));
        assert_eq!(both, ("found", "refused"));
        assert_eq!(says(&cache, &key, "c", after(now, Duration::from_secs(30))), "fetch");
    }

    #[test]
    fn a_rotated_key_is_accepted_and_the_old_one_refused() {
        let (mut cache, now) = (Cache::default(), start());
        let [old, new] = [(); 2].map(|()| Signer::ed25519());
        // Some issuers give the new key the id of the old one.
        for id in ["new", "old"] {
            cache.store(Some(set(&old, "old")), now);
            assert_eq!(says(&cache, &new, id, now), "fetch");
            cache.store(Some(set(&new, id)), now);
            assert_eq!(says(&cache, &new, id, now), "found");
            assert_eq!(says(&cache, &old, "old", now), "fetch");
            cache.pause(UNKNOWN_PAUSE, now.instant);
            assert_eq!(says(&cache, &old, "old", now), "refused");
        }
    }

    #[test]
    fn keys_are_kept_for_an_hour_while_the_issuer_is_down() {
        let (mut cache, now, key) = (Cache::default(), start(), Signer::ed25519());
        let says = |cache: &Cache, id: &str, now| says(cache, &key, id, now);
        cache.store(Some(set(&key, "a")), now);
        let later = after(now, FRESH);
        assert_eq!(says(&cache, "a", later), "fetch, old one usable");
        cache.store(None, later);
        assert_eq!((says(&cache, "a", later), says(&cache, "b", later)), ("found", "unavailable"));
        let end = after(now, KEPT);
        assert_eq!(
            says(&cache, "a", after(now, Duration::from_secs(3_599))),
            "fetch, old one usable"
        );
        assert_eq!(says(&cache, "a", end), "fetch");
        cache.store(None, end);
        assert_eq!(says(&cache, "a", end), "unavailable");
        assert_eq!(says(&cache, "a", after(end, FAILED_PAUSE)), "fetch");
    }

    #[test]
    fn keys_age_while_the_machine_is_suspended() {
        let (mut cache, now, key) = (Cache::default(), start(), Signer::ed25519());
        cache.store(Some(set(&key, "a")), now);
        assert_eq!(
            says(&cache, &key, "a", Moment { unix_ms: 600_000, ..now }),
            "fetch, old one usable"
        );
        assert_eq!(says(&cache, &key, "a", Moment { unix_ms: 3_600_000, ..now }), "fetch");
    }
}
