//! Connections through a proxy.

use std::collections::BTreeSet;

use tokio::io::AsyncWriteExt as _;

use super::*;
use crate::upstream::proxy::Proxy;
use crate::upstream::{Base, Lookups};

/// A proxy that answers each connection with these bytes. If `to` is a port, it then connects the client with it.
async fn proxy(answer: &'static [u8], to: Option<u16>) -> (u16, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(client.read_u8().await.unwrap());
        }
        client.write_all(answer).await.unwrap();
        if let Some(to) = to {
            let mut far = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
            drop(tokio::io::copy_bidirectional(&mut client, &mut far).await);
        } else {
            // Whatever follows the request for a tunnel would be a part of a request to the upstream.
            drop(client.read_to_end(&mut asked).await);
        }
        String::from_utf8(asked).unwrap()
    });
    (port, served)
}

/// An upstream whose name only the proxy at this port can resolve.
fn behind(port: u16, roots: Option<&str>) -> Upstream {
    let mut upstream = support::upstream(1);
    upstream.base = Base::parse("https://idp.invalid/v2").unwrap();
    upstream.addresses = BTreeSet::new();
    upstream.tls = Some(tls_config(roots.map(str::as_bytes)).unwrap());
    upstream.proxy = Some(Proxy {
        base: Base::parse(&format!("http://127.0.0.1:{port}")).unwrap(),
        addresses: BTreeSet::from([AddressClass::Loopback]),
        lookups: Lookups::default(),
        login: None,
    });
    upstream
}

async fn connected(upstream: &Upstream) -> Result<Box<dyn Stream>, ConnectError> {
    let pinned = resolve(upstream).await?;
    connect(upstream, pinned).await
}

#[tokio::test]
async fn tls_is_with_the_upstream_behind_the_proxy() {
    let (to, roots) = server("idp.invalid").await;
    let (port, asked) = proxy(b"HTTP/1.1 200 OK\r\n\r\n", Some(to)).await;
    let mut byte = [0];
    let mut stream = connected(&behind(port, Some(&roots))).await.unwrap();
    stream.read_exact(&mut byte).await.unwrap();
    assert_eq!(&byte, b"x");
    drop(stream);
    let asked = asked.await.unwrap();
    assert!(asked.starts_with("CONNECT idp.invalid:443 HTTP/1.1\r\n"), "{asked}");
    // The proxy leads to a server with another name.
    let (to, roots) = server("other.invalid").await;
    let (port, _) = proxy(b"HTTP/1.1 200 OK\r\n\r\n", Some(to)).await;
    let refused = connected(&behind(port, Some(&roots))).await.err();
    assert!(matches!(refused, Some(ConnectError::Handshake { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_proxy_that_opens_no_tunnel_gets_no_byte_of_tls() {
    for answer in [
        &b"HTTP/1.1 302 Found\r\nlocation: https://idp.invalid/\r\n\r\n"[..],
        b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n\x15\x03\x03\x00\x02\x01\x00",
        b"SSH-2.0-x\r\n\r\n",
    ] {
        let (port, asked) = proxy(answer, None).await;
        let refused = connected(&behind(port, None)).await.err();
        assert!(matches!(refused, Some(ConnectError::Tunnel { .. })), "{refused:?}");
        assert!(asked.await.unwrap().ends_with("\r\n\r\n"));
    }
}

#[tokio::test]
async fn the_address_of_the_proxy_is_checked_and_http_is_not_sent_through_it() {
    let (port, _) = proxy(b"", None).await;
    let mut upstream = behind(port, None);
    if let Some(proxy) = &mut upstream.proxy {
        proxy.addresses = BTreeSet::from([AddressClass::Public]);
    }
    let refused = resolve(&upstream).await.unwrap_err();
    let text = refused.to_string();
    assert!(refused.is_refusal() && text.contains("`proxy_addresses = [\"loopback\"]`"), "{text}");
    let mut upstream = behind(port, None);
    upstream.base.tls = false;
    let pinned = resolve(&upstream).await.unwrap();
    assert!(matches!(connect(&upstream, pinned).await.err(), Some(ConnectError::Clear(_))));
}
