//! Raw bytes on a socket, for requests that no well-behaved client sends.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use deed_tests::world::World;
use serde_json::Value;

use super::silent;

/// The timeout of a read, which is long enough for a busy machine. An answer that has not arrived by then counts as
/// empty.
const PATIENCE: Duration = Duration::from_secs(90);

/// All bytes that were received before the host closed the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said(pub(super) String);

impl Said {
    /// The first status; 0 when the connection was closed without an answer.
    pub(super) fn status(&self) -> u16 {
        let code = self.0.strip_prefix("HTTP/1.1 ").or_else(|| self.0.strip_prefix("HTTP/1.0 "));
        code.and_then(|rest| rest.get(..3)).map_or(0, |code| code.parse().unwrap())
    }

    /// The number of HTTP answers in the received bytes.
    pub(super) fn answers(&self) -> usize {
        self.0.matches("HTTP/1.").count()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let (head, _) = self.0.split_once("\r\n\r\n")?;
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(super) fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    /// Returns the answer without the date header.
    pub(super) fn timeless(&self) -> String {
        self.0.lines().filter(|line| !line.starts_with("date:")).collect::<Vec<_>>().join("\n")
    }

    /// Checks that the answer has this status and is a problem document.
    pub(super) fn refuses(&self, status: u16, what: &str) {
        assert_eq!(self.status(), status, "{what}: {self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{what}");
        let problem: Value = serde_json::from_str(self.body()).unwrap();
        assert_eq!(problem["status"], status, "{what}: {problem}");
    }
}

pub(super) fn address(world: &World) -> SocketAddr {
    world.url().strip_prefix("http://").unwrap().parse().unwrap()
}

pub(super) fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends these bytes and reads until the host closes the connection.
pub(super) fn exchange(to: SocketAddr, bytes: &[u8]) -> Said {
    let mut stream = connect(to);
    // The host may have refused the request and closed the connection before all bytes were sent.
    stream.write_all(bytes).ok();
    hear(stream)
}

/// Reads everything until the connection ends in any way.
pub(super) fn hear(mut stream: TcpStream) -> Said {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok();
    let said = Said(String::from_utf8_lossy(&bytes).into_owned());
    silent(&said.0);
    said
}

/// A valid request with these header lines and `Connection: close`.
pub(super) fn request(method: &str, target: &str, lines: &[&str], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: deed\r\nConnection: close\r\n");
    for line in lines {
        head.push_str(line);
        head.push_str("\r\n");
    }
    if !body.is_empty() {
        head.push_str("Content-Length: ");
        head.push_str(&body.len().to_string());
        head.push_str("\r\n");
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// The `Authorization` header line with a token.
pub(super) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

/// A valid request with a token and a JSON body.
pub(super) fn call(world: &World, token: &str, method: &str, target: &str, body: &[u8]) -> Said {
    let lines = [&bearer(token), "Content-Type: application/json"];
    exchange(address(world), &request(method, target, &lines, body))
}
