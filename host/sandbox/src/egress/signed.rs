//! Requests that are signed instead of having a secret in a header, and answers that refuse the signature or the client
//! certificate.

use std::sync::Arc;

use deed_record::exchange::CREDENTIAL_REFUSED;
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::AUTHORIZATION;

use super::super::codec::EncodeError;
use super::super::exchange_log::Answer;
use super::super::limits;
use super::super::redact::Redactor;
use super::Job;
use super::answer::Arrived;
use crate::credentials::sigv4::Signer;
use crate::credentials::{Proof, Secret, clocks};
use crate::upstream::client_certificate::refusal;

/// Signs a request whose credential has the slot `sigv4`. No part of the request may change afterwards. The redactor of
/// the run learns the signature, because whoever has it can repeat the request for some minutes.
pub(super) fn sign(
    request: &mut Request<Full<Bytes>>,
    proof: Option<&Proof>,
    now_ms: i64,
    redactor: &Redactor,
) -> Result<(), EncodeError> {
    let Some(proof) = proof else { return Ok(()) };
    let Some(signer) = Signer::of(&proof.slot, proof.value.reveal()) else { return Ok(()) };
    signer.sign(request, now_ms).map_err(EncodeError::Sign)?;
    let signature = signature(request, proof.value.name());
    redactor.learn(signature.iter());
    Ok(())
}

/// The signature in the header `Authorization`.
fn signature(request: &Request<Full<Bytes>>, name: &str) -> Option<Arc<Secret>> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (_, signature) = header.rsplit_once("Signature=")?;
    Secret::new(name, signature.as_bytes()).ok().map(Arc::new)
}

impl Job {
    /// Says in the problem of an answer why the upstream refused the signature or the client certificate, if the answer
    /// has a known error code or is a known page.
    pub(super) fn explain(&self, answer: Answer, arrived: &Arrived<'_>) -> Answer {
        if !(400..500).contains(&arrived.status) {
            return answer;
        }
        let client = self.upstream.client_certificate.as_deref();
        let page = || refusal::of_answer(client, arrived.status, &arrived.bytes);
        let of_signature = self.of_signature(arrived);
        let is_of_signature = of_signature.is_some();
        let why = of_signature.or_else(page);
        // The name of a permission in the text is an excerpt of the answer, so it could be a part of a secret.
        let holds_secret = || self.redactor.finds(&String::from_utf8_lossy(&arrived.bytes));
        match why.filter(|_| !holds_secret()) {
            Some(why) => {
                let why = self.redactor.text(&format!("{CREDENTIAL_REFUSED}{why}"), limits::TEXT);
                if is_of_signature {
                    self.note_refusal(&why);
                }
                Answer { problem: Some(why), ..answer }
            }
            None => answer,
        }
    }

    /// Notes for operators why a signature was refused.
    fn note_refusal(&self, why: &str) {
        let history = self.credential().and_then(|credential| credential.source.history(None));
        if let Some(history) = history {
            history.failed(format!("upstream `{}`: {why}", self.upstream.name));
        }
    }

    fn of_signature(&self, arrived: &Arrived<'_>) -> Option<String> {
        let credential = self.credential()?;
        // An explanation names the credential and needs no secret.
        let signer = Signer::of(&credential.slot, "")?;
        let clocks = clocks::difference(arrived.headers, self.entry.latest_ms());
        signer.refusal(credential.source.name(), &arrived.bytes, clocks)
    }
}

#[cfg(test)]
mod tests;
