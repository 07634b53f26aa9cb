//! Encoding of a rendered request into HTTP bytes, and decoding of a response body into a JSON value.
//!
//! The codec does not follow redirects. An answer with an unexpected content type or an undecodable body is recorded
//! with a problem.

pub(super) mod gzip;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_record::action::Slot;
use deed_record::contract::template::headers::is_never;
use deed_record::exchange::codec::kind::{Accepted, is_kind};
use deed_record::exchange::codec::{DecodeError, Received};
use deed_record::exchange::{Guard, Rendered};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST,
    HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH, USER_AGENT,
};
use hyper::{Method, Request};
use serde_json::Value;
use zeroize::Zeroizing;

use super::limits;
use crate::credentials::sigv4::SignError;
use crate::credentials::{Proof, Secret};
use crate::upstream::Base;

/// The byte order mark U+FEFF in UTF-8 (RFC 8259 section 8.1).
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Encodes the host's rendering of a request as HTTP/1.1, with the credential in its slot. Fails when the body cannot
/// be encoded, or HTTP does not allow the method, path, host or credential.
pub(super) fn encode(
    request: &Rendered,
    base: &Base,
    proof: Option<&Proof>,
) -> Result<Request<Full<Bytes>>, EncodeError> {
    let body = match &request.body {
        Some(value) => request.codec.encode(value, &request.numbers).map_err(EncodeError::Body)?,
        None => Vec::new(),
    };
    let method =
        Method::from_bytes(request.method.as_bytes()).map_err(|_unfit| EncodeError::Target)?;
    // `Content-Length: 0` is set here because hyper omits it for an empty body, and some servers then answer 411.
    let empty = body.is_empty() && (request.body.is_some() || expects_content(&method));
    let mut built = Request::builder()
        .method(method)
        .uri(format!("{}{}", base.path, request.path))
        .body(Full::new(Bytes::from(body)))
        .map_err(|_unfit| EncodeError::Target)?;
    let headers = built.headers_mut();
    let host = HeaderValue::from_str(&base.authority()).map_err(|_unfit| EncodeError::Target)?;
    headers.insert(HOST, host);
    headers.insert(ACCEPT, HeaderValue::from_static(request.codec.accept()));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.insert(USER_AGENT, HeaderValue::from_static(deed_system::USER_AGENT));
    if request.body.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(request.codec.content_type()));
    }
    add(headers, &request.headers)?;
    if empty {
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    if let Some(proof) = proof {
        inject(headers, proof)?;
    }
    Ok(built)
}

/// Adds the headers of the contract or of the operator. These headers may replace `Accept` and `Content-Type`. They
/// must not replace a header that frames, guards or authorises the request, or a header that was added before. Fails
/// for a header that a checked configuration or contract cannot contain.
pub(super) fn add(
    headers: &mut HeaderMap,
    more: &BTreeMap<String, String>,
) -> Result<(), EncodeError> {
    for (name, text) in more {
        let unfit = || EncodeError::Header(name.clone());
        let taken =
            headers.contains_key(name) && !matches!(name.as_str(), "accept" | "content-type");
        if is_never(name) || taken {
            return Err(unfit());
        }
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_refused| unfit())?;
        headers.insert(name, HeaderValue::from_str(text).map_err(|_refused| unfit())?);
    }
    Ok(())
}

/// Adds the precondition of a guarded write: the entity tag that the resource must have, or that nothing exists there.
/// Fails for a tag that HTTP does not allow.
pub(super) fn condition(
    headers: &mut HeaderMap,
    guard: Option<Guard>,
    if_match: Option<&str>,
) -> Result<(), EncodeError> {
    if let Some(tag) = if_match {
        let tag = HeaderValue::from_str(tag).map_err(|_unfit| EncodeError::Target)?;
        headers.insert(IF_MATCH, tag);
    }
    if guard == Some(Guard::Absent) {
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
    }
    Ok(())
}

/// Methods whose requests state their length even when the body is empty (RFC 9110 section 8.6).
fn expects_content(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// Why a rendered request cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum EncodeError {
    #[error("the rendered request has a method, path or host that HTTP does not allow")]
    Target,
    #[error("the body of the request cannot be encoded: {0}")]
    Body(String),
    #[error("header `{0}` cannot be sent: the host sets it, or HTTP does not allow its value")]
    Header(String),
    #[error(
        "credential `{0}` cannot be sent, because HTTP does not allow the name or the value of its header"
    )]
    Slot(String),
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// Reads a body to its end, at most [`limits::RESPONSE`] bytes. Fails when the body is larger or the connection breaks.
pub(super) async fn collect(mut body: Incoming) -> Result<Vec<u8>, CollectError> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        // Trailers are not part of the body and are dropped.
        let Ok(data) = frame?.into_data() else { continue };
        if bytes.len() + data.len() > limits::RESPONSE {
            return Err(CollectError::TooLarge);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// Reads and drops a body that no codec decodes, at most [`limits::RESPONSE`] bytes. An error while reading the body is
/// ignored, because the status is known already.
pub(super) async fn drain(mut body: Incoming) {
    let mut bytes = 0_usize;
    while let Some(Ok(frame)) = body.frame().await {
        bytes = bytes.saturating_add(frame.data_ref().map_or(0, Bytes::len));
        if bytes > limits::RESPONSE {
            return;
        }
    }
}

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum CollectError {
    #[error("the answer is larger than 1 MiB")]
    TooLarge,
    #[error(transparent)]
    Broken(#[from] hyper::Error),
}

/// Why an answer is not usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unusable {
    pub(super) why: String,
    /// Whether `why` may quote the body of the answer.
    pub(super) quotes: bool,
}

impl Unusable {
    /// Creates a reason that quotes headers of the answer only, not its body.
    pub(super) fn by_head(why: impl Into<String>) -> Self {
        Self { why: why.into(), quotes: false }
    }
}

/// Decodes the exposed part of a response body with the rule's codec, and returns `None` for an empty body. Fails when
/// the codec does not accept the content type or the bytes.
pub(super) fn decode(
    rule: &Rendered,
    accepted: &Accepted,
    headers: &HeaderMap,
    bytes: &[u8],
) -> Result<Option<Value>, Unusable> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(kind), None) = (types.next(), types.next()) else {
        let why = "the answer has a body but not exactly one content type";
        return Err(Unusable::by_head(why));
    };
    let kind = kind.to_str().unwrap_or_default();
    let expose = rule.expose.as_deref();
    let received = Received { kind, bytes, accepted: Some(accepted), expose };
    rule.codec.decode(&received).map(Some).map_err(|error| unusable(&error, kind, bytes))
}

fn unusable(error: &DecodeError, kind: &str, bytes: &[u8]) -> Unusable {
    let says = || format!("{error}: it says `{}`", super::redact::plain(kind, 80));
    match error {
        DecodeError::Body(_) if bytes.starts_with(BYTE_ORDER_MARK) => Unusable::by_head(
            "the answer begins with a byte order mark (U+FEFF), which the host does not accept",
        ),
        DecodeError::Kind(_) => {
            let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            let remedy = if is_kind(&essence) {
                format!(
                    "; if the answer is in that encoding, add `{essence}` to `content_types` in its table in deed.toml"
                )
            } else {
                String::new()
            };
            Unusable::by_head(format!("{}{remedy}", says()))
        }
        DecodeError::Charset => Unusable::by_head(says()),
        DecodeError::Deep => Unusable::by_head(error.to_string()),
        DecodeError::Body(why) => {
            Unusable { why: super::redact::plain(why, limits::TEXT), quotes: true }
        }
    }
}

fn inject(headers: &mut HeaderMap, proof: &Proof) -> Result<(), EncodeError> {
    let unfit = || EncodeError::Slot(proof.value.name().into());
    let secret = proof.value.reveal();
    let own = match &proof.slot {
        Slot::Bearer => Some((AUTHORIZATION, Zeroizing::new(format!("Bearer {secret}")))),
        Slot::Basic { user } => {
            let pair = Zeroizing::new(format!("{user}:{secret}"));
            let text = format!("Basic {}", STANDARD.encode(pair.as_bytes()));
            Some((AUTHORIZATION, Zeroizing::new(text)))
        }
        Slot::Header { name } => {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_refused| unfit())?;
            Some((name, Zeroizing::new(secret.to_owned())))
        }
        // The signature covers all headers, so the request is signed last.
        Slot::Sigv4 { .. } => None,
    };
    if let Some((name, text)) = own {
        place(headers, name, &text, &proof.value)?;
    }
    for (name, value) in &proof.headers {
        place(headers, name.clone(), value.reveal(), value)?;
    }
    Ok(())
}

/// Sets one header with a secret. A credential must not replace a header that frames the request or makes it
/// conditional, or another credential.
fn place(
    headers: &mut HeaderMap,
    name: HeaderName,
    text: &str,
    secret: &Secret,
) -> Result<(), EncodeError> {
    let unfit = || EncodeError::Slot(secret.name().into());
    if headers.contains_key(&name) || is_framing(&name) {
        return Err(unfit());
    }
    let mut value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_refused| unfit())?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

fn is_framing(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "content-length"
            | "transfer-encoding"
            | "te"
            | "trailer"
            | "upgrade"
            | "expect"
            | "if-match"
    )
}

#[cfg(test)]
mod tests;
