//! HTTP/1.1 as the host speaks it: one request for each connection, with a content length.
//!
//! Any process of this machine can connect, so everything that is read is bounded.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;

/// The maximum number of bytes of a line, and of lines of a head.
const LINE_MAX: u64 = 16 << 10;
const HEADERS_MAX: usize = 64;
/// The maximum number of bytes of a body. The host renders at most 4 MiB for one action.
const BODY_MAX: usize = 8 << 20;

/// A request, as it arrived.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    /// By name in lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    /// The content type; empty if there is no body.
    pub(super) kind: &'static str,
    pub(super) body: String,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Reads a request; `None` if it is not complete, not HTTP or too large.
    pub(super) fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let first = head_line(&mut reader)?;
        let mut words = first.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let headers = headers(&mut reader)?;
        let length = headers.get("content-length").map_or(Ok(0), |digits| digits.parse()).ok()?;
        if length > BODY_MAX {
            return None;
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        Some(Self { method, target, headers, body })
    }
}

/// The lines of the head; `None` if there are too many.
fn headers(reader: &mut impl BufRead) -> Option<BTreeMap<String, String>> {
    let mut headers = BTreeMap::new();
    for _ in 0..=HEADERS_MAX {
        let line = head_line(reader)?;
        if line.is_empty() {
            return Some(headers);
        }
        let (name, value) = line.split_once(':')?;
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    None
}

/// A line of the head without its end; `None` if it does not end in time.
fn head_line(reader: &mut impl BufRead) -> Option<String> {
    let mut bytes = Vec::new();
    reader.by_ref().take(LINE_MAX).read_until(b'\n', &mut bytes).ok()?;
    let line = bytes.strip_suffix(b"\n")?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    Some(String::from_utf8_lossy(line).into_owned())
}

impl Reply {
    /// An answer of the server itself.
    pub(super) fn plain(status: u16, text: &str) -> Self {
        Self { status, headers: vec![], kind: "text/plain", body: text.to_owned() }
    }

    /// Writes the answer to a request with this method.
    pub(super) fn write(&self, mut stream: &TcpStream, method: &str) -> io::Result<()> {
        let mut lines = vec![format!("HTTP/1.1 {} Recorded", self.status)];
        lines.push("connection: close".to_owned());
        if !self.kind.is_empty() {
            lines.push(format!("content-type: {}", self.kind));
        }
        lines.extend(self.headers.iter().map(|(name, value)| format!("{name}: {value}")));
        let has_body = !matches!(self.status, 204 | 304);
        if has_body {
            lines.push(format!("content-length: {}", self.body.len()));
        }
        let head = lines.join("\r\n") + "\r\n\r\n";
        stream.write_all(head.as_bytes())?;
        if has_body && method != "HEAD" {
            stream.write_all(self.body.as_bytes())?;
        }
        stream.flush()
    }
}
