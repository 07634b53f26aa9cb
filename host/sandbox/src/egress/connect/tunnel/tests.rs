use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::credentials::{Secret, Stored};
use crate::upstream::proxy::Login;
use crate::upstream::{AddressClass, Lookups};

fn proxy(login: Option<Login>) -> Proxy {
    let base = Base::parse("http://proxy.internal:3128").unwrap();
    let addresses = BTreeSet::from([AddressClass::Private]);
    Proxy { base, addresses, lookups: Lookups::default(), login }
}

fn login() -> Login {
    let secret = Secret::new("proxy", b"a-password-of-a-proxy").unwrap();
    let secret = Arc::new(Stored::fixed(secret));
    Login { user: "deed".into(), secret, memory: Arc::default() }
}

/// What the host makes of this answer of a proxy, and what the proxy got.
async fn asked(login: Option<Login>, answer: &[u8]) -> (Result<(), TunnelError>, String) {
    let (mut near, mut far) = tokio::io::duplex(64 << 10);
    far.write_all(answer).await.unwrap();
    far.shutdown().await.unwrap();
    let to = Base::parse("https://idp.example.com/scim").unwrap();
    let ended = open(&mut near, &proxy(login), &to).await;
    drop(near);
    let mut got = String::new();
    far.read_to_string(&mut got).await.unwrap();
    (ended, got)
}

#[tokio::test]
async fn the_request_has_the_name_and_port_and_the_login() {
    let good = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n";
    let (ended, got) = asked(None, good).await;
    assert!(ended.is_ok());
    assert_eq!(got, "CONNECT idp.example.com:443 HTTP/1.1\r\nHost: idp.example.com:443\r\n\r\n");
    let (ended, got) = asked(Some(login()), b"HTTP/1.0 200\r\n\r\n").await;
    assert!(ended.is_ok());
    let coded = STANDARD.encode("deed:a-password-of-a-proxy");
    assert!(got.ends_with(&format!("\r\nProxy-Authorization: Basic {coded}\r\n\r\n")), "{got}");
}

#[tokio::test]
async fn the_password_is_known_in_each_form_before_it_is_sent() {
    let (login, (mut near, mut far)) = (login(), tokio::io::duplex(1 << 10));
    let memory = Arc::clone(&login.memory);
    assert!(!memory.forms().finds("you sent a-password-of-a-proxy"));
    let to = Base::parse("https://idp.example.com").unwrap();
    let (proxy, mut got) = (proxy(Some(login)), [0; 1]);
    let opened = tokio::spawn(async move { open(&mut near, &proxy, &to).await.is_ok() });
    far.read_exact(&mut got).await.unwrap();
    let pair = STANDARD.encode("deed:a-password-of-a-proxy");
    for echo in [
        "a-password-of-a-proxy".to_owned(),
        pair.clone(),
        STANDARD.encode(&pair),
        data_encoding::HEXLOWER.encode(pair.as_bytes()),
    ] {
        assert!(memory.forms().finds(&format!("you sent {echo}.")), "{echo}");
    }
    drop(far);
    assert!(!opened.await.unwrap());
}

#[tokio::test]
async fn only_a_whole_head_with_status_200_opens_a_tunnel() {
    let long = [b"HTTP/1.1 200 OK\r\n".to_vec(), vec![b'x'; 9000], END.to_vec()].concat();
    let cases: [(&[u8], &str); 16] = [
        (b"", "closed the connection"),
        (b"HTTP/1.1 200 OK\r\n", "closed the connection"),
        (b"HTTP/1.1 200 OK\n\n", "closed the connection"),
        (&long, "more than 8 KiB"),
        (b"HTTP/1.1 200 OK\r\n\r\n\x16\x03\x03", "before the TLS handshake"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", "before the TLS handshake"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "status 100"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "status 204"),
        (b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\n\r\n", "status 302"),
        (b"HTTP/1.1 403 \x1b[2J\r\n\r\n", "status 403"),
        (b"HTTP/1.1 403 Forbidden\r\ncontent-length: 6\r\n\r\n<html>", "status 403"),
        (b"HTTP/1.1 407 Who\r\n\r\n", "set `proxy_user` and `proxy_secret`"),
        (b"HTTP/1.1 407 Who\r\n\r\n<html>", "set `proxy_user` and `proxy_secret`"),
        (b"HTTP/2 200\r\n\r\n", "did not answer with HTTP/1.1"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "did not answer with HTTP/1.1"),
        (b"HTTP/1.1 +20 OK\r\n\r\n", "did not answer with HTTP/1.1"),
    ];
    for (answer, why) in cases {
        let error = asked(None, answer).await.0.unwrap_err().to_string();
        assert!(error.contains(why), "{error}: {:?}", String::from_utf8_lossy(answer));
        assert!(!error.contains('\u{1b}'), "{error}");
    }
    let (ended, _) = asked(Some(login()), b"HTTP/1.1 407 Who\r\n\r\n").await;
    let error = ended.unwrap_err().to_string();
    assert!(error.contains("the credential `proxy`") && !error.contains("a-password"), "{error}");
}

#[tokio::test]
async fn an_answer_in_many_parts_is_read_to_its_end() {
    let (mut near, mut far) = tokio::io::duplex(16);
    let feed = tokio::spawn(async move {
        let mut request = [0; 67];
        far.read_exact(&mut request).await.unwrap();
        for byte in b"HTTP/1.1 200 OK\r\nx: y\r\n\r\n" {
            far.write_all(&[*byte]).await.unwrap();
            far.flush().await.unwrap();
            tokio::task::yield_now().await;
        }
        far
    });
    let to = Base::parse("https://idp.example.com").unwrap();
    open(&mut near, &proxy(None), &to).await.unwrap();
    drop(feed.await.unwrap());
}
