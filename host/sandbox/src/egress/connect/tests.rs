mod client;
mod proxied;

use std::collections::BTreeSet;

use base64::Engine as _;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use super::*;
use crate::tests::support;
use crate::upstream::{AddressClass, tls_config};

/// Starts a TLS server with a self-signed certificate for `name`. The server sends one byte after the handshake.
async fn server(name: &str) -> (u16, String) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        while let Ok((tcp, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(tcp).await {
                drop(tokio::io::AsyncWriteExt::write_all(&mut stream, b"x").await);
                drop(tokio::io::AsyncWriteExt::shutdown(&mut stream).await);
            }
        }
    });
    let text = base64::engine::general_purpose::STANDARD.encode(made.cert.der());
    (port, format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"))
}

async fn dial(port: u16, roots: Option<&str>) -> Result<Box<dyn Stream>, ConnectError> {
    let mut upstream = support::upstream(port);
    upstream.base.tls = true;
    upstream.tls = Some(tls_config(roots.map(str::as_bytes)).unwrap());
    let pinned = resolve(&upstream).await?;
    connect(&upstream, pinned).await
}

#[tokio::test]
async fn tls_trusts_the_operators_roots_and_checks_the_name() {
    let (port, roots) = server("127.0.0.1").await;
    let mut byte = [0];
    dial(port, Some(&roots)).await.unwrap().read_exact(&mut byte).await.unwrap();
    assert_eq!(&byte, b"x");
    assert!(matches!(dial(port, None).await.err(), Some(ConnectError::Handshake { .. })));
    let (port, roots) = server("idp.example.com").await;
    assert!(matches!(dial(port, Some(&roots)).await.err(), Some(ConnectError::Handshake { .. })));
}

#[tokio::test]
async fn https_without_tls_is_not_sent_in_the_clear() {
    let (port, _) = server("127.0.0.1").await;
    let mut upstream = support::upstream(port);
    upstream.base.tls = true;
    let pinned = resolve(&upstream).await.unwrap();
    assert!(matches!(connect(&upstream, pinned).await.err(), Some(ConnectError::NoTls(_))));
}

#[tokio::test]
async fn a_name_is_resolved_and_each_address_checked() {
    let mut upstream = support::upstream(80);
    upstream.base.host = "localhost".into();
    let found = resolve(&upstream).await.unwrap();
    assert!(found.0.iter().all(|address| address.ip().is_loopback()));
    upstream.addresses = BTreeSet::from([AddressClass::Public, AddressClass::Private]);
    let refused = resolve(&upstream).await.unwrap_err();
    assert!(refused.is_refusal() && !refused.to_string().contains("127.0.0.1"));
}

#[tokio::test]
async fn the_next_address_is_dialled_only_if_the_first_has_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let open = listener.local_addr().unwrap();
    let closed = {
        let unused = TcpListener::bind("127.0.0.1:0").await.unwrap();
        unused.local_addr().unwrap()
    };
    let upstream = support::upstream(open.port());
    assert!(connect(&upstream, Pinned(vec![closed, open])).await.is_ok());
    let refused = connect(&upstream, Pinned(vec![closed, closed])).await.err();
    assert!(matches!(refused, Some(ConnectError::Connect { .. })));
    // The server at the first address accepts the connection but does not speak TLS. The failed handshake is the
    // result, and no other address is tried.
    let mut upstream = support::upstream(open.port());
    upstream.base.tls = true;
    upstream.tls = Some(tls_config(None).unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
        }
    });
    let failed = connect(&upstream, Pinned(vec![open, closed])).await.err();
    assert!(matches!(failed, Some(ConnectError::Handshake { .. })));
}
