//! Handshakes with a server that identifies its clients by certificates.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use deed_system::files::Files;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, Issuer, KeyPair};
use rustls::server::WebPkiClientVerifier;

use super::*;
use crate::upstream::client_certificate::{ClientCertificate, Paths};
use crate::upstream::tls_config_as;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Starts a server that accepts only clients with a certificate of this authority, and sends one byte to each.
async fn server(clients: &Authority) -> (u16, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(clients.der().clone()).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
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
    (port, support::pem("CERTIFICATE", made.cert.der()))
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("deed-mutual-{}-{n}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    /// Writes a new certificate of this authority and its key.
    fn issue(&self, by: &Authority) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["host.example.com".to_owned()]).unwrap();
        let by: &Issuer<'_, KeyPair> = by;
        let made = params.signed_by(&key, by).unwrap();
        let certificate = support::pem("CERTIFICATE", made.der());
        let key = support::pem("PRIVATE KEY", &key.serialize_der());
        for (name, text) in [("client.pem", certificate), ("client.key", key)] {
            fs::write(self.0.join(name), text).unwrap();
            fs::set_permissions(self.0.join(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    fn open(&self) -> Arc<ClientCertificate> {
        let paths = Paths { certificate: "client.pem".into(), key: "client.key".into() };
        let files = Files::open(&self.0).unwrap();
        Arc::new(ClientCertificate::open("idp", &files, paths).unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

/// The byte that the server sends to a client that it accepts.
async fn greeted(upstream: &Upstream) -> Result<u8, String> {
    let pinned = resolve(upstream).await.unwrap();
    let mut stream = connect(upstream, pinned).await.map_err(|error| error.to_string())?;
    // In TLS 1.3, the server refuses a certificate after the client's side of the handshake has ended.
    stream.read_u8().await.map_err(|error| error.to_string())
}

fn secure(port: u16, roots: &str, client: Option<&Arc<ClientCertificate>>) -> Upstream {
    let mut upstream = support::upstream(port);
    upstream.base.tls = true;
    upstream.tls = Some(tls_config_as(Some(roots.as_bytes()), client).unwrap());
    upstream
}

#[tokio::test]
async fn a_server_accepts_only_the_certificate_of_its_authority() {
    let (good, other) = (authority(), authority());
    let (port, roots) = server(&good).await;
    assert!(greeted(&secure(port, &roots, None)).await.is_err(), "without a certificate");
    let folder = Folder::new();
    folder.issue(&other);
    let refused = greeted(&secure(port, &roots, Some(&folder.open()))).await;
    assert!(refused.is_err(), "with the certificate of another authority");
    folder.issue(&good);
    assert_eq!(greeted(&secure(port, &roots, Some(&folder.open()))).await, Ok(b'x'));
}

#[tokio::test]
async fn a_certificate_that_is_replaced_is_used_without_a_restart() {
    let (old, new) = (authority(), authority());
    let folder = Folder::new();
    folder.issue(&old);
    let client = folder.open();
    let (port, roots) = server(&old).await;
    assert_eq!(greeted(&secure(port, &roots, Some(&client))).await, Ok(b'x'));
    let (port, roots) = server(&new).await;
    let upstream = secure(port, &roots, Some(&client));
    assert!(greeted(&upstream).await.is_err());
    folder.issue(&new);
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(greeted(&upstream).await, Ok(b'x'));
}
