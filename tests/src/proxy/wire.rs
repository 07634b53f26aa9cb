//! Reads and writes as much of HTTP/1.1 (RFC 9112) as the upstreams of the tests need. Bodies have a content length,
//! and every connection carries one request.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Read, Write as _},
    net::{Shutdown, TcpStream},
    time::Duration,
};

use serde_json::Value;

use crate::services::Result;

/// The timeout for a peer. It is far longer than the host's own deadlines.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A request as it arrived. The path includes the query, and header names are in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Recorded {
    /// The value of the first header with this name, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The same request with another body and without its precondition.
    pub(super) fn with_body(&self, body: &Value) -> Self {
        let mut other = Self { body: body.to_string(), ..self.clone() };
        other.headers.retain(|(name, _)| name != "if-match");
        other
    }

    /// The same request as a PUT of a JSON body.
    pub(super) fn as_put(&self) -> Self {
        let mut put = Self { method: "PUT".to_owned(), ..self.clone() };
        if put.header("content-type").is_none() {
            put.headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        put
    }
}

/// Reads one request; its body has a content length. Further bytes on the connection are lost.
pub fn read_request(stream: impl Read) -> Result<Recorded> {
    let mut reader = BufReader::new(stream);
    let head = head(&mut reader)?;
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let mut words = first.split(' ');
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err(format!("`{first}` is no request line").into());
    };
    let headers = lines.filter(|line| !line.is_empty()).map(header).collect::<Result<_>>()?;
    let mut request =
        Recorded { method: method.into(), path: path.into(), headers, body: String::new() };
    if request.header("transfer-encoding").is_some() {
        return Err("only bodies with a content length are read".into());
    }
    let length: u64 = request.header("content-length").unwrap_or("0").parse()?;
    reader.take(length).read_to_string(&mut request.body)?;
    if request.body.len() as u64 != length {
        return Err("the connection ended in the body of a request".into());
    }
    Ok(request)
}

/// Sends the request on a separate connection and returns the complete answer, including the status line.
pub fn forward(upstream: &str, request: &Recorded) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(upstream)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(render(request).as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// The status of an answer, or 0 when the answer has no status.
pub(super) fn status_of(answer: &[u8]) -> u16 {
    let line = String::from_utf8_lossy(answer.get(..64.min(answer.len())).unwrap_or_default());
    line.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// An answer without one of its headers.
pub(super) fn without_header(answer: &[u8], name: &str) -> Vec<u8> {
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(answer.len());
    let (head, rest) = answer.split_at(end);
    let head = String::from_utf8_lossy(head);
    let is_named = |line: &&str| {
        line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name))
    };
    let kept: Vec<&str> = head.split("\r\n").filter(|line| !is_named(line)).collect();
    [kept.join("\r\n").as_bytes(), rest].concat()
}

/// An answer without content.
pub(super) fn status(status: u16) -> Vec<u8> {
    let length = if status == 204 { "" } else { "content-length: 0\r\n" };
    format!("HTTP/1.1 {status} Fault\r\n{length}connection: close\r\n\r\n").into_bytes()
}

pub(super) fn write(stream: &mut TcpStream, answer: &[u8]) -> Result<()> {
    stream.write_all(answer)?;
    stream.shutdown(Shutdown::Both)?;
    Ok(())
}

/// Renders the request as HTTP/1.0, so that the answer ends with the connection and is never chunked.
fn render(request: &Recorded) -> String {
    let Recorded { method, path, headers, body } = request;
    let mut text = format!("{method} {path} HTTP/1.0\r\n");
    for (name, value) in headers {
        if name != "connection" && name != "content-length" {
            // Writing to a String cannot fail.
            write!(text, "{name}: {value}\r\n").ok();
        }
    }
    write!(text, "content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()).ok();
    text
}

/// Reads up to the empty line without checking the content. A client that does not speak HTTP gets no answer before
/// that line.
fn head(reader: &mut impl BufRead) -> Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if reader.read_until(b'\n', &mut head)? == 0 {
            return Err("the connection ended in the head of a request".into());
        }
    }
    Ok(String::from_utf8(head)?)
}

fn header(line: &str) -> Result<(String, String)> {
    let (name, value) = line.split_once(':').ok_or_else(|| format!("`{line}` is no header"))?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}
