//! The bytes of a request as the host would send them, for authors of contracts. The request is encoded as for an
//! upstream and written to memory; no connection is opened.

use std::sync::Arc;

use deed_record::action::Slot;
use deed_record::exchange::{Guard, Rendered};
use http_body_util::Full;
use hyper::Request;
use hyper::body::{Body as _, Bytes};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt as _;

use super::codec;
use crate::credentials::{Proof, Secret};
use crate::upstream::Base;

/// What stands in place of the credential, whose slot only the operator knows.
const CREDENTIAL: &str = "<credential of the upstream>";
/// What stands in place of an entity tag.
const TAG: &str = "<entity tag that the host read>";
/// The size of the buffer between the two ends of the connection in memory.
const BUFFER: usize = 64 * 1024;

/// Why the bytes of a request cannot be shown.
#[derive(Debug, thiserror::Error)]
#[error("the request cannot be written: {0}")]
pub struct PreviewError(String);

/// The bytes of a request to an upstream whose base URL has no path. The host name, the credential and the entity tag
/// are replaced by a description, and the headers that only the operator knows are left out: those of the upstream and
/// the idempotency key.
///
/// # Errors
///
/// Fails when the body cannot be encoded, or HTTP does not allow a part of the request.
pub async fn bytes(request: &Rendered) -> Result<Vec<u8>, PreviewError> {
    let host = format!("<host of {}>", request.upstream);
    let base = Base { tls: true, host, port: 443, path: String::new() };
    let secret = Secret::new("preview", CREDENTIAL.as_bytes()).map_err(failed)?;
    let slot = Slot::Header { name: "authorization".to_owned() };
    let proof = Proof { value: Arc::new(secret), slot, headers: Vec::new(), minted: None };
    let mut built = codec::encode(request, &base, Some(&proof)).map_err(failed)?;
    let tag = (request.guard == Some(Guard::Etag)).then_some(TAG);
    codec::condition(built.headers_mut(), request.guard, tag).map_err(failed)?;
    written(built).await
}

/// All bytes that the HTTP client writes for a request.
async fn written(request: Request<Full<Bytes>>) -> Result<Vec<u8>, PreviewError> {
    let length = usize::try_from(request.body().size_hint().lower()).map_err(failed)?;
    let (ours, mut theirs) = tokio::io::duplex(BUFFER);
    let (mut sender, connection) = http1::handshake(TokioIo::new(ours)).await.map_err(failed)?;
    let connection = tokio::spawn(connection);
    let answer = tokio::spawn(async move { sender.send_request(request).await.map(drop) });
    let mut bytes = Vec::new();
    while end_of_head(&bytes).is_none_or(|end| bytes.len() < end + length) {
        if theirs.read_buf(&mut bytes).await.map_err(failed)? == 0 {
            return Err(failed("the connection ended before the request was complete"));
        }
    }
    answer.abort();
    connection.abort();
    Ok(bytes)
}

/// The position after the empty line that ends the head of a request.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

fn failed(why: impl std::fmt::Display) -> PreviewError {
    PreviewError(why.to_string())
}

#[cfg(test)]
mod tests {
    use deed_record::exchange::codec::{Codec, Outgoing};
    use serde_json::json;

    use super::*;

    fn shown(request: &Rendered) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        String::from_utf8(runtime.block_on(bytes(request)).unwrap()).unwrap()
    }

    fn request(method: &str, path: &str) -> Rendered {
        let (upstream, method, path) = ("idp".to_owned(), method.to_owned(), path.to_owned());
        Rendered { upstream, method, path, calls: 1, ..Rendered::default() }
    }

    #[test]
    fn the_bytes_are_those_of_the_codec() {
        let agent = deed_system::USER_AGENT;
        let write = Rendered {
            body: Some(json!({"b": "0.25", "a": "é"})),
            numbers: vec!["/b".to_owned()],
            headers: [("prefer".to_owned(), "wait=5".to_owned())].into(),
            guard: Some(Guard::Etag),
            writes: true,
            ..request("PUT", "/Users/42?a=1")
        };
        let wanted = format!(
            "PUT /Users/42?a=1 HTTP/1.1\r\nhost: <host of idp>\r\naccept: application/json\r\n\
             accept-encoding: identity\r\nconnection: close\r\nuser-agent: {agent}\r\n\
             content-type: application/json\r\nprefer: wait=5\r\n\
             authorization: <credential of the upstream>\r\n\
             if-match: <entity tag that the host read>\r\ncontent-length: 19\r\n\r\n\
             {{\"a\":\"é\",\"b\":0.25}}"
        );
        assert_eq!(shown(&write), wanted);
    }

    #[test]
    fn a_request_without_a_body_and_a_form_are_shown() {
        let empty = shown(&request("POST", "/jobs"));
        assert!(empty.contains("content-length: 0\r\n") && empty.ends_with("\r\n\r\n"), "{empty}");
        let read = shown(&request("GET", "/things/{answer.create.id}"));
        assert!(read.starts_with("GET /things/{answer.create.id} HTTP/1.1\r\n"), "{read}");
        assert!(!read.contains("content-length"), "{read}");
        let form = Rendered {
            body: Some(json!({"a": {"b": "1 2"}})),
            codec: Codec { request: Outgoing::Form, ..Codec::default() },
            guard: Some(Guard::Absent),
            ..request("POST", "/charges")
        };
        let form = shown(&form);
        assert!(form.contains("if-none-match: *\r\n") && form.contains("\r\n\r\na"), "{form}");
        let large = Rendered { body: Some(json!("x".repeat(200_000))), ..request("POST", "/x") };
        assert!(shown(&large).ends_with("x\""));
    }
}
