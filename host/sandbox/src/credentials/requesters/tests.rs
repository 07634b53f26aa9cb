use std::time::Duration;

use deed_record::action::TokenKind;
use deed_system::clock::Clock;

use super::super::recent::PARTIES;
use super::super::token::oauth2::{Ask, Endpoint};
use super::super::token::request_exchange::RequestExchange;
use super::*;
use crate::tests::support::{self, Reply, Server};

const DORA: &str = "access-token-of-dora";
const ERIN: &str = "access-token-of-erin";

fn requesters(server: &Server) -> Requesters {
    let mut upstream = support::upstream(server.port);
    upstream.timeout = Duration::from_secs(5);
    let endpoint = Endpoint {
        upstream: Arc::new(upstream),
        path: "/token".into(),
        binding: Digest::of(b"route"),
    };
    let ask = Ask {
        name: "writer".into(),
        endpoint,
        client: None,
        scopes: vec![],
        audience: None,
        resource: None,
        memory: Arc::default(),
    };
    let described = ask.described(TokenRef::new(TokenKind::TokenExchange));
    let memory = Arc::clone(&ask.memory);
    let make = move |subject: Arc<HeldRequest>| -> Box<dyn Mint> {
        Box::new(RequestExchange { ask: ask.clone(), subject })
    };
    Requesters::new("writer", described, vec![], Box::new(make), memory)
}

fn party(subject: &str) -> Requester {
    let (issuer, subject) = ("https://login.example.com".to_owned(), subject.to_owned());
    Requester { issuer, subject, client: Some("helpdesk-bot".to_owned()) }
}

fn request(text: &str, subject: &str, left_ms: i64) -> Arc<RequestToken> {
    let clock = Clock::new();
    let expires_ms = clock.latest_ms().saturating_add(left_ms);
    Arc::new(RequestToken::new(text, party(subject), expires_ms, clock).unwrap())
}

fn grant(token: &str) -> Reply {
    let body = format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":300}}"#);
    support::answer("200 OK", "application/json", &body)
}

#[tokio::test]
async fn a_token_is_exchanged_for_one_access_token_and_used_for_no_other() {
    let server = Server::start(
        ["one", "two", "three"].map(|n| grant(&format!("exch4nged-t0ken-{n}"))).into(),
    )
    .await;
    let all = requesters(&server);
    let (dora, erin) = (request(DORA, "dora", 60_000), request(ERIN, "erin", 60_000));
    let first = all.of(&dora).current().await.unwrap();
    let other = all.of(&erin).current().await.unwrap();
    assert_eq!(first.reveal(), "exch4nged-t0ken-one");
    assert_eq!(other.reveal(), "exch4nged-t0ken-two");
    assert!(Arc::ptr_eq(&all.of(&dora), &all.of(&request(DORA, "dora", 60_000))));
    // Neither another subject with the same text nor another token of the same subject gets it.
    assert!(!Arc::ptr_eq(&all.of(&dora), &all.of(&request(DORA, "erin", 60_000))));
    let next = request("access-token-of-dora-2", "dora", 60_000);
    assert_eq!(all.of(&next).current().await.unwrap().reveal(), "exch4nged-t0ken-three");
    let sent = server.requests();
    assert_eq!(sent.len(), 3);
    let form = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
                &subject_token=access-token-of-dora\
                &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token\
                &requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token";
    assert!(sent[0].ends_with(form), "{}", sent[0]);
    for text in [DORA, ERIN, "exch4nged-t0ken-one"] {
        assert!(all.memory.forms().finds(text), "{text} may be echoed");
    }
}

#[tokio::test]
async fn an_access_token_that_no_action_holds_is_not_exchanged() {
    let server = Server::start(vec![grant("exch4nged-t0ken-one")]).await;
    let all = requesters(&server);
    let ended = all.of(&request(DORA, "dora", 60_000));
    let expired = request(ERIN, "erin", 0);
    for token in [ended, all.of(&expired)] {
        let said = token.current().await.unwrap_err().to_string();
        assert!(said.contains("propose the action again"), "{said}");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn the_number_of_kept_tokens_is_bounded() {
    let all = requesters(&Server::start(vec![]).await);
    for n in 0..=PARTIES {
        all.of(&request(&format!("access-token-of-{n:04}"), "dora", 60_000));
    }
    assert_eq!(all.kept.all().len(), PARTIES);
}

#[tokio::test]
async fn the_description_names_the_party_and_not_the_token() {
    let all = requesters(&Server::start(vec![]).await);
    let described = all.of(&request(DORA, "dora", 60_000)).described().clone();
    assert_eq!(described.requester(), Some(party("dora")));
    assert!(!format!("{described:?}").contains(DORA));
    assert_ne!(all.described(Some(&party("erin"))), described);
    assert_eq!(all.described(None).requester(), None);
}
