//! The certificate with which the host proves its identity to an upstream in the TLS handshake.
//!
//! The files are read again when one of them changes, because such certificates are often renewed every few hours. A
//! pair that cannot be used does not replace the pair before it: the two files are rarely replaced at the same moment.

pub(crate) mod expiry;
pub(crate) mod refusal;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deed_record::timeline::utc;
use deed_system::clock::Clock;
use deed_system::files::{FileError, Files, PEM_MAX, Stamp};
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// How often the files are looked at while they are used.
const LOOK: Duration = Duration::from_secs(1);
/// Maximum number of certificates in the file: the host's own, and those of authorities up to a root.
const CHAIN_MAX: usize = 10;

/// Where the certificate and its key are, below the served directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    pub certificate: String,
    pub key: String,
}

/// A client certificate with its private key, as the files have them now.
#[derive(Debug)]
pub struct ClientCertificate {
    /// The name of the upstream, for log messages.
    upstream: String,
    paths: Paths,
    files: Files,
    clock: Clock,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    pair: Pair,
    /// The stamps of the files when they were last read; `None` if they could not be looked at.
    seen: Option<[Stamp; 2]>,
    /// Whether two readings in a row had these stamps. A change within the resolution of a file's times does not change
    /// its stamp, so the files are read once more after each change.
    is_settled: bool,
    /// What the log says last about files that cannot be used.
    warned: Option<String>,
    looked: Instant,
}

#[derive(Clone, Debug)]
struct Pair {
    key: Arc<CertifiedKey>,
    /// Unix milliseconds after which the certificate is not valid.
    not_after_ms: i64,
}

impl ClientCertificate {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// Fails when a file cannot be read, is not PEM, the certificate has expired, or the key is another certificate's.
    pub fn open(upstream: &str, files: &Files, paths: Paths) -> Result<Self, ClientError> {
        let (files, clock) = (files.again().map_err(ClientError::Certificate)?, Clock::new());
        let seen = stamps(&files, &paths).ok();
        let pair = read(&files, &paths, clock.latest_ms())?;
        let looked = Instant::now();
        let held = Held { pair, seen, is_settled: false, warned: None, looked };
        Ok(Self { upstream: upstream.to_owned(), paths, files, clock, held: Mutex::new(held) })
    }

    /// The path of the certificate.
    pub fn path(&self) -> &str {
        &self.paths.certificate
    }

    /// When the certificate expires, in Unix milliseconds.
    pub fn expires_ms(&self) -> i64 {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).pair.not_after_ms
    }

    /// The path of its private key.
    pub fn key_path(&self) -> &str {
        &self.paths.key
    }

    /// When the certificate expires, as text, and in how many days.
    pub fn expires(&self) -> (String, i64) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let left_ms = held.pair.not_after_ms.saturating_sub(self.clock.latest_ms());
        (utc(held.pair.not_after_ms), left_ms.div_euclid(DAY_MS))
    }

    /// The pair to use now. The files are looked at if the last look was long enough ago.
    fn current(&self, now: Instant) -> Arc<CertifiedKey> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(held.looked) >= LOOK {
            held.looked = now;
            let seen = stamps(&self.files, &self.paths);
            self.renew(&mut held, seen);
        }
        Arc::clone(&held.pair.key)
    }

    /// Reads the files, unless it is certain that they have not changed.
    fn renew(&self, held: &mut Held, seen: Result<[Stamp; 2], ClientError>) {
        let stamps = seen.as_ref().ok().copied();
        let is_same = stamps.is_some() && stamps == held.seen;
        if is_same && held.is_settled {
            return;
        }
        (held.seen, held.is_settled) = (stamps, is_same);
        match seen.and_then(|_| read(&self.files, &self.paths, self.clock.latest_ms())) {
            Ok(pair) => held.adopt(pair, &self.upstream),
            Err(error) => held.refuse(error.to_string(), &self.upstream),
        }
    }
}

impl Held {
    fn adopt(&mut self, pair: Pair, upstream: &str) {
        self.warned = None;
        if pair.key.cert == self.pair.key.cert {
            return;
        }
        let until = utc(pair.not_after_ms);
        tracing::info!(upstream, "a new client certificate is in use; it expires at {until}");
        self.pair = pair;
    }

    fn refuse(&mut self, why: String, upstream: &str) {
        if self.warned.as_ref() != Some(&why) {
            tracing::warn!(upstream, "the client certificate from before stays in use: {why}");
        }
        self.warned = Some(why);
    }
}

const DAY_MS: i64 = 24 * 3600 * 1000;

impl ResolvesClientCert for ClientCertificate {
    /// Returns the certificate whatever authorities the server names. A server that does not accept it refuses the
    /// handshake and says why, which is a better message than a missing certificate.
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.current(Instant::now()))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Why a client certificate is not usable. No text contains a part of the key.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("`client_certificate`: {0}")]
    Certificate(FileError),
    #[error("`client_key`: {0}")]
    Key(FileError),
    #[error(
        "`{0}` has no certificate in PEM format, or more than {CHAIN_MAX}; write the host's certificate and those of \
         the authorities below the root"
    )]
    NoCertificate(String),
    #[error("`{0}` has no private key in PEM format (PKCS#8, SEC1 or PKCS#1, not encrypted)")]
    NoKey(String),
    #[error("the certificate in `{certificate}` does not belong to the key in `{key}`; use a pair")]
    Mismatch { certificate: String, key: String },
    #[error("the certificate in `{path}` cannot be used: {source}")]
    Unfit { path: String, source: rustls::Error },
    #[error("`{0}` has a certificate without a valid date of expiry; is it an X.509 certificate?")]
    NoDate(String),
    #[error("the certificate in `{path}` expired at {at}; renew it")]
    Expired { path: String, at: String },
}

fn stamps(files: &Files, paths: &Paths) -> Result<[Stamp; 2], ClientError> {
    let certificate = files.stamp(&paths.certificate).map_err(ClientError::Certificate)?;
    Ok([certificate, files.stamp(&paths.key).map_err(ClientError::Key)?])
}

fn read(files: &Files, paths: &Paths, now_ms: i64) -> Result<Pair, ClientError> {
    let pem = files.bytes(&paths.certificate, PEM_MAX).map_err(ClientError::Certificate)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let none = || ClientError::NoCertificate(paths.certificate.clone());
    let chain = chain.map_err(|_no_pem| none())?;
    let own = chain.first().filter(|_| chain.len() <= CHAIN_MAX).ok_or_else(none)?;
    let no_date = || ClientError::NoDate(paths.certificate.clone());
    let not_after_ms = expiry::not_after_ms(own).ok_or_else(no_date)?;
    if not_after_ms < now_ms {
        let (path, at) = (paths.certificate.clone(), utc(not_after_ms));
        return Err(ClientError::Expired { path, at });
    }
    let key = files.private(&paths.key, PEM_MAX).map_err(ClientError::Key)?;
    let key = PrivateKeyDer::from_pem_slice(&key);
    let key = key.map_err(|_no_pem| ClientError::NoKey(paths.key.clone()))?;
    let key = Arc::new(paired(paths, chain, key)?);
    Ok(Pair { key, not_after_ms })
}

fn paired(
    paths: &Paths,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<CertifiedKey, ClientError> {
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(chain, key, &provider).map_err(|source| match source {
        rustls::Error::InconsistentKeys(_) => {
            ClientError::Mismatch { certificate: paths.certificate.clone(), key: paths.key.clone() }
        }
        source => ClientError::Unfit { path: paths.certificate.clone(), source },
    })
}

#[cfg(test)]
mod tests;
