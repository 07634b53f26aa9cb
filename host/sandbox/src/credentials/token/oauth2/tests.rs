use std::time::Duration;

use deed_record::action::TokenKind;

use super::*;
use crate::credentials::Stored;
use crate::tests::support::{self, Reply, Server};

const SECRET: &str = "client/secret+of the tests";
const TOKEN: &str =
    r#"{"access_token":"a-t0ken-of-some-length","token_type":"Bearer","expires_in":60}"#;

fn ask(server: &Server, proof: fn(Arc<Stored>) -> ClientProof) -> Ask {
    let mut upstream = support::upstream(server.port);
    upstream.name = "auth".into();
    upstream.timeout = Duration::from_millis(500);
    let secret = Arc::new(Stored::fixed(Secret::new("login", SECRET.as_bytes()).unwrap()));
    Ask {
        name: "writer".into(),
        endpoint: Endpoint {
            upstream: Arc::new(upstream),
            path: "/token".into(),
            binding: Digest::of(b"route"),
        },
        client: Some(Client { id: "the client".into(), proof: proof(secret) }),
        scopes: vec!["users:read".into(), "users:write".into()],
        audience: None,
        resource: Some("https://idp.example.com/".into()),
        memory: Arc::default(),
    }
}

async fn refused(reply: Reply) -> String {
    let server = Server::start(vec![reply, Reply::Hang]).await;
    let error = ask(&server, ClientProof::Post).mint("client_credentials", vec![]).await;
    let text = error.unwrap_err().to_string();
    assert!(text.starts_with("no token `writer`: ") && text.contains("upstream `auth`"), "{text}");
    assert!(!text.contains("secret+of") && server.requests().len() <= 1, "{text}");
    text
}

#[tokio::test]
async fn the_client_proves_itself_as_the_operator_says() {
    let server = Server::start(vec![support::answer("200 OK", "application/json", TOKEN); 2]).await;
    for proof in [ClientProof::Basic as fn(Arc<Stored>) -> ClientProof, ClientProof::Post] {
        let minted = ask(&server, proof).mint("client_credentials", vec![]).await.unwrap();
        assert_eq!(minted.value.reveal(), "a-t0ken-of-some-length");
        assert_eq!(minted.lifetime, Some(Duration::from_mins(1)));
    }
    let form = "grant_type=client_credentials&scope=users%3Aread+users%3Awrite\
                &resource=https%3A%2F%2Fidp.example.com%2F";
    let [basic, post] = server.requests().try_into().unwrap();
    // `the+client:client%2Fsecret%2Bof+the+tests`, in base64.
    let credentials = "dGhlK2NsaWVudDpjbGllbnQlMkZzZWNyZXQlMkJvZit0aGUrdGVzdHM=";
    assert!(basic.starts_with("POST /v2/token HTTP/1.1\r\n"), "{basic}");
    assert!(basic.contains(&format!("authorization: Basic {credentials}\r\n")), "{basic}");
    assert!(basic.ends_with(&format!("\r\n\r\n{form}")), "{basic}");
    assert!(!post.contains("authorization"), "{post}");
    let proof = "&client_id=the+client&client_secret=client%2Fsecret%2Bof+the+tests";
    assert!(post.ends_with(&format!("{form}{proof}")), "{post}");
}

#[tokio::test]
async fn a_hostile_endpoint_gives_no_token_and_no_text() {
    let json = |body: &str| support::answer("200 OK", "application/json", body);
    let huge = format!("{{\"x\":\"{}\"}}", "x".repeat(ANSWER_MAX));
    let moved = b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let echo =
        format!("{{\"access_token\":\"{}\",\"token_type\":\"Bearer\"}}", SECRET.replace(' ', "-"));
    for (reply, why) in [
        (json(&huge), "at most 64 KiB"),
        (Reply::Hang, "did not answer within 500 ms"),
        (Reply::Close, "no complete answer"),
        (Reply::Bytes(b"nonsense\r\n\r\n".to_vec()), "no complete answer"),
        (Reply::Bytes(moved.to_vec()), "follows no redirect"),
        (json(&TOKEN.replace("Bearer", "DPoP")), "token_type"),
        (json(&TOKEN.replace("a-t0ken-of-some-length", "The-Quarterly-Report")), "ordinary text"),
        (json(&TOKEN.replace("a-t0ken", "a\\r\\nx-t0ken")), "access_token"),
    ] {
        let said = refused(reply).await;
        assert!(said.contains(why), "{said}");
    }
    // A secret with blanks can be no token, so this client has another one.
    let server = Server::start(vec![json(&echo)]).await;
    let mut ask = ask(&server, ClientProof::Post);
    let secret = Secret::new("login", SECRET.replace(' ', "-").as_bytes()).unwrap();
    let proof = ClientProof::Basic(Arc::new(Stored::fixed(secret)));
    ask.client = Some(Client { id: "client".into(), proof });
    let said = ask.mint("client_credentials", vec![]).await.unwrap_err().to_string();
    assert!(said.contains("a secret of the host"), "{said}");
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_not_asked() {
    let server = Server::start(vec![Reply::Hang]).await;
    let mut ask = ask(&server, ClientProof::Post);
    let mut upstream = (*ask.endpoint.upstream).clone();
    upstream.addresses.clear();
    ask.endpoint.upstream = Arc::new(upstream);
    let said = ask.mint("client_credentials", vec![]).await.unwrap_err().to_string();
    assert!(said.contains("loopback") && server.requests().is_empty(), "{said}");
}

#[tokio::test]
async fn what_is_asked_for_is_described_without_secrets() {
    let server = Server::start(vec![]).await;
    let ask = ask(&server, ClientProof::Basic);
    let described = ask.described(TokenRef::new(TokenKind::ClientCredentials));
    let text = serde_json::to_string(&described).unwrap();
    let url = format!("http://127.0.0.1:{}/v2/token", server.port);
    assert_eq!(described.endpoint.as_deref(), Some(url.as_str()));
    assert!(text.contains("users:write") && text.contains("the client"), "{text}");
    assert!(!text.contains("secret") && !format!("{ask:?}").contains(SECRET), "{text}");
}

#[tokio::test]
async fn what_the_host_sends_to_an_endpoint_is_known_in_each_form_before_it_is_sent() {
    let server = Server::start(vec![Reply::Close; 2]).await;
    let assertion = "header-of-the-host.claims-of-the-host.signature-of-the-host";
    for proof in [ClientProof::Basic as fn(Arc<Stored>) -> ClientProof, ClientProof::Post] {
        let ask = ask(&server, proof);
        let form = vec![("subject_token", Zeroizing::new(assertion.to_owned()))];
        ask.mint("urn:ietf:params:oauth:grant-type:token-exchange", form).await.unwrap_err();
        let finds = |text: &str| ask.memory.forms().finds(text);
        let form = encoded(SECRET);
        let hex = data_encoding::HEXLOWER.encode(form.as_bytes());
        for echo in [
            SECRET,
            form.as_str(),
            hex.as_str(),
            assertion,
            "signature is client%252Fsecret%252Bof+the+tests",
        ] {
            assert!(finds(&format!("you sent {echo}.")), "{echo}");
        }
        assert!(!finds("urn:ietf:params:oauth:grant-type:token-exchange"));
    }
    let ask = ask(&server, ClientProof::Basic);
    ask.learn(&[]);
    // `the+client:client%2Fsecret%2Bof+the+tests`, in base64.
    let pair = "dGhlK2NsaWVudDpjbGllbnQlMkZzZWNyZXQlMkJvZit0aGUrdGVzdHM=";
    for echo in [pair.to_owned(), data_encoding::HEXLOWER.encode(pair.as_bytes())] {
        assert!(ask.memory.forms().finds(&format!("Basic {echo}")), "{echo}");
    }
}

#[tokio::test]
async fn an_endpoint_cannot_make_a_token_of_what_the_host_sends() {
    let assertion = "header-of-the-host.claims-of-the-host.signature-of-the-host";
    let form = encoded(SECRET);
    let pair = "dGhlK2NsaWVudDpjbGllbnQlMkZzZWNyZXQlMkJvZit0aGUrdGVzdHM=";
    let hex = data_encoding::HEXLOWER.encode(SECRET.as_bytes());
    for token in [form.as_str(), pair, &hex, assertion, &assertion.to_uppercase()] {
        let body = format!("{{\"access_token\":\"{token}\",\"token_type\":\"Bearer\"}}");
        let server =
            Server::start(vec![support::answer("200 OK", "application/json", &body)]).await;
        let form = vec![("assertion", Zeroizing::new(assertion.to_owned()))];
        let ask = ask(&server, ClientProof::Basic);
        let said = ask.mint("jwt", form).await.unwrap_err().to_string();
        assert!(said.contains("a secret of the host") && !said.contains(token), "{said}");
    }
}

#[tokio::test]
async fn the_order_of_scopes_makes_no_other_token() {
    let server = Server::start(vec![]).await;
    let one = ask(&server, ClientProof::Basic);
    let mut other = one.clone();
    other.scopes = vec!["users:write".into(), "users:read".into(), "users:write".into()];
    let described = |ask: &Ask| ask.described(TokenRef::new(TokenKind::ClientCredentials));
    assert_eq!(described(&one), described(&other));
}

#[tokio::test]
async fn a_refused_assertion_is_explained_by_the_difference_of_the_clocks() {
    let body = r#"{"error":"invalid_grant"}"#;
    let kind = format!("content-type: application/json\r\ncontent-length: {}", body.len());
    for (member, date, wanted) in [
        ("assertion", "date: Sat, 01 Jan 2000 00:00:00 GMT\r\n", "s behind the host's clock"),
        ("assertion", "date: Tue, 01 Jan 2199 00:00:00 GMT\r\n", "s ahead of the host's clock"),
        ("assertion", "date: now\r\n", ""),
        ("code", "date: Sat, 01 Jan 2000 00:00:00 GMT\r\n", ""),
    ] {
        let answer = format!("HTTP/1.1 400 Bad Request\r\n{date}{kind}\r\n\r\n{body}");
        let server = Server::start(vec![Reply::Bytes(answer.into_bytes())]).await;
        let form = vec![(member, Zeroizing::new("header.claims.signature".to_owned()))];
        let said = ask(&server, ClientProof::Post).mint("jwt", form).await.unwrap_err().to_string();
        assert!(said.contains("answered `invalid_grant`") && said.contains(wanted), "{said}");
        assert_eq!(said.contains("correct the clock"), !wanted.is_empty(), "{said}");
    }
}
