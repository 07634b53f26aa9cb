use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Gives token-0000000000000000, token-0000000000000001 and so on.
#[derive(Debug)]
struct Counting {
    count: Arc<AtomicUsize>,
    lifetime: Option<Duration>,
}

impl Mint for Counting {
    fn mint(&self) -> Pin<Box<dyn Future<Output = Result<Minted, MintError>> + Send + '_>> {
        Box::pin(async {
            tokio::task::yield_now().await;
            let n = self.count.fetch_add(1, Ordering::SeqCst);
            let value = Secret::new("token", format!("token-{n:016}").as_bytes()).unwrap();
            Ok(Minted { value, lifetime: self.lifetime })
        })
    }
}

fn counting(lifetime: Option<Duration>) -> (Arc<Token>, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let described = TokenRef::new(deed_record::action::TokenKind::Exec);
    let mint = Counting { count: Arc::clone(&count), lifetime };
    (Arc::new(Token::new("reader", described, Box::new(mint), Arc::default())), count)
}

fn is_known(token: &Token, text: &str) -> bool {
    token.memory.forms().finds(text)
}

#[tokio::test]
async fn runs_at_the_same_time_share_one_token() {
    let (token, count) = counting(Some(Duration::from_hours(1)));
    let runs: Vec<_> = (0..8)
        .map(|_| {
            let token = Arc::clone(&token);
            tokio::spawn(async move { token.current().await.unwrap() })
        })
        .collect();
    for run in runs {
        assert_eq!(run.await.unwrap().reveal(), "token-0000000000000000");
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_and_stays_known_for_redaction() {
    let (token, count) = counting(None);
    let first = token.current().await.unwrap();
    assert!(token.discard(&first));
    let second = token.current().await.unwrap();
    assert!(token.discard(&first), "the second one can be used");
    assert!(Arc::ptr_eq(&second, &token.current().await.unwrap()));
    assert_eq!(count.load(Ordering::SeqCst), 2);
    assert!(is_known(&token, first.reveal()) && is_known(&token, second.reveal()));
}

#[tokio::test]
async fn a_token_without_a_life_is_obtained_each_time() {
    let (token, count) = counting(Some(Duration::ZERO));
    for _ in 0..3 {
        token.current().await.unwrap();
    }
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

#[test]
fn a_token_is_used_until_shortly_before_it_expires() {
    let seconds = Duration::from_secs;
    assert_eq!(usable(Some(seconds(300))), seconds(270));
    assert_eq!(usable(Some(seconds(20))), seconds(10));
    assert_eq!(usable(Some(seconds(1_000_000))), KEPT);
    assert_eq!(usable(None), UNKNOWN);
}

#[tokio::test]
async fn a_valid_token_stays_known_after_many_others() {
    let (token, count) = counting(Some(Duration::from_hours(10)));
    for _ in 0..100 {
        token.current().await.unwrap();
        token.change().current = None;
    }
    assert_eq!(count.load(Ordering::SeqCst), 100);
    for n in 0..100 {
        assert!(is_known(&token, &format!("you sent token-{n:016}")), "{n}");
    }
}

#[tokio::test]
async fn an_upstream_that_refuses_every_token_gets_one_new_token_per_pause() {
    let (token, count) = counting(Some(Duration::from_hours(1)));
    for _ in 0..50 {
        let value = token.current().await.unwrap();
        token.discard(&value);
    }
    assert_eq!(count.load(Ordering::SeqCst), 2, "the second token stays in use");
    token.change().refused = Pause::default();
    let value = token.current().await.unwrap();
    assert!(token.discard(&value));
    assert_ne!(token.current().await.unwrap().reveal(), value.reveal());
}

/// Never gives a token.
#[derive(Debug)]
struct Failing(Arc<AtomicUsize>);

impl Mint for Failing {
    fn mint(&self) -> Pin<Box<dyn Future<Output = Result<Minted, MintError>> + Send + '_>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let (name, why) = ("reader".to_owned(), "its endpoint answered 503".to_owned());
        Box::pin(async { Err(MintError { name, why }) })
    }
}

#[tokio::test]
async fn an_endpoint_that_gives_no_token_is_asked_once_per_pause() {
    let count = Arc::new(AtomicUsize::new(0));
    let described = TokenRef::new(deed_record::action::TokenKind::Exec);
    let mint = Box::new(Failing(Arc::clone(&count)));
    let token = Arc::new(Token::new("reader", described, mint, Arc::default()));
    let first = token.current().await.unwrap_err().to_string();
    assert_eq!(first, "no token `reader`: its endpoint answered 503");
    for _ in 0..50 {
        let said = token.current().await.unwrap_err().to_string();
        assert_eq!(said, format!("{first}; the host asks again in 1 s at the earliest"));
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let standing = token.standing();
    assert_eq!(standing.fault.unwrap().what, first, "operators see it");
    assert!(standing.pause.is_some_and(|left| left <= Duration::from_secs(1)));
}

#[tokio::test]
async fn a_token_that_could_not_be_redacted_is_not_obtained() {
    let (token, count) = counting(None);
    for n in 0..8_192 {
        let value = Secret::new("x", format!("another-token-{n:08}").as_bytes()).unwrap();
        token.memory.learn(std::iter::once(&Arc::new(value)), Some(Duration::from_hours(9)));
    }
    let said = token.current().await.unwrap_err().to_string();
    assert!(said.contains("too many tokens of the last 24 hours"), "{said}");
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

/// Gives a token, or none, after a while.
#[derive(Debug)]
struct Slow {
    count: Arc<AtomicUsize>,
    is_good: bool,
}

impl Mint for Slow {
    fn mint(&self) -> Pin<Box<dyn Future<Output = Result<Minted, MintError>> + Send + '_>> {
        self.count.fetch_add(1, Ordering::SeqCst);
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert!(self.is_good, "the request fails in an unexpected way");
            let value = Secret::new("reader", b"a-token-that-comes-late").unwrap();
            Ok(Minted { value, lifetime: Some(Duration::from_hours(1)) })
        })
    }
}

fn slow(is_good: bool) -> (Arc<Token>, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let described = TokenRef::new(deed_record::action::TokenKind::Exec);
    let mint = Box::new(Slow { count: Arc::clone(&count), is_good });
    (Arc::new(Token::new("reader", described, mint, Arc::default())), count)
}

/// Runs that have less time than the request for a token takes.
async fn hasty(token: &Arc<Token>) {
    for _ in 0..5 {
        let run = tokio::time::timeout(Duration::from_millis(10), token.current());
        assert!(run.await.is_err());
    }
}

#[tokio::test]
async fn a_request_for_a_token_outlives_the_run_that_made_it() {
    let (token, count) = slow(true);
    hasty(&token).await;
    assert_eq!(token.current().await.unwrap().reveal(), "a-token-that-comes-late");
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert!(is_known(&token, "you sent a-token-that-comes-late"));
}

#[tokio::test]
async fn a_request_that_fails_after_its_run_begins_the_pause() {
    let (token, count) = slow(false);
    hasty(&token).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let said = token.current().await.unwrap_err().to_string();
    assert!(said.contains("gave up") && said.contains("the host asks again in 1 s"), "{said}");
    assert_eq!(count.load(Ordering::SeqCst), 1);
}
