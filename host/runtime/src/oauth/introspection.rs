//! What an issuer says about tokens that the host cannot read (RFC 7662).
//!
//! An answer is kept for at most 30 seconds, so a token that the issuer revokes is refused soon. Agents that were known
//! before have a queue of their own, so that invented tokens do not keep them out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_spec::digest::Digest;
use deed_system::clock::Clock;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::claims::{self, Origin};
use super::fetch::{FetchError, Fetcher};
use super::moment::Moment;
use super::queue::Queue;
use super::rules::Rules;
use super::{Identity, Members, Refusal};
use crate::config::{Introspection, Issuer};

const ACCEPTED_MAX: Duration = Duration::from_secs(30);
const REFUSED_MAX: Duration = Duration::from_secs(10);
/// How long a token counts as known after it was last found to be that of an agent.
const KNOWN: Duration = Duration::from_hours(1);
const ANSWERS_MAX: usize = 4_096;
/// The shortest time between two log lines that say that the issuer does not answer.
const WARN_PAUSE: Duration = Duration::from_secs(5);
/// How many questions each of the two queues asks at once. One issuer of a host has introspection.
const AT_ONCE: usize = 4;
/// How many requests each queue holds.
const STRANGERS: usize = 32;
const KNOWN_PLACES: usize = 128;

/// The introspection of the tokens of one issuer.
#[derive(Debug)]
pub(super) struct Introspector {
    issuer: Arc<Issuer>,
    rules: Arc<Rules>,
    clock: Clock,
    fetcher: Fetcher,
    strangers: Queue,
    known: Queue,
    answers: Mutex<Answers>,
}

/// The answers of the issuer.
#[derive(Debug, Default)]
struct Answers {
    /// By the digest of the token, because the host does not keep tokens.
    by_token: HashMap<Digest, Answer>,
    /// When it was last logged that the issuer gave no answer.
    warned: Option<Instant>,
}

#[derive(Debug)]
struct Answer {
    at: Moment,
    /// How long the answer is kept.
    fresh: Duration,
    verdict: Verdict,
}

/// The agent that a token identifies, or why it identifies none.
type Verdict = Result<Identity, Refusal>;

impl Introspector {
    pub(super) fn new(
        issuer: Arc<Issuer>,
        rules: Arc<Rules>,
        clock: Clock,
        fetcher: &Fetcher,
    ) -> Self {
        let queue = |places| Queue::new(Arc::new(Semaphore::new(AT_ONCE)), places);
        Self {
            issuer,
            rules,
            clock,
            fetcher: fetcher.clone(),
            strangers: queue(STRANGERS),
            known: queue(KNOWN_PLACES),
            answers: Mutex::default(),
        }
    }

    /// The agent that a token identifies. What the issuer says is checked like the claims of a signed token.
    pub(super) async fn ask(self: &Arc<Self>, token: &str) -> Verdict {
        if !is_bearer_token(token) {
            return Err(Refusal::Invalid("the access token has characters that no token has"));
        }
        let digest = Digest::of(token.as_bytes());
        if let Some(kept) = self.kept(digest) {
            return kept;
        }
        let is_known = self.answers().is_known(digest, self.now());
        let queue = if is_known { &self.known } else { &self.strangers };
        let turn = queue.enter().await.ok_or(Refusal::Unavailable)?;
        let (asking, token) = (Arc::clone(self), token.to_owned());
        turn.run(move || asking.settle(&token, digest)).await?
    }

    /// Asks the issuer, unless another request asked about the same token while this one waited, and keeps the answer.
    fn settle(&self, token: &str, digest: Digest) -> Verdict {
        if let Some(kept) = self.kept(digest) {
            return kept;
        }
        let claims = self.fetch(token)?;
        let now = self.now();
        let verdict = self.verdict(claims.as_ref(), now);
        let expires_s = claims.as_ref().and_then(|claims| claims.get("exp"));
        let expires_s = expires_s.and_then(claims::seconds).unwrap_or(0);
        self.answers().keep(digest, verdict.clone(), expires_s, now);
        verdict
    }

    /// What the claims of a token mean; `None` stands for those of a token that is not active.
    fn verdict(&self, claims: Option<&Members>, now: Moment) -> Verdict {
        let inactive = Refusal::Invalid("the access token is not active");
        let claims = claims.ok_or(inactive)?;
        claims::check(&self.issuer, claims, Origin::Answer, now.unix_s())?;
        self.rules.identity(&self.issuer, claims)
    }

    /// The claims of an active token. A token that the issuer refuses to look at (400) is not one of them.
    fn fetch(&self, token: &str) -> Result<Option<Members>, Refusal> {
        let endpoint = self.issuer.introspection.as_ref().ok_or(Refusal::Unavailable)?;
        let form = [("token", token), ("token_type_hint", "access_token")];
        let answer = match self.fetcher.post(&endpoint.url, &basic(endpoint), form) {
            Err(FetchError::Status(400)) => return Ok(None),
            answer => answer.map_err(|error| self.unusable(&error.to_string()))?,
        };
        match answer.get("active") {
            Some(Value::Bool(true)) => Ok(Some(answer)),
            Some(Value::Bool(false)) => Ok(None),
            _ => Err(self.unusable("the answer has no member `active` that is true or false")),
        }
    }

    /// Logs that the issuer gave no answer that can be used, but not for every token that someone invents.
    fn unusable(&self, error: &str) -> Refusal {
        if self.answers().may_warn(Instant::now()) {
            let issuer = &self.issuer.name;
            tracing::warn!(%issuer, %error, "an issuer did not say what a token is");
        }
        Refusal::Unavailable
    }

    fn kept(&self, token: Digest) -> Option<Verdict> {
        self.answers().kept(token, self.now())
    }

    fn now(&self) -> Moment {
        Moment::now(&self.clock)
    }

    /// A panic cannot leave the answers inconsistent, so a poisoned mutex is used as it is.
    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a text can be a bearer token (RFC 6750 section 2.1).
fn is_bearer_token(text: &str) -> bool {
    let fits = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
    };
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(fits)
}

/// The host's credentials at the issuer (RFC 6749 section 2.3.1): both parts are encoded as in a form.
fn basic(endpoint: &Introspection) -> String {
    let pair = format!("{}:{}", encoded(&endpoint.client), encoded(endpoint.secret.reveal()));
    format!("Basic {}", STANDARD.encode(pair))
}

fn encoded(text: &str) -> String {
    let stays =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'-' | b'.' | b'_');
    let one = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        _ if stays(byte) => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

impl Answer {
    fn is_of_a_known_caller(&self, now: Moment) -> bool {
        now.since(self.at) < KNOWN && self.verdict.is_ok()
    }
}

impl Answers {
    /// Whether a failure may be logged now.
    fn may_warn(&mut self, now: Instant) -> bool {
        let may_warn = self.warned.is_none_or(|at| now.saturating_duration_since(at) >= WARN_PAUSE);
        if may_warn {
            self.warned = Some(now);
        }
        may_warn
    }

    /// The answer about a token, if it is recent.
    fn kept(&self, token: Digest, now: Moment) -> Option<Verdict> {
        let answer = self.by_token.get(&token).filter(|one| now.since(one.at) < one.fresh)?;
        Some(answer.verdict.clone())
    }

    fn is_known(&self, token: Digest, now: Moment) -> bool {
        self.by_token.get(&token).is_some_and(|answer| answer.is_of_a_known_caller(now))
    }

    /// Keeps an answer about a token that expires at this time, in place of an earlier one. If the table is full, the
    /// answers about tokens that are not known make room, and then the oldest answer does so for a known token.
    fn keep(&mut self, token: Digest, verdict: Verdict, expires_s: i64, now: Moment) {
        let fresh = if verdict.is_ok() {
            let left_s = u64::try_from(expires_s.saturating_sub(now.unix_s())).unwrap_or(0);
            Duration::from_secs(left_s).min(ACCEPTED_MAX)
        } else {
            REFUSED_MAX
        };
        self.by_token.remove(&token);
        if self.by_token.len() >= ANSWERS_MAX {
            self.by_token.retain(|_, answer| answer.is_of_a_known_caller(now));
        }
        if self.by_token.len() >= ANSWERS_MAX && verdict.is_ok() {
            self.remove_oldest();
        }
        if self.by_token.len() < ANSWERS_MAX {
            self.by_token.insert(token, Answer { at: now, fresh, verdict });
        }
    }

    fn remove_oldest(&mut self) {
        let oldest = self.by_token.iter().min_by_key(|(_, answer)| answer.at.instant);
        if let Some(token) = oldest.map(|(token, _)| *token) {
            self.by_token.remove(&token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(n: usize) -> Digest {
        Digest::of(&n.to_be_bytes())
    }

    fn agent() -> Identity {
        let (tenant, agent) = ("acme".to_owned(), "desk".to_owned());
        Identity { tenant, agent, on_behalf_of: None, requester: None, expires_ms: 0 }
    }

    fn refused() -> Verdict {
        Err(Refusal::Invalid("the access token is for another audience"))
    }

    fn start() -> Moment {
        Moment { instant: Instant::now(), unix_ms: 0 }
    }

    fn after(start: Moment, span: Duration) -> Moment {
        Moment { instant: start.instant + span, ..start }
    }

    #[test]
    fn an_answer_is_kept_for_seconds_and_not_beyond_the_token() {
        let (mut answers, now) = (Answers::default(), start());
        answers.keep(digest(1), Ok(agent()), 1_000, now);
        answers.keep(digest(2), Ok(agent()), 5, now);
        answers.keep(digest(3), refused(), 1_000, now);
        let kept = |n, s| answers.kept(digest(n), after(now, Duration::from_secs(s))).is_some();
        assert!(kept(1, 29) && !kept(1, 30));
        assert!(kept(2, 4) && !kept(2, 5));
        assert!(kept(3, 9) && !kept(3, 10));
        let resumed = Moment { unix_ms: 30_000, ..now };
        assert!(answers.kept(digest(1), resumed).is_none(), "the machine was suspended");
    }

    #[test]
    fn tokens_that_are_no_agents_do_not_displace_known_ones() {
        let (mut answers, now) = (Answers::default(), start());
        answers.keep(digest(0), Ok(agent()), 1_000, now);
        for n in 1..3 * ANSWERS_MAX {
            answers.keep(digest(n), refused(), 1_000, now);
        }
        assert!(answers.by_token.len() <= ANSWERS_MAX);
        assert!(answers.is_known(digest(0), now) && !answers.is_known(digest(1), now));
        assert!(!answers.is_known(digest(0), after(now, KNOWN)));
    }

    #[test]
    fn a_full_table_keeps_the_latest_answers_about_agents() {
        let (mut answers, now) = (Answers::default(), start());
        for n in 0..ANSWERS_MAX {
            let later = u64::try_from(n).unwrap();
            answers.keep(digest(n), Ok(agent()), 1_000, after(now, Duration::from_millis(later)));
        }
        let end = after(now, Duration::from_mins(1));
        answers.keep(digest(ANSWERS_MAX), Ok(agent()), 1_000, end);
        assert!(!answers.is_known(digest(0), end) && answers.is_known(digest(1), end));
        assert!(answers.is_known(digest(ANSWERS_MAX), end));
        // The token was revoked.
        answers.keep(digest(1), refused(), 1_000, end);
        assert!(!answers.is_known(digest(1), end) && answers.kept(digest(1), end).is_some());
        assert_eq!(answers.by_token.len(), ANSWERS_MAX);
    }

    #[test]
    fn a_failure_is_logged_once_in_five_seconds() {
        let (mut answers, now) = (Answers::default(), Instant::now());
        assert!(answers.may_warn(now) && !answers.may_warn(now + Duration::from_secs(4)));
        assert!(answers.may_warn(now + Duration::from_secs(5)));
    }

    #[test]
    fn a_bearer_token_has_no_other_characters() {
        for good in ["abc", "a-b.c_d~e+f/g==", "0"] {
            assert!(is_bearer_token(good), "{good}");
        }
        for bad in ["", "=", "a b", "a&token=b", "a=b", "a\u{e4}", "a\"", "%41"] {
            assert!(!is_bearer_token(bad), "{bad}");
        }
    }

    #[test]
    fn credentials_are_encoded_as_in_a_form() {
        assert_eq!(encoded("a-Z_0.*"), "a-Z_0.*");
        assert_eq!(encoded("a b:c%+/=~"), "a+b%3Ac%25%2B%2F%3D%7E");
    }
}
