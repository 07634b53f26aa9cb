//! What an issuer says about tokens that the host cannot read (RFC 7662).
//!
//! An answer is kept for at most 30 seconds, so a token that the issuer revokes is refused soon. Callers that were
//! known before have a queue of their own, so that invented tokens do not keep them out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_spec::digest::Digest;
use serde_json::Value;
use tokio::time::Instant;

use super::claims::{self, Origin};
use super::fetch::{FetchError, Fetcher};
use super::queue::Queue;
use super::{Members, Refusal};
use crate::config::{Introspection, Issuer};

const ACTIVE_MAX: Duration = Duration::from_secs(30);
const INACTIVE_MAX: Duration = Duration::from_secs(10);
/// How long a caller counts as known after its token was last found to be active.
const KNOWN: Duration = Duration::from_hours(1);
const ANSWERS_MAX: usize = 4_096;
/// The shortest time between two log lines that say that the issuer does not answer.
const WARN_PAUSE: Duration = Duration::from_secs(5);
const AT_ONCE: usize = 8;
const STRANGERS_WAITING: usize = 24;
const KNOWN_WAITING: usize = 120;

/// The introspection of the tokens of one issuer.
#[derive(Debug)]
pub(super) struct Introspector {
    issuer: Arc<Issuer>,
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
    at: Instant,
    until: Instant,
    verdict: Verdict,
}

#[derive(Clone, Debug)]
enum Verdict {
    /// The claims of an active token.
    Active(Arc<Members>),
    Inactive,
}

impl Introspector {
    pub(super) fn new(issuer: Arc<Issuer>, fetcher: &Fetcher) -> Self {
        Self {
            issuer,
            fetcher: fetcher.clone(),
            strangers: Queue::new(AT_ONCE, STRANGERS_WAITING),
            known: Queue::new(AT_ONCE, KNOWN_WAITING),
            answers: Mutex::default(),
        }
    }

    /// The claims of an active token, checked like those of a signed token.
    pub(super) async fn ask(&self, token: &str, now_s: i64) -> Result<Members, Refusal> {
        if !is_bearer_token(token) {
            return Err(Refusal::Invalid("the access token has characters that no token has"));
        }
        let Verdict::Active(claims) = self.verdict(token, now_s).await? else {
            return Err(Refusal::Invalid("the access token is not active"));
        };
        claims::check(&self.issuer, &claims, Origin::Answer, now_s)?;
        Ok(Members::clone(&claims))
    }

    async fn verdict(&self, token: &str, now_s: i64) -> Result<Verdict, Refusal> {
        let digest = Digest::of(token.as_bytes());
        if let Some(kept) = self.answers().kept(digest, Instant::now()) {
            return Ok(kept);
        }
        let is_known = self.answers().is_known(digest, Instant::now());
        let queue = if is_known { &self.known } else { &self.strangers };
        let _turn = queue.enter().await.ok_or(Refusal::Unavailable)?;
        // Another request may have asked about the same token while this one waited.
        if let Some(kept) = self.answers().kept(digest, Instant::now()) {
            return Ok(kept);
        }
        let verdict = self.fetch(token).await?;
        self.answers().keep(digest, verdict.clone(), (Instant::now(), now_s));
        Ok(verdict)
    }

    /// What the issuer says. A token that the issuer refuses to look at (400) is not one of its active tokens.
    async fn fetch(&self, token: &str) -> Result<Verdict, Refusal> {
        let endpoint = self.issuer.introspection.as_ref().ok_or(Refusal::Unavailable)?;
        let form =
            vec![("token", token.to_owned()), ("token_type_hint", "access_token".to_owned())];
        let answer = match self.fetcher.post(&endpoint.url, basic(endpoint), form).await {
            Err(FetchError::Status(400)) => return Ok(Verdict::Inactive),
            answer => answer.map_err(|error| self.unusable(&error.to_string()))?,
        };
        match answer.get("active") {
            Some(Value::Bool(true)) => Ok(Verdict::Active(Arc::new(answer))),
            Some(Value::Bool(false)) => Ok(Verdict::Inactive),
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
    fn is_of_a_known_caller(&self, now: Instant) -> bool {
        let is_recent = now.saturating_duration_since(self.at) < KNOWN;
        is_recent && matches!(self.verdict, Verdict::Active(_))
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
    fn kept(&self, token: Digest, now: Instant) -> Option<Verdict> {
        let answer = self.by_token.get(&token).filter(|answer| now < answer.until)?;
        Some(answer.verdict.clone())
    }

    fn is_known(&self, token: Digest, now: Instant) -> bool {
        self.by_token.get(&token).is_some_and(|answer| answer.is_of_a_known_caller(now))
    }

    /// Keeps an answer. If there is no room even without the answers about invented tokens, it is not kept.
    fn keep(&mut self, token: Digest, verdict: Verdict, (now, now_s): (Instant, i64)) {
        if self.by_token.len() >= ANSWERS_MAX {
            self.by_token.retain(|_, answer| answer.is_of_a_known_caller(now));
        }
        if self.by_token.len() >= ANSWERS_MAX {
            return;
        }
        let fresh = match &verdict {
            Verdict::Inactive => INACTIVE_MAX,
            Verdict::Active(members) => {
                let expires = members.get("exp").and_then(claims::seconds).unwrap_or(now_s);
                let left = u64::try_from(expires.saturating_sub(now_s)).unwrap_or(0);
                Duration::from_secs(left).min(ACTIVE_MAX)
            }
        };
        self.by_token.insert(token, Answer { at: now, until: now + fresh, verdict });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oauth::tests::members;

    fn digest(n: usize) -> Digest {
        Digest::of(&n.to_be_bytes())
    }

    fn active(exp: i64) -> Verdict {
        Verdict::Active(Arc::new(members(json!({"active": true, "exp": exp}))))
    }

    #[test]
    fn an_answer_is_kept_for_seconds_and_not_beyond_the_token() {
        let (mut answers, now) = (Answers::default(), Instant::now());
        answers.keep(digest(1), active(1_000), (now, 0));
        answers.keep(digest(2), active(5), (now, 0));
        answers.keep(digest(3), Verdict::Inactive, (now, 0));
        let kept = |n, s| answers.kept(digest(n), now + Duration::from_secs(s)).is_some();
        assert!(kept(1, 29) && !kept(1, 30));
        assert!(kept(2, 4) && !kept(2, 5));
        assert!(kept(3, 9) && !kept(3, 10));
    }

    #[test]
    fn invented_tokens_do_not_displace_known_ones() {
        let (mut answers, now) = (Answers::default(), Instant::now());
        answers.keep(digest(0), active(1_000), (now, 0));
        for n in 1..3 * ANSWERS_MAX {
            answers.keep(digest(n), Verdict::Inactive, (now, 0));
        }
        assert!(answers.by_token.len() <= ANSWERS_MAX);
        assert!(answers.is_known(digest(0), now) && !answers.is_known(digest(1), now));
        assert!(!answers.is_known(digest(0), now + KNOWN));
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
