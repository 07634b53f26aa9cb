//! Signatures by AWS Signature Version 4 in the header `Authorization`.
//!
//! A signature covers the method, the path, the query, the body, and the headers `host`, `content-type` and `x-amz-*`.
//! Therefore a request is signed after all of its headers are set. Other headers are not signed, because AWS does not
//! require it. The upstream accepts a signature for a few minutes only, by its own clock.

mod canonical;
mod refusal;

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use deed_record::action::Slot;
use deed_record::timeline::utc;
use deed_spec::digest::Digest;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::Full;
use hyper::Request;
use hyper::body::{Body as _, Bytes};
use hyper::header::{AUTHORIZATION, HeaderValue};
use sha2::Sha256;
use zeroize::Zeroizing;

use self::canonical::Parts;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The header with the time of the signature.
const DATE: &str = "x-amz-date";
/// The header with the SHA-256 of the body.
const CONTENT: &str = "x-amz-content-sha256";

/// An access key, and the place for which its signatures are valid.
#[derive(Clone, Copy)]
pub(crate) struct Signer<'a> {
    key_id: &'a str,
    region: &'a str,
    service: &'a str,
    /// The secret access key.
    secret: &'a str,
}

impl<'a> Signer<'a> {
    /// The signer of a credential; `None` if its slot is not `sigv4`.
    pub(crate) fn of(slot: &'a Slot, secret: &'a str) -> Option<Self> {
        match slot {
            Slot::Sigv4 { key_id, region, service } => {
                Some(Self { key_id, region, service, secret })
            }
            Slot::Bearer | Slot::Basic { .. } | Slot::Header { .. } => None,
        }
    }

    /// Adds the time, the digest of the body and the signature to a complete request. Fails if the request already has
    /// one of these headers, or cannot be signed unambiguously.
    pub(crate) fn sign(
        &self,
        request: &mut Request<Full<Bytes>>,
        now_ms: i64,
    ) -> Result<(), SignError> {
        let taken = |name: &&str| request.headers().contains_key(*name);
        if let Some(name) = ["authorization", DATE, CONTENT].into_iter().find(taken) {
            return Err(SignError::Taken(name.to_owned()));
        }
        let date = date(now_ms);
        let digest = Digest::of(&content(request.body())).hex();
        request.headers_mut().insert(DATE, visible(DATE, &date)?);
        request.headers_mut().insert(CONTENT, visible(CONTENT, &digest)?);
        let parts = Parts::of(request, self.service)?;
        let text = self.authorization(&parts, &date, &digest)?;
        let mut value = visible("authorization", &text)?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
        Ok(())
    }

    /// The value of `Authorization` for a request at this time, with this digest of its body.
    fn authorization(
        &self,
        parts: &Parts<'_>,
        date: &str,
        digest: &str,
    ) -> Result<String, SignError> {
        let day = date.get(..8).unwrap_or_default();
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let request = Digest::of(parts.canonical(digest)?.as_bytes()).hex();
        let signature = self
            .signature(day, &format!("{ALGORITHM}\n{date}\n{scope}\n{request}"))
            .ok_or(SignError::Key)?;
        let (key_id, names) = (self.key_id, parts.names());
        Ok(format!(
            "{ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
        ))
    }

    /// The signature of a text, by a key that is valid for one day, region and service.
    fn signature(&self, day: &str, text: &str) -> Option<String> {
        let mut key = Zeroizing::new(format!("AWS4{}", self.secret).into_bytes());
        for part in [day, self.region, self.service, "aws4_request"] {
            key = mac(&key, part)?;
        }
        Some(data_encoding::HEXLOWER.encode(&mac(&key, text)?))
    }
}

/// Why a request cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignError {
    #[error(
        "the request cannot be signed: it already has the header `{0}`, which the signature sets; remove the header \
         from the contract or from deed.toml"
    )]
    Taken(String),
    #[error("the request cannot be signed: the value of header `{0}` is not visible ASCII")]
    Header(String),
    #[error(
        "the request cannot be signed: its query contains `+`, which servers read in two ways; write `%2B` or `%20` in \
         the contract"
    )]
    Plus,
    #[error(
        "the request cannot be signed: a `%` in its path or query is not followed by two hex digits"
    )]
    Percent,
    #[error("the request cannot be signed with this key")]
    Key,
}

/// A time as `YYYYMMDDTHHMMSSZ`.
fn date(now_ms: i64) -> String {
    let text = utc(now_ms).replace(' ', "T");
    text.chars().filter(|letter| !matches!(letter, '-' | ':')).collect()
}

/// The body of a request. A body of this type has one frame and is never pending.
fn content(body: &Full<Bytes>) -> Bytes {
    let mut body = body.clone();
    match Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        _ => Bytes::new(),
    }
}

fn visible(name: &str, text: &str) -> Result<HeaderValue, SignError> {
    HeaderValue::from_str(text).map_err(|_refused| SignError::Header(name.to_owned()))
}

/// HMAC-SHA-256. `None` never occurs: a key may have any length.
fn mac(key: &[u8], text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text.as_bytes());
    Some(Zeroizing::new(mac.finalize().into_bytes().to_vec()))
}

#[cfg(test)]
mod tests;
