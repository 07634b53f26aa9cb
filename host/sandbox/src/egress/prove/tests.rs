use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deed_record::action::{Slot, TokenKind, TokenRef};
use deed_record::exchange::codec::{Codec, Incoming};
use deed_record::exchange::{Exchange, Fate, Rendered};
use serde_json::json;

use super::super::{Error, Request};
use super::*;
use crate::Intent;
use crate::credentials::token::{Mint, MintError, Minted, Token};
use crate::credentials::{Memory, Secret, Source};
use crate::tests::support::{self, Reply, Server};
use crate::upstream::Upstream;

/// Gives `minted-token-number-0` and so on, `after` a pause; fails from the token with number `last` on.
#[derive(Debug)]
struct Numbered {
    count: Arc<AtomicUsize>,
    last: usize,
    after: Duration,
}

impl Mint for Numbered {
    fn mint(&self) -> Pin<Box<dyn Future<Output = Result<Minted, MintError>> + Send + '_>> {
        Box::pin(async {
            tokio::time::sleep(self.after).await;
            let n = self.count.fetch_add(1, Ordering::SeqCst);
            if n >= self.last {
                let (name, why) = ("idp".to_owned(), "its endpoint answered 503".to_owned());
                return Err(MintError { name, why });
            }
            let value = Secret::new("idp", format!("minted-token-number-{n}").as_bytes()).unwrap();
            Ok(Minted { value, lifetime: None })
        })
    }
}

struct Bench {
    upstream: Upstream,
    count: Arc<AtomicUsize>,
    intents: Arc<Mutex<Vec<Intent>>>,
}

impl Bench {
    fn new(port: u16, last: usize, after: Duration) -> Self {
        let count = Arc::new(AtomicUsize::new(0));
        let mint = Numbered { count: Arc::clone(&count), last, after };
        let described = TokenRef::new(TokenKind::Exec);
        let token = Arc::new(Token::new("idp", described, Box::new(mint), Arc::default()));
        let credential =
            Credential { source: Source::Token(token), slot: Slot::Bearer, headers: vec![] };
        let mut upstream = support::upstream(port);
        (upstream.read, upstream.write) = (Some(credential.clone()), Some(credential));
        Self { upstream, count, intents: Arc::default() }
    }

    async fn send(&self, request: Rendered) -> (Result<u16, Error>, Exchange) {
        let keep = request.writes.then(|| support::intend(&self.intents, None));
        let mut egress = support::egress(&self.upstream, vec![request.clone()], keep);
        let asked = Request {
            upstream: request.upstream.clone(),
            method: request.method.clone(),
            path: request.path.clone(),
            headers: vec![],
            body: request.body.as_ref().map(ToString::to_string),
        };
        let told = egress.send(&asked).await.map(|response| response.status);
        (told, egress.close().await.0.remove(0))
    }

    fn minted(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

fn unauthorized() -> Reply {
    support::answer("401 Unauthorized", "application/json", "{}")
}

#[tokio::test]
async fn a_read_that_is_refused_is_sent_once_more_with_a_fresh_token() {
    let none = Codec { response: Incoming::None, ..Codec::default() };
    for codec in [Codec::default(), none] {
        let server = Server::start(vec![unauthorized(), support::ok(&json!({"id": "1"}))]).await;
        let bench = Bench::new(server.port, 9, Duration::ZERO);
        let request = Rendered { codec, ..support::get("/Users/42") };
        let (told, exchange) = bench.send(request).await;
        assert_eq!(told.unwrap(), 200);
        assert_eq!(exchange.fate, Fate::Answered { status: 200 });
        let sent = server.requests();
        assert!(sent[0].contains("Bearer minted-token-number-0\r\n"), "{sent:?}");
        assert!(sent[1].contains("Bearer minted-token-number-1\r\n"), "{sent:?}");
    }
}

#[tokio::test]
async fn a_second_refusal_is_the_answer() {
    let server = Server::start(vec![unauthorized(), unauthorized(), Reply::Hang]).await;
    let bench = Bench::new(server.port, 9, Duration::ZERO);
    let (told, _) = bench.send(support::get("/Users/42")).await;
    assert_eq!((told.unwrap(), server.requests().len()), (401, 2));
}

#[tokio::test]
async fn a_refusal_stands_if_no_fresh_token_can_be_obtained() {
    let server = Server::start(vec![unauthorized(), Reply::Hang]).await;
    let bench = Bench::new(server.port, 1, Duration::ZERO);
    let (told, exchange) = bench.send(support::get("/Users/42")).await;
    assert_eq!((told.unwrap(), server.requests().len()), (401, 1));
    assert_eq!(exchange.fate, Fate::Answered { status: 401 });
}

#[tokio::test]
async fn a_write_that_is_refused_is_not_sent_again() {
    let server = Server::start(vec![unauthorized(), support::ok(&json!({}))]).await;
    let bench = Bench::new(server.port, 9, Duration::ZERO);
    let (told, _) = bench.send(support::patch("/Users/42")).await;
    assert_eq!((told.unwrap(), server.requests().len(), bench.minted()), (401, 1, 1));
    // The token is discarded, so that the next request has a fresh one.
    bench.send(support::patch("/Users/42")).await.0.unwrap();
    assert_eq!((server.requests().len(), bench.minted()), (2, 2));
}

#[tokio::test]
async fn a_post_that_reads_is_not_sent_again() {
    let server = Server::start(vec![unauthorized(), support::ok(&json!({}))]).await;
    let bench = Bench::new(server.port, 9, Duration::ZERO);
    let body = Some(json!({"query": "42"}));
    let search = Rendered { method: "POST".into(), body, ..support::get("/Users/.search") };
    let (told, exchange) = bench.send(search).await;
    assert_eq!((told.unwrap(), server.requests().len()), (401, 1));
    assert_eq!(exchange.fate, Fate::Answered { status: 401 });
}

#[tokio::test]
async fn an_upstream_that_refuses_every_token_gets_two_tokens_and_then_the_second_one() {
    let server = Server::start(vec![unauthorized(); 5]).await;
    let bench = Bench::new(server.port, 9, Duration::ZERO);
    for requests in [2, 3, 4] {
        let (told, _) = bench.send(support::get("/Users/42")).await;
        assert_eq!((told.unwrap(), server.requests().len()), (401, requests));
    }
    assert_eq!(bench.minted(), 2);
}

/// Gives one token, and then none in time.
#[derive(Debug, Default)]
struct OnlyOne(AtomicUsize);

impl Mint for OnlyOne {
    fn mint(&self) -> Pin<Box<dyn Future<Output = Result<Minted, MintError>> + Send + '_>> {
        Box::pin(async {
            if self.0.fetch_add(1, Ordering::SeqCst) > 0 {
                tokio::time::sleep(Duration::from_mins(1)).await;
            }
            let value = Secret::new("idp", b"the-only-token-in-time").unwrap();
            Ok(Minted { value, lifetime: None })
        })
    }
}

#[tokio::test]
async fn a_refusal_stands_if_the_time_runs_out_before_there_is_a_fresh_token() {
    let server = Server::start(vec![unauthorized(), Reply::Hang]).await;
    let mut bench = Bench::new(server.port, 9, Duration::ZERO);
    let (mint, described) = (Box::new(OnlyOne::default()), TokenRef::new(TokenKind::Exec));
    let token = Arc::new(Token::new("idp", described, mint, Arc::default()));
    bench.upstream.read =
        Some(Credential { source: Source::Token(token), slot: Slot::Bearer, headers: vec![] });
    bench.upstream.timeout = Duration::from_millis(500);
    let (told, exchange) = bench.send(support::get("/Users/42")).await;
    assert_eq!((told.unwrap(), server.requests().len()), (401, 1));
    assert_eq!(exchange.fate, Fate::Answered { status: 401 });
}

#[tokio::test]
async fn an_answer_that_is_late_after_the_request_was_sent_again_is_none() {
    let server = Server::start(vec![unauthorized(), Reply::Hang]).await;
    let mut bench = Bench::new(server.port, 9, Duration::ZERO);
    bench.upstream.timeout = Duration::from_millis(500);
    let (told, exchange) = bench.send(support::get("/Users/42")).await;
    assert!(matches!(told, Err(Error::NoAnswer(_))), "{told:?}");
    assert_eq!((exchange.fate, server.requests().len()), (Fate::NoAnswer, 2));
}

#[tokio::test]
async fn the_token_of_another_person_is_redacted() {
    let echo = support::ok(&json!({"id": "minted-for-another-person"}));
    let server = Server::start(vec![echo]).await;
    let upstream = support::upstream(server.port);
    let memory = Arc::<Memory>::default();
    let other = Arc::new(Secret::new("idp", b"minted-for-another-person").unwrap());
    memory.learn(std::iter::once(&other), None);
    drop(other);
    let request = support::get("/Users/42");
    let mut egress = support::egress_of(&memory, &upstream, vec![request.clone()], None);
    let asked = Request {
        upstream: request.upstream,
        method: request.method,
        path: request.path,
        headers: vec![],
        body: None,
    };
    egress.send(&asked).await.unwrap();
    assert_eq!(egress.close().await.0.remove(0).redacted, ["/id"]);
}

#[tokio::test]
async fn without_a_token_nothing_is_declared_or_sent() {
    let server = Server::start(vec![Reply::Hang]).await;
    let mut late = Bench::new(server.port, 9, Duration::from_mins(1));
    late.upstream.timeout = Duration::from_millis(100);
    let cases = [
        (Bench::new(server.port, 0, Duration::ZERO), "no token `idp`: its endpoint answered 503"),
        (late, "no token `idp` within 100 ms"),
    ];
    for (bench, why) in cases {
        for request in [support::get("/Users/42"), support::patch("/Users/42")] {
            let (told, exchange) = bench.send(request).await;
            let Err(Error::NotSent(text)) = told else { panic!("{told:?}") };
            assert!(text.starts_with(why), "{text}");
            assert_eq!(exchange.fate, Fate::NotSent);
        }
        assert!(bench.intents.lock().unwrap().is_empty());
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn an_echo_of_a_token_is_redacted_also_after_it_was_replaced() {
    let echo = json!({"id": "minted-token-number-0", "now": "minted-token-number-1"});
    let server = Server::start(vec![unauthorized(), support::ok(&echo)]).await;
    let bench = Bench::new(server.port, 9, Duration::ZERO);
    let (_, exchange) = bench.send(support::get("/Users/42")).await;
    assert_eq!(exchange.redacted, ["/id", "/now"]);
    assert!(!format!("{exchange:?}").contains("minted-token"));
}

#[tokio::test]
async fn what_another_run_obtained_meanwhile_is_redacted_too() {
    let other = Arc::new(AtomicUsize::new(0));
    let mint = Numbered { count: Arc::clone(&other), last: 9, after: Duration::ZERO };
    let (memory, described) = (Arc::<Memory>::default(), TokenRef::new(TokenKind::Exec));
    let token = Arc::new(Token::new("idp", described, Box::new(mint), Arc::clone(&memory)));
    let source = Source::Token(Arc::clone(&token));
    let echo = support::ok(&json!({"id": "minted-token-number-0"}));
    let server = Server::start(vec![echo]).await;
    let mut upstream = support::upstream(server.port);
    upstream.write = Some(Credential { source, slot: Slot::Bearer, headers: vec![] });
    let request = support::get("/Users/42");
    let mut egress = support::egress_of(&memory, &upstream, vec![request.clone()], None);
    token.current().await.unwrap();
    let asked = Request {
        upstream: request.upstream,
        method: request.method,
        path: request.path,
        headers: vec![],
        body: None,
    };
    egress.send(&asked).await.unwrap();
    assert_eq!(egress.close().await.0.remove(0).redacted, ["/id"]);
}
