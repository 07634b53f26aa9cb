use std::future::Future;
use std::pin::Pin;

use deed_record::action::{TokenKind, TokenRef};
use serde_json::json;

use super::*;
use crate::credentials::token::{Mint, MintError, Minted, Token};
use crate::credentials::{Secret, Source};
use crate::tests::support::{self, READ, Reply, Server, WRITE};

async fn tried(upstream: &Upstream, request: Rendered, with_write: bool) -> Probed {
    let memory = Arc::default();
    probe(Probe { upstream, request, with_write, person: "alice", memory: &memory }).await
}

#[tokio::test]
async fn the_chosen_credential_is_sent_with_a_read_and_only_the_status_is_returned() {
    let body = json!({"name": "a value of the answer"});
    let server = Server::start(vec![support::ok(&body), support::ok(&body)]).await;
    let upstream = support::upstream(server.port);
    for (with_write, sent, not_sent) in [(false, READ, WRITE), (true, WRITE, READ)] {
        let seen = tried(&upstream, support::get("/Users?count=1"), with_write).await;
        assert_eq!((seen.status, seen.problem.as_deref()), (Some(200), None));
        assert_eq!(seen.connected.map(|one| one.port()), Some(server.port));
        assert!(seen.is_proved && seen.certificate.is_none());
        assert!(!format!("{seen:?}").contains("a value of the answer"), "{seen:?}");
        let request = server.requests().pop().unwrap();
        assert!(request.starts_with("GET /"), "{request}");
        assert!(request.contains(sent) && !request.contains(not_sent), "{request}");
    }
}

#[tokio::test]
async fn what_may_change_something_is_not_sent() {
    let server = Server::start(vec![Reply::Hang]).await;
    let upstream = support::upstream(server.port);
    for request in [
        support::patch("/Users/42"),
        Rendered { writes: true, ..support::get("/rotate") },
        Rendered { body: Some(json!({})), ..support::get("/Users") },
    ] {
        let seen = tried(&upstream, request, true).await;
        assert!(seen.addresses.is_empty() && seen.problem.is_some(), "{seen:?}");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn an_address_that_is_not_allowed_gets_nothing() {
    let server = Server::start(vec![Reply::Hang]).await;
    let mut upstream = support::upstream(server.port);
    upstream.addresses.clear();
    let seen = tried(&upstream, support::get("/Users"), false).await;
    assert_eq!((seen.status, seen.connected, seen.is_proved), (None, None, false));
    assert!(seen.problem.unwrap().contains("loopback address, which is not allowed"));
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_a_problem() {
    let server = Server::start(vec![Reply::Close]).await;
    let upstream = support::upstream(server.port);
    let seen = tried(&upstream, support::get("/Users"), false).await;
    assert_eq!(seen.status, None);
    assert!(seen.problem.unwrap().contains("the connection ended"));
}

/// Gives one token, which is valid for an hour.
#[derive(Debug)]
struct Hourly;

impl Mint for Hourly {
    fn mint(&self) -> Pin<Box<dyn Future<Output = Result<Minted, MintError>> + Send + '_>> {
        let value = Secret::new("job", b"a-token-of-the-tests").unwrap();
        Box::pin(async { Ok(Minted { value, lifetime: Some(Duration::from_hours(1)) }) })
    }
}

#[tokio::test]
async fn the_time_at_which_a_token_expires_is_known() {
    let server = Server::start(vec![support::ok(&json!({}))]).await;
    let mut upstream = support::upstream(server.port);
    let described = TokenRef::new(TokenKind::Exec);
    let token = Arc::new(Token::new("job", described, Box::new(Hourly), Arc::default()));
    assert_eq!(token.expires_ms(), None, "it is not obtained yet");
    let source = Source::Token(Arc::clone(&token));
    upstream.read = Some(Credential { source, slot: Slot::Bearer, headers: vec![] });
    let seen = tried(&upstream, support::get("/Users"), false).await;
    let left_ms = seen.token_expires_ms.unwrap() - Clock::new().latest_ms();
    assert!((3_500_000..=3_601_000).contains(&left_ms), "{left_ms}");
    assert_eq!(token.expires_ms(), seen.token_expires_ms);
}
