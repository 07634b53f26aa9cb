//! The canonical form of a request, of which AWS Signature Version 4 signs the digest.

use std::collections::BTreeMap;

use hyper::Request;
use hyper::header::HeaderMap;

use super::SignError;

/// The service whose paths are not encoded a second time.
const S3: &str = "s3";

/// The parts of a request that are signed, as they are sent.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) service: &'a str,
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    /// The values of the signed headers, by lower-case name.
    pub(super) headers: BTreeMap<String, String>,
}

impl<'a> Parts<'a> {
    pub(super) fn of<T>(request: &'a Request<T>, service: &'a str) -> Result<Self, SignError> {
        Ok(Self {
            service,
            method: request.method().as_str(),
            path: request.uri().path(),
            query: request.uri().query().unwrap_or_default(),
            headers: signed(request.headers())?,
        })
    }

    /// The names of the signed headers.
    pub(super) fn names(&self) -> String {
        self.headers.keys().map(String::as_str).collect::<Vec<_>>().join(";")
    }

    /// The canonical request. `digest` is the hex SHA-256 of the body.
    pub(super) fn canonical(&self, digest: &str) -> Result<String, SignError> {
        let (path, query) = (self.path()?, query(self.query)?);
        let headers = self.headers.iter().map(|(name, value)| format!("{name}:{value}\n"));
        let (headers, names) = (headers.collect::<String>(), self.names());
        Ok(format!("{}\n{path}\n{query}\n{headers}\n{names}\n{digest}", self.method))
    }

    /// The path. Every service except S3 expects that a path that is already encoded is encoded again.
    fn path(&self) -> Result<String, SignError> {
        let segment = |segment: &str| match self.service {
            S3 => decode(segment).map(|bytes| encode(&bytes)),
            _ => Ok(encode(segment.as_bytes())),
        };
        let segments: Result<Vec<String>, SignError> = self.path.split('/').map(segment).collect();
        Ok(segments?.join("/"))
    }
}

/// The headers that are signed: AWS requires `host`, `content-type` and every `x-amz-*`.
fn signed(headers: &HeaderMap) -> Result<BTreeMap<String, String>, SignError> {
    let is_signed =
        |name: &str| matches!(name, "host" | "content-type") || name.starts_with("x-amz-");
    let mut found = BTreeMap::new();
    for name in headers.keys().filter(|name| is_signed(name.as_str())) {
        let values = headers.get_all(name).iter().map(|value| value.to_str().map(collapsed));
        let values: Result<Vec<String>, _> = values.collect();
        let values = values.map_err(|_refused| SignError::Header(name.as_str().to_owned()))?;
        found.insert(name.as_str().to_owned(), values.join(","));
    }
    Ok(found)
}

/// A header value without spaces at its ends and with single spaces inside.
pub(super) fn collapsed(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// The pairs of a query, each in its only encoding, sorted. A `+` is refused: some servers read it as a space, so the
/// query that is signed and the query that is read could differ.
fn query(text: &str) -> Result<String, SignError> {
    if text.contains('+') {
        return Err(SignError::Plus);
    }
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((encode(&decode(name)?), encode(&decode(value)?)))
    });
    let mut pairs = pairs.collect::<Result<Vec<_>, SignError>>()?;
    pairs.sort();
    let written = pairs.iter().map(|(name, value)| format!("{name}={value}"));
    Ok(written.collect::<Vec<_>>().join("&"))
}

/// The bytes that a percent-encoded text stands for.
fn decode(text: &str) -> Result<Vec<u8>, SignError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let octet = match byte {
            b'%' => octet(bytes.next(), bytes.next()).ok_or(SignError::Percent)?,
            other => other,
        };
        decoded.push(octet);
    }
    Ok(decoded)
}

fn octet(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high?)? * 16 + digit(low?)?).ok()
}

/// Encodes every byte except the unreserved characters of RFC 3986 section 2.3.
fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            text.push('%');
            text.push_str(&data_encoding::HEXUPPER.encode(&[*byte]));
        }
    }
    text
}
