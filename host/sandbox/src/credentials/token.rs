//! Tokens that the host obtains, keeps until shortly before they expire, and sends to upstreams.
//!
//! Each kind of token is one file in `token/` that implements [`Mint`]. This file keeps the tokens: one request for a
//! token at a time, no request while a kept token is valid, and a pause after a refusal. The memory of the tenant gets
//! each value before it is sent.

pub mod assertion;
pub mod client_credentials;
pub mod exec;
pub mod jwt_bearer;
pub mod oauth2;
pub(crate) mod ordinary;
mod pause;
pub mod request_exchange;
pub mod token_exchange;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::{Duration, Instant};

use deed_record::action::TokenRef;
use deed_system::clock::Clock;

use self::pause::Pause;
use super::history::{CredentialStanding, History};
use super::memory::Memory;
use super::secret::Secret;

/// A token is not used any more this long before it expires, so that it is still valid when the upstream checks it.
const MARGIN: Duration = Duration::from_secs(30);
/// The longest time for which a token is kept, whatever its issuer says. A revoked token is noticed after this time even
/// if the upstream never answers 401.
const KEPT: Duration = Duration::from_hours(1);
/// How long a token is kept if its issuer does not say when it expires.
const UNKNOWN: Duration = Duration::from_mins(1);
/// Why no token is obtained while the memory has no room for it: an answer that echoes it could not be redacted.
const FULL: &str = "the host remembers too many tokens of the last 24 hours to redact one more; find out why so many \
                    are needed, and wait until they have expired; a restart forgets tokens, but reads the secrets in \
                    the folders of `vault` again";

/// A way to obtain a token, for example a grant type of OAuth 2.0.
pub trait Mint: fmt::Debug + Send + Sync {
    /// Obtains a new token. The future runs in a task of its own, which the host drops only when it stops. It must end
    /// within a bounded time.
    fn mint(&self) -> Pin<Box<dyn Future<Output = Result<Minted, MintError>> + Send + '_>>;

    /// The secrets that are sent to obtain the token, for redaction.
    fn secrets(&self) -> Vec<Arc<Secret>> {
        Vec::new()
    }
}

/// A new token.
#[derive(Debug)]
pub struct Minted {
    pub value: Secret,
    /// How long the token is valid from now on; `None` if the issuer does not say.
    pub lifetime: Option<Duration>,
}

/// Why no token was obtained. The text names the token, and contains no secret and no text of the issuer that could be
/// one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no token `{name}`: {why}")]
pub struct MintError {
    pub name: String,
    pub why: String,
}

/// A token by name, with the way to obtain it and the values that were obtained.
#[derive(Debug)]
pub struct Token {
    name: String,
    described: TokenRef,
    mint: Box<dyn Mint>,
    memory: Arc<Memory>,
    /// Held while a token is obtained, so that concurrent runs wait for the same token.
    turn: Arc<tokio::sync::Mutex<()>>,
    kept: RwLock<Kept>,
    history: History,
}

#[derive(Debug, Default)]
struct Kept {
    current: Option<Held>,
    /// Begins when an upstream refuses a token and it is discarded.
    refused: Pause,
    /// Begins when a token cannot be obtained, with the reason.
    failed: Pause,
    why: String,
}

/// A token that was obtained.
#[derive(Debug)]
struct Held {
    value: Arc<Secret>,
    /// When the host stops using it.
    until: Instant,
    /// When it expires, by the host's clock and in Unix milliseconds; `None` if its issuer does not say.
    expires: Option<(Instant, i64)>,
}

impl Token {
    /// A token that is not obtained yet. `described` says what `mint` asks for; it is a part of the bindings of
    /// actions. `memory` is that of the tenant.
    pub fn new(name: &str, described: TokenRef, mint: Box<dyn Mint>, memory: Arc<Memory>) -> Self {
        Self {
            name: name.to_owned(),
            described,
            mint,
            memory,
            turn: Arc::default(),
            kept: RwLock::new(Kept::default()),
            history: History::default(),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is asked for.
    pub fn described(&self) -> &TokenRef {
        &self.described
    }

    /// The secrets that are sent to obtain the token.
    pub fn secrets(&self) -> Vec<Arc<Secret>> {
        self.mint.secrets()
    }

    /// The kept token, or a new one if none is kept or the kept one expires soon.
    ///
    /// A request for a token goes on when the run that made it ends first, so that its answer serves the next run, and a
    /// failure begins the pause. Otherwise, an endpoint that is slower than the runs would get a request from each run.
    ///
    /// # Errors
    ///
    /// Fails when a new token is needed and cannot be obtained, or could not be obtained a short time ago.
    pub async fn current(self: &Arc<Self>) -> Result<Arc<Secret>, MintError> {
        if let Some(kept) = self.kept(Instant::now()) {
            return Ok(kept);
        }
        let turn = Arc::clone(&self.turn).lock_owned().await;
        if let Some(kept) = self.kept(Instant::now()) {
            return Ok(kept);
        }
        let asked = Instant::now();
        self.may_ask(asked)?;
        let token = Arc::clone(self);
        let minted = tokio::spawn(async move {
            let minted = token.obtain(asked).await;
            drop(turn);
            minted
        });
        minted.await.unwrap_or_else(|_stopped| Err(self.unanswered()))
    }

    async fn obtain(&self, asked: Instant) -> Result<Arc<Secret>, MintError> {
        let mut asking = Asking(Some(self));
        let minted = self.mint.mint().await;
        asking.0 = None;
        match minted {
            Ok(minted) => Ok(self.keep(minted, asked)),
            Err(error) => {
                self.fail(&error);
                Err(error)
            }
        }
    }

    /// Fails during the pause after a failed request for a token, and when the memory has no room for a new token.
    fn may_ask(&self, now: Instant) -> Result<(), MintError> {
        let failed = |why| Err(MintError { name: self.name.clone(), why });
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(left) = kept.failed.left(now) {
            let (why, left_s) = (&kept.why, left.as_nanos().div_ceil(1_000_000_000));
            return failed(format!("{why}; the host asks again in {left_s} s at the earliest"));
        }
        drop(kept);
        if self.memory.has_room() { Ok(()) } else { failed(FULL.to_owned()) }
    }

    fn keep(&self, minted: Minted, asked: Instant) -> Arc<Secret> {
        let value = Arc::new(minted.value);
        self.memory.learn(std::iter::once(&value), minted.lifetime);
        let mut kept = self.change();
        kept.failed = Pause::default();
        kept.current = Some(Held {
            value: Arc::clone(&value),
            until: asked + usable(minted.lifetime),
            expires: minted.lifetime.and_then(|lifetime| expires(asked, lifetime)),
        });
        value
    }

    /// When the token that the host holds expires, in Unix milliseconds. `None` if the host holds no token that is
    /// valid, or if the issuer does not say when it expires.
    pub fn expires_ms(&self) -> Option<i64> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let (at, at_ms) = kept.current.as_ref()?.expires?;
        (Instant::now() < at).then_some(at_ms)
    }

    /// What the host has noticed about the token, and how long the pause after a failed request for it lasts.
    pub fn standing(&self) -> CredentialStanding {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let pause = kept.failed.left(Instant::now());
        drop(kept);
        CredentialStanding { pause, ..self.history.standing() }
    }

    pub(super) fn history(&self) -> &History {
        &self.history
    }

    fn unanswered(&self) -> MintError {
        let why = "the host gave up its request for it; the log of the host says why".to_owned();
        MintError { name: self.name.clone(), why }
    }

    fn fail(&self, error: &MintError) {
        self.history.failed(error.to_string());
        let mut kept = self.change();
        kept.failed.begin(Instant::now());
        kept.why.clone_from(&error.why);
    }

    /// Discards a token that an upstream refused, so that the next call of [`Token::current`] obtains a new one. A
    /// token that has been replaced meanwhile is not affected.
    ///
    /// Returns whether another token can be used instead. After a token was discarded, the next one stays in use for a
    /// second although it is refused, and longer after each further one: an upstream that refuses every token must not
    /// cause requests for tokens without end.
    pub fn discard(&self, refused: &Arc<Secret>) -> bool {
        let (now, mut kept) = (Instant::now(), self.change());
        if !kept.current.as_ref().is_some_and(|one| Arc::ptr_eq(&one.value, refused)) {
            return true;
        }
        if kept.refused.left(now).is_some() {
            return false;
        }
        kept.current = None;
        kept.refused.begin(now);
        true
    }

    fn change(&self) -> RwLockWriteGuard<'_, Kept> {
        self.kept.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self, now: Instant) -> Option<Arc<Secret>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let held = kept.current.as_ref()?;
        (now < held.until).then(|| Arc::clone(&held.value))
    }
}

/// When a token expires that was asked for at this time, by the host's clock and in Unix milliseconds.
fn expires(asked: Instant, lifetime: Duration) -> Option<(Instant, i64)> {
    let at = asked.checked_add(lifetime)?;
    let left_ms = at.saturating_duration_since(Instant::now()).as_millis();
    let at_ms = Clock::new().latest_ms().saturating_add(i64::try_from(left_ms).ok()?);
    Some((at, at_ms))
}

/// A request for a token. If it ends in no regular way, for example by a panic, the pause after a failure begins.
struct Asking<'t>(Option<&'t Token>);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if let Some(token) = self.0 {
            token.fail(&token.unanswered());
        }
    }
}

/// How long a token is used from the time at which it was asked for. A token that lives for less than twice the margin
/// is used for half of its life.
fn usable(lifetime: Option<Duration>) -> Duration {
    let Some(lifetime) = lifetime else { return UNKNOWN };
    let margin = MARGIN.min(lifetime / 2);
    lifetime.saturating_sub(margin).min(KEPT)
}

#[cfg(test)]
mod tests;
