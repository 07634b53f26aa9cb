//! Writes the bytes of an answer, with as much of HTTP/1.1 (RFC 9112) as the hostile upstream needs. This module does
//! not check that the answer is valid.

use serde_json::Value;

/// A complete answer. `head` is the status with its reason phrase, followed by more header lines, each after `\r\n`.
pub fn answer(head: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A complete answer with status 200 and this JSON body.
pub fn json(body: &Value) -> Vec<u8> {
    answer("200 OK\r\ncontent-type: application/scim+json", body.to_string())
}
