//! The sessions of people who signed in. A session is in memory only, and is known by the hash of its secret, so
//! nothing that the host keeps can be used as a cookie.
//!
//! A session ends when it was not used for some time, some time after it began in any case, and when its person signs
//! out. Times are those of the host's clock, which never goes back. Whether the person is still configured, with the
//! same token, is checked at each request by the caller of this module.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deed_spec::digest::Digest;
use subtle::ConstantTimeEq as _;

use crate::config::keys::{self, KeyError};

/// A session ends after this time without a request, in milliseconds.
pub(super) const IDLE_MS: i64 = 30 * 60 * 1_000;
/// A session ends this long after it began, in milliseconds.
pub(super) const AGE_MS: i64 = 12 * 60 * 60 * 1_000;
/// The maximum number of sessions of one person. A further one ends the one that was used least recently.
pub(super) const OF_PERSON_MAX: usize = 8;
/// The maximum number of all sessions. A further one ends the one that was used least recently.
const TOTAL_MAX: usize = 4_096;
/// The number of characters of a secret: 32 bytes in base64.
const SECRET_LENGTH: usize = 43;

/// Who signed in, and with which token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) tenant: String,
    pub(super) name: String,
    /// The hash of the token.
    pub(super) token: Digest,
}

impl Who {
    fn is_same_person(&self, other: &Self) -> bool {
        (&self.tenant, &self.name) == (&other.tenant, &other.name)
    }
}

/// What a browser sends to continue a session. The text is not shown when it is formatted.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    fn new() -> Result<Self, KeyError> {
        Ok(Self(random()?))
    }

    /// A secret as a cookie has it; `None` if the text cannot be one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (text.len() == SECRET_LENGTH && text.bytes().all(fits)).then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    fn hash(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

/// 32 random bytes as text.
fn random() -> Result<String, KeyError> {
    Ok(URL_SAFE_NO_PAD.encode(keys::random::<32>()?))
}

#[derive(Clone, Debug)]
struct Session {
    who: Who,
    /// The token that every form of the session carries.
    forgery: String,
    began_ms: i64,
    used_ms: i64,
}

impl Session {
    fn is_over(&self, now_ms: i64) -> bool {
        now_ms.saturating_sub(self.used_ms) >= IDLE_MS
            || now_ms.saturating_sub(self.began_ms) >= AGE_MS
    }
}

/// A session that continues.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) who: Who,
    pub(super) forgery: String,
}

impl Found {
    /// Whether this is the token of the session's forms.
    pub(super) fn has_sent(&self, forgery: &str) -> bool {
        self.forgery.as_bytes().ct_eq(forgery.as_bytes()).into()
    }
}

/// All sessions, by the hash of the secret.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<Digest, Session>>);

impl Sessions {
    /// Begins a session with a new secret.
    pub(super) fn begin(&self, who: Who, now_ms: i64) -> Result<Secret, KeyError> {
        let (secret, forgery) = (Secret::new()?, random()?);
        let mut all = self.lock();
        all.retain(|_, session| !session.is_over(now_ms));
        make_room(&mut all, OF_PERSON_MAX, |session| session.who.is_same_person(&who));
        make_room(&mut all, TOTAL_MAX, |_| true);
        let session = Session { who, forgery, began_ms: now_ms, used_ms: now_ms };
        all.insert(secret.hash(), session);
        Ok(secret)
    }

    /// The session with this secret, which is used now.
    pub(super) fn find(&self, secret: &Secret, now_ms: i64) -> Option<Found> {
        self.found(secret, now_ms, true)
    }

    /// The session with this secret. What a script asks by itself does not count as use, so a page that stays open does
    /// not prolong its session.
    pub(super) fn look(&self, secret: &Secret, now_ms: i64) -> Option<Found> {
        self.found(secret, now_ms, false)
    }

    fn found(&self, secret: &Secret, now_ms: i64, is_use: bool) -> Option<Found> {
        let (mut all, hash) = (self.lock(), secret.hash());
        let session = all.get_mut(&hash)?;
        if session.is_over(now_ms) {
            all.remove(&hash);
            return None;
        }
        if is_use {
            session.used_ms = now_ms;
        }
        Some(Found { who: session.who.clone(), forgery: session.forgery.clone() })
    }

    /// Ends one session.
    pub(super) fn end(&self, secret: &Secret) {
        self.lock().remove(&secret.hash());
    }

    /// Ends all sessions of this person.
    pub(super) fn end_all(&self, who: &Who) {
        self.lock().retain(|_, session| !session.who.is_same_person(who));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends sessions until there are fewer than `most` of this kind; first those that were used least recently.
fn make_room(
    all: &mut HashMap<Digest, Session>,
    most: usize,
    is_counted: impl Fn(&Session) -> bool,
) {
    let counted = all.iter().filter(|(_, session)| is_counted(session));
    let mut counted: Vec<(i64, Digest)> =
        counted.map(|(hash, session)| (session.used_ms, *hash)).collect();
    counted.sort_unstable();
    let surplus = (counted.len() + 1).saturating_sub(most);
    for (_, hash) in counted.into_iter().take(surplus) {
        all.remove(&hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(name: &str) -> Who {
        Who { tenant: "acme".to_owned(), name: name.to_owned(), token: Digest::of(name.as_bytes()) }
    }

    #[test]
    fn a_session_ends_when_it_is_not_used_and_after_its_time() {
        let sessions = Sessions::default();
        let secret = sessions.begin(who("bob"), 0).unwrap();
        assert_eq!(sessions.find(&secret, IDLE_MS - 1).unwrap().who, who("bob"));
        assert!(sessions.find(&secret, 2 * IDLE_MS - 1).is_none(), "it was not used");
        let secret = sessions.begin(who("bob"), 0).unwrap();
        let mut now_ms = 0;
        while now_ms < AGE_MS {
            assert!(sessions.find(&secret, now_ms).is_some(), "{now_ms}");
            now_ms += IDLE_MS - 1;
        }
        assert!(sessions.find(&secret, now_ms).is_none(), "its time is over");
    }

    #[test]
    fn a_look_does_not_prolong_a_session() {
        let sessions = Sessions::default();
        let secret = sessions.begin(who("bob"), 0).unwrap();
        assert!(sessions.look(&secret, IDLE_MS - 1).is_some());
        assert!(sessions.look(&secret, IDLE_MS).is_none());
    }

    #[test]
    fn a_person_ends_one_session_or_all_of_them() {
        let sessions = Sessions::default();
        let [first, second, other] =
            ["bob", "bob", "carol"].map(|name| sessions.begin(who(name), 0).unwrap());
        sessions.end(&first);
        assert!(sessions.find(&first, 1).is_none() && sessions.find(&second, 1).is_some());
        sessions.end_all(&who("bob"));
        assert!(sessions.find(&second, 1).is_none() && sessions.find(&other, 1).is_some());
    }

    #[test]
    fn a_flood_of_sessions_ends_only_sessions_of_the_same_person() {
        let sessions = Sessions::default();
        let other = sessions.begin(who("carol"), 0).unwrap();
        let first = sessions.begin(who("bob"), 1).unwrap();
        for n in 0..1_000 {
            sessions.begin(who("bob"), 2 + n).unwrap();
        }
        assert_eq!(sessions.lock().len(), OF_PERSON_MAX + 1);
        assert!(sessions.find(&first, 2_000).is_none() && sessions.find(&other, 2_000).is_some());
    }

    #[test]
    fn secrets_and_form_tokens_differ_from_session_to_session() {
        let sessions = Sessions::default();
        let [one, two] = [0, 0].map(|at_ms| sessions.begin(who("bob"), at_ms).unwrap());
        assert_ne!(one, two);
        let [first, second] = [&one, &two].map(|secret| sessions.find(secret, 1).unwrap());
        assert!(first.has_sent(&first.forgery) && !first.has_sent(&second.forgery));
        assert!(!first.has_sent("") && first.forgery.len() == SECRET_LENGTH);
        assert_eq!(Secret::parse(one.as_str()), Some(one.clone()));
        for bad in ["", "a", &"ä".repeat(43), &"a".repeat(44), &"a=".repeat(21)] {
            assert_eq!(Secret::parse(bad), None, "{bad}");
        }
        assert!(!format!("{one:?}").contains(one.as_str()));
    }
}
