//! The credential of an exchange: its values are obtained before an intent is declared and before the connection is
//! opened, and the redactor knows them before they are sent.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::header::HeaderMap;

use super::answer::Arrived;
use super::connect::Stream;
use super::{Halt, Job, Response, connect, refused};
use crate::credentials::Proof;
use crate::grant::is_read;
use crate::upstream::Credential;

/// The status with which an upstream refuses a token (RFC 6750 section 3.1).
const UNAUTHORIZED: u16 = 401;

/// Whether an upstream refused a token that the host obtained.
pub(super) fn is_refused(status: u16, proof: &Proof) -> bool {
    status == UNAUTHORIZED && proof.minted.is_some()
}

/// A complete answer, before it is decompressed.
#[derive(Clone)]
pub(super) struct Received {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Vec<u8>,
}

/// How far an exchange is with its credential.
#[derive(Default)]
pub(super) struct Proving {
    /// Whether the values of the credential are being obtained.
    is_busy: AtomicBool,
    /// The answer that refused a token.
    refusal: OnceLock<Received>,
    /// Whether the request is being sent once more after that answer.
    is_sent_again: AtomicBool,
}

impl Proving {
    pub(super) fn is_busy(&self) -> bool {
        self.is_busy.load(Ordering::SeqCst)
    }
}

impl Job {
    /// Obtains the values of the credential for this exchange.
    pub(super) async fn prove(&self) -> Result<Option<Proof>, Halt> {
        let Some(credential) = self.credential() else { return Ok(None) };
        self.proving.is_busy.store(true, Ordering::SeqCst);
        let proof = credential.prove(&self.person, self.access.as_ref()).await;
        self.proving.is_busy.store(false, Ordering::SeqCst);
        let proof = proof.map_err(|error| Halt::NotSent(error.to_string()))?;
        self.redactor.share(proof.values());
        Ok(Some(proof))
    }

    /// Notes for operators whether the upstream accepted the credential. Other statuses than these depend on more than
    /// the credential.
    pub(super) fn note_standing(&self, status: u16, proof: Option<&Proof>) {
        let (Some(credential), Some(proof)) = (self.credential(), proof) else { return };
        let Some(history) = credential.source.history(proof.minted.as_ref()) else { return };
        match status {
            200..300 => history.accepted(),
            UNAUTHORIZED => history.failed(format!(
                "upstream `{}` answered 401 to a request with `{}`",
                self.upstream.name,
                credential.source.name()
            )),
            _ => {}
        }
    }

    /// Sends the request and reads its complete answer. A read whose token the upstream refused is sent once more.
    pub(super) async fn answer(
        &self,
        stream: Box<dyn Stream>,
        proof: Option<&Proof>,
    ) -> Result<Received, Halt> {
        let first = self.over(stream, proof).await?;
        Ok(match proof.filter(|proof| is_refused(first.status, proof)) {
            None => first,
            Some(proof) => {
                let first = self.proving.refusal.get_or_init(|| first);
                self.again(proof).await?.unwrap_or_else(|| first.clone())
            }
        })
    }

    /// The answer that counts although the time has run out: one whose head has arrived, if the codec ignores the body;
    /// or one that refused a token, if the request was not yet sent once more.
    pub(super) fn answered_in_time(&self) -> Option<Response> {
        if let Some((status, headers)) = self.head.get() {
            let (status, bytes) = (*status, Vec::new());
            return Some(self.conclude(&Arrived { status, headers, bytes, packed: None }));
        }
        let is_sent_again = self.proving.is_sent_again.load(Ordering::SeqCst);
        let first = self.proving.refusal.get().filter(|_| !is_sent_again)?;
        let arrived = self.unpacked(first.status, &first.headers, first.bytes.clone()).ok()?;
        Some(self.conclude(&arrived))
    }

    /// Discards a token that the upstream refused. A GET or HEAD request is sent once more with a fresh token, within
    /// the same time limit. A request with another method is not, also if it only reads, because only the upstream
    /// knows what it did. `None` means that the first answer stands.
    async fn again(&self, refused_one: &Proof) -> Result<Option<Received>, Halt> {
        let Some(token) = &refused_one.minted else { return Ok(None) };
        let may_change = token.discard(&refused_one.value);
        if !may_change || !is_read(&self.request.public) {
            return Ok(None);
        }
        match self.once_more().await {
            Ok(received) => Ok(Some(received)),
            Err(Halt::Refused(why) | Halt::NotSent(why)) => {
                let upstream = &self.upstream.name;
                tracing::warn!(%upstream, %why, "a read was refused with 401 and could not be sent again");
                Ok(None)
            }
            Err(halt) => Err(halt),
        }
    }

    async fn once_more(&self) -> Result<Received, Halt> {
        let pinned = connect::resolve(&self.upstream).await.map_err(|error| refused(&error))?;
        let proof = self.prove().await?;
        let stream =
            connect::connect(&self.upstream, pinned).await.map_err(|error| refused(&error))?;
        self.proving.is_sent_again.store(true, Ordering::SeqCst);
        self.over(stream, proof.as_ref()).await
    }

    /// Tells the redactor the values of secrets that were replaced during the run. It knows tokens already.
    pub(super) fn learn_in_force(&self) {
        for credential in self.credentials.iter() {
            self.redactor.learn(credential.secrets().iter());
        }
    }

    /// The name of the secret or token of this exchange.
    pub(super) fn credential_name(&self) -> &str {
        self.credential().map_or("", |credential| credential.source.name())
    }

    /// Returns the write credential in an attempt, and the read credential in any other run. Only an attempt has a
    /// journal.
    pub(super) fn credential(&self) -> Option<&Credential> {
        let performing = self.keep.is_some();
        if performing { self.upstream.write.as_ref() } else { self.upstream.read.as_ref() }
    }
}

#[cfg(test)]
mod tests;
