//! A certificate authority that issues the certificates that a case needs, and a TLS server that presents them.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_tests::services::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, Issuer,
    KeyPair, SanType, date_time_ymd,
};
use rustls::crypto::ring::default_provider;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, ServerConnection};

/// An issuer of certificates, with the chain of certificates from this issuer up to the root, without the root itself.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    chain: Vec<CertificateDer<'static>>,
}

impl Authority {
    pub fn root() -> Self {
        let issuer = CertifiedIssuer::self_signed(authority(true), KeyPair::generate().unwrap());
        Self { issuer: issuer.unwrap(), chain: vec![] }
    }

    /// An authority signed by this authority, with `more` other authorities in between. The new authority may sign only
    /// if `ca` is true.
    #[must_use]
    pub fn below(&self, ca: bool, more: usize) -> Self {
        let mut last = self.sign(authority(ca));
        for _ in 0..more {
            last = last.sign(authority(ca));
        }
        last
    }

    #[must_use]
    pub fn expired_below(&self) -> Self {
        let mut params = authority(true);
        params.not_after = date_time_ymd(2020, 1, 1);
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::signed_by(params, key, &self.issuer).unwrap();
        let chain = [vec![issuer.der().clone()], self.chain.clone()].concat();
        Self { issuer, chain }
    }

    /// A server certificate for 127.0.0.1, with these changes.
    pub fn leaf(&self, change: impl FnOnce(&mut CertificateParams)) -> Arc<CertifiedKey> {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let issuer: &Issuer<'_, KeyPair> = &self.issuer;
        let leaf = params.signed_by(&key, issuer).unwrap();
        certified([vec![leaf.der().clone()], self.chain.clone()].concat(), &key)
    }

    /// A certificate of a client and its private key, with these changes.
    pub fn client(&self, change: impl FnOnce(&mut CertificateParams)) -> Client {
        let mut params = CertificateParams::new(vec!["host.example.com".to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let issuer: &Issuer<'_, KeyPair> = &self.issuer;
        let made = params.signed_by(&key, issuer).unwrap();
        let key = key.serialize_der();
        Client {
            certificate: pem("CERTIFICATE", made.der()),
            key: pem("PRIVATE KEY", &key),
            der: key,
        }
    }

    pub fn pem(&self) -> String {
        pem("CERTIFICATE", self.issuer.der())
    }
}

/// A client certificate and its private key in PEM format, and the key in DER format.
#[derive(Clone, Debug)]
pub struct Client {
    pub certificate: String,
    pub key: String,
    pub der: Vec<u8>,
}

/// Puts a client certificate and a key into a served directory with a folder `tls`: each file is written beside its
/// place and moved there, as tools that renew certificates do.
pub fn install(dir: &Path, certificate: &str, key: &str) -> Result<()> {
    for (name, text) in [("tls/client.pem", certificate), ("secrets/client.key", key)] {
        let next = dir.join("tls/next");
        fs::write(&next, text)?;
        fs::set_permissions(&next, Permissions::from_mode(0o600))?;
        fs::rename(next, dir.join(name))?;
    }
    Ok(())
}

fn pem(section: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {section}-----\n");
    for line in STANDARD.encode(der).as_bytes().chunks(64) {
        writeln!(text, "{}", std::str::from_utf8(line).unwrap()).unwrap();
    }
    text + &format!("-----END {section}-----\n")
}

/// Parameters of an authority with a unique name.
fn authority(ca: bool) -> CertificateParams {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = if ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
    params.distinguished_name = DistinguishedName::new();
    let name = STANDARD.encode(&key.public_key_raw()[1..20]);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

pub fn names(names: &[&str]) -> Vec<SanType> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    CertificateParams::new(names).unwrap().subject_alt_names
}

pub fn self_signed() -> Arc<CertifiedKey> {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    certified(vec![params.self_signed(&key).unwrap().der().clone()], &key)
}

/// A valid certificate, presented by a server that holds a different key.
pub fn stolen(honest: &CertifiedKey) -> Arc<CertifiedKey> {
    certified(honest.cert.clone(), &KeyPair::generate().unwrap())
}

fn certified(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Arc<CertifiedKey> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Arc::new(CertifiedKey::new(chain, any_supported_type(&key).unwrap()))
}

/// The certificate that the server presents, which may change between connections.
#[derive(Debug)]
pub struct Shown(Mutex<Arc<CertifiedKey>>);

impl Shown {
    pub fn new(first: Arc<CertifiedKey>) -> Self {
        Self(Mutex::new(first))
    }

    pub fn show(&self, next: Arc<CertifiedKey>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = next;
    }

    pub fn now(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.now())
    }
}

pub fn server(shown: &Arc<Shown>) -> Arc<ServerConfig> {
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(shown) as Arc<dyn ResolvesServerCert>);
    // The configuration must work, because every case would pass with a configuration that refuses all connections.
    ServerConnection::new(Arc::new(config.clone())).unwrap();
    Arc::new(config)
}

/// Like [`server`], but accepts only clients with a certificate of this authority.
pub fn server_for(shown: &Arc<Shown>, clients: &Authority) -> Arc<ServerConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(clients.issuer.der().clone()).unwrap();
    let provider = Arc::new(default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_cert_resolver(Arc::clone(shown) as Arc<dyn ResolvesServerCert>);
    ServerConnection::new(Arc::new(config.clone())).unwrap();
    Arc::new(config)
}
