//! Takes bytes of a connection, gives a request; takes an answer's parts, gives its bytes. As little
//! HTTP/1.1 (RFC 9112) as the hostile upstream needs; never checks that what it writes is right.

use std::io::Read;

use serde_json::Value;

use crate::proxy::Recorded;
use crate::services::Result;

/// Reads one request; its body has a content length.
pub(super) fn read(stream: &mut impl Read) -> Result<Recorded> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8(head)?;
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut request = Recorded { method, path, headers, body: String::new() };
    let length: u64 = request.header("content-length").unwrap_or("0").parse()?;
    stream.take(length).read_to_string(&mut request.body)?;
    Ok(request)
}

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
