//! An upstream as the operator configured it, with the data that the egress needs to connect.
//!
//! This module does not resolve names or open connections. The module only defines to which addresses the host may
//! connect.

mod address;
pub mod client_certificate;
mod credential;
pub mod proxy;
mod roots;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use deed_record::action::{EndpointRoute, Idempotency};
use deed_record::exchange::codec::kind::Accepted;
use deed_spec::digest::Digest;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

pub use self::address::{AddressClass, classify};
use self::client_certificate::ClientCertificate;
pub use self::credential::Credential;
use self::proxy::Proxy;
pub use self::roots::last_expiry_ms;

/// One system of record, as the operator configured it.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// The short name that contracts and adapters use.
    pub name: String,
    pub base: Base,
    /// Classes of addresses to which the host may connect. Every resolved address must belong to one of these classes.
    /// Empty if the upstream has a proxy, which resolves the name instead of the host.
    pub addresses: BTreeSet<AddressClass>,
    /// The TLS configuration that [`tls_config`] creates; needed when the base URL is `https`.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// The certificate that `tls` presents, if the upstream identifies the host by a certificate.
    pub client_certificate: Option<Arc<ClientCertificate>>,
    /// The proxy through which the host reaches the upstream; only for an `https` base URL.
    pub proxy: Option<Proxy>,
    /// Time limit from the start of an exchange to the end of its answer.
    pub timeout: Duration,
    /// Maximum number of runs that may reach this upstream at the same time. A run has one exchange at a time, so the
    /// number also limits the exchanges at the same time.
    pub concurrency: usize,
    /// Limits how many look-ups of the host name run at the same time.
    pub lookups: Lookups,
    /// How the upstream distinguishes a repeated write from a new one, if it can.
    pub idempotency: Option<Idempotency>,
    /// Headers that the host adds to every request, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// The content types and compression that the host accepts in answers, in addition to what every codec accepts.
    pub accepted: Accepted,
    /// Credential for the requests of observations.
    pub read: Option<Credential>,
    /// Credential for the requests of attempts.
    pub write: Option<Credential>,
}

impl Upstream {
    /// How the host reaches a token endpoint at this upstream. `tls_roots` is the digest of the upstream's own roots.
    pub fn route(&self, tls_roots: Option<Digest>) -> EndpointRoute {
        EndpointRoute {
            base_url: self.base.to_string(),
            addresses: AddressClass::names(&self.addresses),
            tls_roots,
            client_certificate: self.client_certificate.as_ref().map(|one| one.path().to_owned()),
            client_key: self.client_certificate.as_ref().map(|one| one.key_path().to_owned()),
            proxy: self.proxy.as_ref().map(Proxy::reference),
        }
    }
}

/// Limits how many look-ups of one host name run at the same time. Clones share the limit.
#[derive(Clone, Debug)]
pub struct Lookups(Arc<Semaphore>);

/// Permission for one look-up. Dropping this value allows another look-up.
#[derive(Debug)]
pub struct Lookup(#[expect(dead_code, reason = "it is held, not read")] OwnedSemaphorePermit);

/// Maximum number of look-ups of one host name at the same time. With a working resolver, fewer look-ups run at the
/// same time, so they do not wait for each other. The process has far more threads than this number, so blocked
/// look-ups cannot use up the threads.
const LOOKUPS: usize = 8;

impl Default for Lookups {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LOOKUPS)))
    }
}

impl Lookups {
    /// Waits until a look-up is allowed.
    ///
    /// # Errors
    ///
    /// Fails when the semaphore is closed, which never happens.
    pub async fn take(&self) -> Result<Lookup, AcquireError> {
        Arc::clone(&self.0).acquire_owned().await.map(Lookup)
    }
}

/// A parsed base URL (RFC 3986 section 3): `http` or `https`, without user, query or fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    pub tls: bool,
    /// Lower-case DNS name or IP address; an IPv6 address without brackets.
    pub host: String,
    pub port: u16,
    /// Empty, or a path that starts with a slash and does not end with one.
    pub path: String,
}

impl Base {
    /// Parses a base URL.
    ///
    /// # Errors
    ///
    /// Fails with the reason when the text is not a valid base URL.
    pub fn parse(text: &str) -> Result<Self, BaseError> {
        let refuse = |reason| BaseError { text: text.into(), reason };
        let uri: hyper::Uri = text.parse().map_err(|_no_uri| refuse("it is not a URL"))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(refuse("the scheme must be http or https")),
        };
        let authority = uri.authority().ok_or_else(|| refuse("a host is missing"))?;
        if authority.as_str().contains('@') {
            return Err(refuse("user names and passwords belong in a secret"));
        }
        if text.contains(['?', '#']) {
            return Err(refuse("a base URL must not have a query or fragment"));
        }
        let host =
            host_of(authority.host()).ok_or_else(|| refuse("the host is not a name or address"))?;
        let port = port_of(authority.as_str(), tls)
            .ok_or_else(|| refuse("the port must be from 1 to 65535"))?;
        let path = uri.path().strip_suffix('/').unwrap_or(uri.path());
        if path.split('/').skip(1).any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(refuse("the path has empty or dot segments"));
        }
        Ok(Self { tls, host, port, path: path.into() })
    }

    /// The address of a host that is an IP address or `localhost` (RFC 6761 section 6.3); `None` for names that must be
    /// looked up.
    pub fn address(&self) -> Option<IpAddr> {
        let is_local = self.host == "localhost" || self.host.ends_with(".localhost");
        let local = is_local.then_some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        self.host.parse().ok().or(local)
    }

    /// The path below this base URL of an absolute URL or an absolute path; `None` for other places, and for places with
    /// a query or fragment.
    pub fn path_below(&self, place: &str) -> Option<String> {
        if place.contains(['?', '#', '\\']) {
            return None;
        }
        let path = if place.starts_with('/') && !place.starts_with("//") {
            place.to_owned()
        } else {
            let uri: hyper::Uri = place.parse().ok()?;
            let root =
                Self::parse(&format!("{}://{}", uri.scheme_str()?, uri.authority()?)).ok()?;
            let same = (root.tls, &root.host, root.port) == (self.tls, &self.host, self.port);
            same.then(|| uri.path().to_owned())?
        };
        path.strip_prefix(&self.path).filter(|rest| rest.starts_with('/')).map(str::to_owned)
    }

    /// The value of the `Host` header (RFC 9110 section 7.2).
    pub fn authority(&self) -> String {
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let default = if self.tls { 443 } else { 80 };
        if self.port == default { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

/// Why a text is not a base URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a base URL: {reason}; write `https://host/path`")]
pub struct BaseError {
    text: String,
    reason: &'static str,
}

/// The TLS configuration of one upstream. The configuration trusts only the roots in the PEM file, or Mozilla's roots
/// if there is no file.
///
/// TLS 1.2 and 1.3 are used with ring's default cipher suites, without client certificates and without early data.
/// Sessions are not resumed, so the upstream's certificate is checked for every exchange.
///
/// # Errors
///
/// Fails when the file is not PEM, has no certificate or has an invalid certificate.
pub fn tls_config(roots_pem: Option<&[u8]>) -> Result<Arc<rustls::ClientConfig>, TlsError> {
    tls_config_as(roots_pem, None)
}

/// Like [`tls_config`], but presents this certificate to a server that asks for one.
///
/// # Errors
///
/// Fails as [`tls_config`] does.
pub fn tls_config_as(
    roots_pem: Option<&[u8]>,
    client: Option<&Arc<ClientCertificate>>,
) -> Result<Arc<rustls::ClientConfig>, TlsError> {
    let mut roots = rustls::RootCertStore::empty();
    match roots_pem {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                roots.add(certificate.map_err(|error| TlsError::Pem(error.to_string()))?)?;
            }
        }
    }
    if roots.is_empty() {
        return Err(TlsError::Empty);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let mut config = match client.cloned() {
        Some(client) => builder.with_client_cert_resolver(client),
        None => builder.with_no_client_auth(),
    };
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// Why TLS roots are not usable.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error(
        "the TLS roots are not valid PEM certificates: {0}; provide the CA certificate in PEM format"
    )]
    Pem(String),
    #[error("the TLS roots contain no certificate; provide the CA certificate in PEM format")]
    Empty,
    #[error("the TLS roots contain a certificate that cannot be a root: {0}")]
    Certificate(#[from] rustls::Error),
}

fn host_of(host: &str) -> Option<String> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let known = ServerName::try_from(bare).is_ok();
    (known && !bare.ends_with('.')).then(|| bare.to_ascii_lowercase())
}

/// The port in the URL, or the default port of the scheme. The text of the port is parsed here, because
/// `Authority::port` returns `None` both for a missing port and for a port that is out of range.
fn port_of(authority: &str, tls: bool) -> Option<u16> {
    let after_host = authority.rsplit_once(']').map_or(authority, |(_, rest)| rest);
    match after_host.rsplit_once(':') {
        None => Some(if tls { 443 } else { 80 }),
        Some((_, digits)) => digits.parse().ok().filter(|port| *port != 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_come_apart() {
        let base = Base::parse("https://IDP.example.com/scim/v2/").unwrap();
        assert_eq!(
            base,
            Base { tls: true, host: "idp.example.com".into(), port: 443, path: "/scim/v2".into() }
        );
        assert_eq!(base.authority(), "idp.example.com");
        let six = Base::parse("http://[::1]:8080").unwrap();
        assert_eq!((six.host.as_str(), six.port, six.path.as_str()), ("::1", 8080, ""));
        assert_eq!(six.to_string(), "http://[::1]:8080");
    }

    #[test]
    fn what_could_mislead_is_refused() {
        let bad = [
            "ftp://h",
            "h",
            "/path",
            "http://",
            "https://u:p@h/",
            "https://h/?q=1",
            "https://h/#f",
            "https://h/a/../b",
            "https://h//a",
            "https://h:0",
            "https://h:99999",
            "https://h_/ ",
            "https://h./",
            "",
        ];
        for text in bad {
            assert!(Base::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_written_out_is_an_address_and_other_names_are_none() {
        for (url, address) in [
            ("http://127.0.0.1:8080", Some("127.0.0.1")),
            ("http://[::ffff:10.0.0.1]", Some("::ffff:10.0.0.1")),
            ("https://LOCALHOST/x", Some("127.0.0.1")),
            ("https://idp.localhost", Some("127.0.0.1")),
            ("https://localhost.example.com", None),
            ("https://idp.example.com", None),
        ] {
            let address = address.map(|text| text.parse().unwrap());
            assert_eq!(Base::parse(url).unwrap().address(), address, "{url}");
        }
    }

    #[test]
    fn roots_are_read_or_refused() {
        assert!(tls_config(None).is_ok());
        assert!(matches!(tls_config(Some(b"")), Err(TlsError::Empty)));
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(tls_config(Some(broken)).is_err());
    }
}
