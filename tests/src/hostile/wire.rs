//! Takes an answer's parts, gives its bytes: as little HTTP/1.1 (RFC 9112) as the hostile upstream needs. Never
//! checks that what it writes is right.

use serde_json::Value;

/// A whole answer. `head` is the status with its phrase, then more header lines, each after `\r\n`.
pub fn answer(head: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A whole answer that is 200 and this JSON.
pub fn json(body: &Value) -> Vec<u8> {
    answer("200 OK\r\ncontent-type: application/scim+json", body.to_string())
}
