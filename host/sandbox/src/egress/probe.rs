//! Tries a credential of an upstream for the operator, with one request that only reads. The steps are those of a
//! guest's request: the addresses and certificates are checked, the credential is obtained and sent in the same way.
//!
//! Nothing is recorded, and nothing of the answer but its status is returned. The host offers this to no caller: it
//! would go around policy.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use deed_record::action::Slot;
use deed_record::action::id::ActionId;
use deed_record::action::private::Prepared;
use deed_record::exchange::codec::Incoming;
use deed_record::exchange::{Exchange, Fate, Rendered};
use deed_spec::digest::Digest;
use deed_system::clock::Clock;
use rustls::pki_types::CertificateDer;

use super::prove::Proving;
use super::{Halt, Job, Response, connect, refused};
use crate::credentials::Memory;
use crate::exchange_log::{ExchangeLog, Known};
use crate::grant::is_read;
use crate::redact::Redactor;
use crate::upstream::client_certificate::expiry::not_after_ms;
use crate::upstream::{Credential, Upstream};

/// What is tried.
#[derive(Debug)]
pub struct Probe<'p> {
    pub upstream: &'p Upstream,
    /// The request, which must be a GET or HEAD.
    pub request: Rendered,
    /// Whether the credential for writes is sent. The request only reads all the same.
    pub with_write: bool,
    /// The person for whom a token is obtained, if there is one for each person.
    pub person: &'p str,
    /// The memory of the tenant, for redaction.
    pub memory: &'p Arc<Memory>,
}

/// What the host learned. Steps after a failed one have no result.
#[derive(Debug, Default)]
pub struct Probed {
    /// The addresses to which the host name of the upstream, or of its proxy, resolves.
    pub addresses: Vec<SocketAddr>,
    /// Whether the values of the credential are known; also if there is no credential.
    pub is_proved: bool,
    /// When the token that was sent expires, in Unix milliseconds.
    pub token_expires_ms: Option<i64>,
    /// The address that accepted the connection.
    pub connected: Option<SocketAddr>,
    /// The certificate of the upstream, which was checked.
    pub certificate: Option<Certificate>,
    pub status: Option<u16>,
    /// Why there is no answer, or why the upstream refused a signature. The text has no secret and no control character.
    pub problem: Option<String>,
    pub took: Duration,
}

/// A certificate that an upstream presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of the certificate in DER form.
    pub digest: Digest,
    /// Unix milliseconds.
    pub not_after_ms: Option<i64>,
}

/// Sends the request once, or twice if the upstream refuses a token, as in an observation.
pub async fn probe(asked: Probe<'_>) -> Probed {
    let (began, mut seen) = (Instant::now(), Probed::default());
    if !is_read(&asked.request) {
        seen.problem = Some("the request is not a GET or HEAD without a body".to_owned());
        return seen;
    }
    let job = job(asked);
    let ended = match tokio::time::timeout(job.upstream.timeout, job.look(&mut seen)).await {
        Ok(ended) => ended,
        Err(_) => job.answered_in_time().ok_or_else(|| job.late()),
    };
    if let Err(halt) = ended {
        drop(job.fail(halt));
    }
    seen.took = began.elapsed();
    seen.token_expires_ms = job.credential().and_then(|one| one.source.expires_ms());
    let exchange = job.entry.exchange();
    seen.status = exchange.as_ref().and_then(status);
    seen.problem = exchange.and_then(problem);
    seen
}

/// The exchange, which has no journal, so it cannot write.
fn job(asked: Probe<'_>) -> Job {
    let Probe { upstream, mut request, with_write, person, memory } = asked;
    let all = BTreeMap::from([(upstream.name.clone(), Arc::new(upstream.clone()))]);
    let credentials = crate::credentials_of(&all);
    let known = credentials.iter().flat_map(Credential::secrets);
    let known: Vec<_> = known.chain(crate::logins_of(&all)).collect();
    let read = if with_write { upstream.write.clone() } else { upstream.read.clone() };
    // The body is needed only for the reason why a signature was refused.
    let is_signed = read.as_ref().is_some_and(|one| matches!(one.slot, Slot::Sigv4 { .. }));
    request.codec.response = if is_signed { Incoming::Xml } else { Incoming::None };
    let exchanges = ExchangeLog::new(Clock::new());
    Job {
        entry: exchanges.open(request.clone(), Known::default(), upstream.timeout),
        request: Prepared::plain(request),
        known: Known::default(),
        until_ms: None,
        has_place: false,
        declared: AtomicBool::new(false),
        head: OnceLock::new(),
        // A run without a journal sends the credential for reads.
        upstream: Arc::new(Upstream { read, ..upstream.clone() }),
        keep: None,
        redactor: Arc::new(Redactor::of(memory, known.iter())),
        person: person.into(),
        access: None,
        credentials,
        // A request that only reads creates no secret, so nothing is stored under this id.
        action: ActionId::new(0, [0; 10]),
        slots: Arc::default(),
        proving: Proving::default(),
    }
}

impl Job {
    async fn look(&self, seen: &mut Probed) -> Result<Response, Halt> {
        let pinned = connect::resolve(&self.upstream).await.map_err(|error| refused(&error))?;
        seen.addresses = pinned.addresses().to_vec();
        let proof = self.prove().await?;
        seen.is_proved = true;
        let reached =
            connect::reach(&self.upstream, pinned).await.map_err(|error| refused(&error))?;
        seen.connected = Some(reached.address);
        seen.certificate = reached.certificate.as_ref().map(certificate);
        let received = self.answer(reached.stream, proof.as_ref()).await?;
        self.finish(received).await
    }
}

fn certificate(der: &CertificateDer<'_>) -> Certificate {
    Certificate { digest: Digest::of(der), not_after_ms: not_after_ms(der) }
}

fn status(exchange: &Exchange) -> Option<u16> {
    match exchange.fate {
        Fate::Answered { status } => Some(status),
        Fate::NotSent | Fate::NoAnswer => None,
    }
}

/// A problem with the body of an answer does not matter here, because only the status counts.
fn problem(exchange: Exchange) -> Option<String> {
    match exchange.fate {
        Fate::Answered { .. } => exchange.refused_credential().map(str::to_owned),
        Fate::NotSent | Fate::NoAnswer => exchange.problem,
    }
}

#[cfg(test)]
mod tests;
