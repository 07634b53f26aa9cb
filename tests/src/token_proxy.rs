//! A proxy on the loopback device that adds a caller's token to every request. It serves clients that cannot send one,
//! such as the conformance suite of MCP. All other bytes pass unchanged and without delay, so that event streams work.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::services::Result;

/// The size limit of the head of a request.
const HEAD_MAX: u64 = 64 << 10;

/// A running proxy; it stops accepting when dropped.
#[derive(Debug)]
pub struct TokenProxy {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

/// Where the requests go, and what is added to them.
#[derive(Debug)]
struct Target {
    own: String,
    upstream: String,
    token: String,
}

impl TokenProxy {
    /// Starts a proxy in front of `upstream`, a base URL such as `http://127.0.0.1:7117`.
    pub fn start(upstream: &str, token: &str) -> Result<Self> {
        let upstream = upstream.strip_prefix("http://").ok_or("the upstream must be plain http")?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let target = Arc::new(Target {
            own: address.to_string(),
            upstream: upstream.trim_end_matches('/').to_owned(),
            token: token.to_owned(),
        });
        let stopped = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&stopped);
        thread::spawn(move || accept(&listener, &target, &ends));
        Ok(Self { address, stopped })
    }

    /// The base URL of the proxy.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for TokenProxy {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // This connection wakes the accepting thread, which then ends.
        TcpStream::connect(self.address).ok();
    }
}

fn accept(listener: &TcpListener, target: &Arc<Target>, stopped: &AtomicBool) {
    for client in listener.incoming().map_while(io::Result::ok) {
        if stopped.load(Ordering::SeqCst) {
            return;
        }
        let target = Arc::clone(target);
        thread::spawn(move || carry(&client, &target).ok());
    }
}

/// Carries one request and its answer. The connection ends with the answer, because the head asks for that.
fn carry(client: &TcpStream, target: &Target) -> io::Result<()> {
    let mut reader = BufReader::new(client);
    let head = rewritten(&read_head(&mut reader)?, target);
    let upstream = TcpStream::connect(&target.upstream)?;
    (&upstream).write_all(head.as_bytes())?;
    (&upstream).write_all(reader.buffer())?;
    let (from, to) = (client.try_clone()?, upstream.try_clone()?);
    // A client that ends its connection cancels the request, so the end is passed on.
    let rest = thread::spawn(move || pump(&from, &to));
    pump(&upstream, client);
    rest.join().ok();
    Ok(())
}

/// Copies until one side ends, then ends both connections.
fn pump(from: &TcpStream, to: &TcpStream) {
    let (mut reader, mut writer) = (from, to);
    io::copy(&mut reader, &mut writer).ok();
    from.shutdown(Shutdown::Both).ok();
    to.shutdown(Shutdown::Both).ok();
}

fn read_head(reader: &mut BufReader<&TcpStream>) -> io::Result<String> {
    let mut head = Vec::new();
    let mut limited = reader.by_ref().take(HEAD_MAX);
    while !head.ends_with(b"\r\n\r\n") {
        if limited.read_until(b'\n', &mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    String::from_utf8(head).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// The head with the token, with the upstream's address in place of the proxy's own, and with one request per
/// connection. A client's own token is replaced.
fn rewritten(head: &str, target: &Target) -> String {
    let named = |line: &str, name: &str| {
        line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name))
    };
    let kept = head
        .trim_end_matches("\r\n")
        .split("\r\n")
        .filter(|line| !named(line, "connection") && !named(line, "authorization"));
    let line = |line: &str| {
        let addressed = named(line, "host") || named(line, "origin");
        if addressed { line.replace(&target.own, &target.upstream) } else { line.to_owned() }
    };
    let mut lines: Vec<String> = kept.map(line).collect();
    lines.push(format!("authorization: Bearer {}", target.token));
    lines.push("connection: close\r\n\r\n".to_owned());
    lines.join("\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_gets_the_token_and_the_address_of_the_upstream() {
        let (own, upstream, token) = ("127.0.0.1:1".into(), "127.0.0.1:2".into(), "t".into());
        let target = Target { own, upstream, token };
        let head = "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:1\r\nConnection: keep-alive\r\n\
                    Origin: http://127.0.0.1:1\r\nMcp-Name: 127.0.0.1:1\r\n\r\n";
        let wanted = "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:2\r\nOrigin: http://127.0.0.1:2\r\n\
                      Mcp-Name: 127.0.0.1:1\r\nauthorization: Bearer t\r\nconnection: close\r\n\r\n";
        assert_eq!(rewritten(head, &target), wanted);
    }

    #[test]
    fn a_foreign_host_stays() {
        let (own, upstream, token) = ("127.0.0.1:1".into(), "127.0.0.1:2".into(), "t".into());
        let head = rewritten(
            "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
            &Target { own, upstream, token },
        );
        assert!(head.contains("\r\nHost: evil.example\r\n"), "{head}");
    }
}
