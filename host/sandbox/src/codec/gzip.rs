//! Unpacks an answer that is compressed with gzip, if the operator allows it for the upstream.
//!
//! The size limit of an answer applies both to the bytes that are received and to the decompressed bytes.

use std::io::{self, Read as _};

use flate2::bufread::GzDecoder;
use hyper::header::{CONTENT_ENCODING, HeaderMap, HeaderValue};

use crate::limits;

/// Why the bytes of an answer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GzipError {
    #[error("the answer is larger than 1 MiB after decompression")]
    TooLarge,
    #[error(
        "the answer is compressed, though the request asked for `identity`; if the upstream always compresses with \
         gzip, write `gzip = true` in its table in deed.toml"
    )]
    NotAllowed,
    #[error(
        "the answer has a content encoding other than `gzip`, which the host cannot decode; configure the upstream to \
         send gzip or no compression"
    )]
    Encoding,
    #[error("the content encoding of the answer is `gzip`, but the body is not valid gzip")]
    Broken,
    #[error("the answer has bytes after the end of its gzip stream")]
    Trailing,
}

/// The decompressed body of an answer; `None` if the body is not compressed. Fails when the answer has an encoding that
/// the operator does not allow, or is not exactly one gzip stream (RFC 1952) within the limit.
pub(crate) fn content(
    allowed: bool,
    headers: &HeaderMap,
    bytes: &[u8],
) -> Result<Option<Vec<u8>>, GzipError> {
    let encodings = headers.get_all(CONTENT_ENCODING).iter().map(HeaderValue::as_bytes);
    let encodings: Vec<&[u8]> = encodings.collect();
    let is_identity = |encoding: &&[u8]| encoding.eq_ignore_ascii_case(b"identity");
    // An answer without a body, such as an answer to HEAD, has nothing to decompress, whatever its `Content-Encoding`.
    if bytes.is_empty() || encodings.iter().all(is_identity) {
        return Ok(None);
    }
    if !allowed {
        return Err(GzipError::NotAllowed);
    }
    let is_gzip = |encoding: &[u8]| {
        encoding.eq_ignore_ascii_case(b"gzip") || encoding.eq_ignore_ascii_case(b"x-gzip")
    };
    match encodings.as_slice() {
        [encoding] if is_gzip(encoding) => unpack(bytes).map(Some),
        _ => Err(GzipError::Encoding),
    }
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, GzipError> {
    let mut stream = GzDecoder::new(bytes);
    let mut content = Vec::new();
    // The stream is read up to one byte above the limit, which shows whether the content is too large. The decoder
    // itself buffers only its window of 32 KiB.
    let most = u64::try_from(limits::RESPONSE).unwrap_or(u64::MAX).saturating_add(1);
    let read: io::Result<usize> = stream.by_ref().take(most).read_to_end(&mut content);
    if content.len() > limits::RESPONSE {
        return Err(GzipError::TooLarge);
    }
    // When the decoder reaches the end of the stream, it checks the length and the checksum of the content.
    read.map_err(|_invalid| GzipError::Broken)?;
    if stream.into_inner().is_empty() { Ok(content) } else { Err(GzipError::Trailing) }
}

#[cfg(test)]
mod tests;
