//! A proxy on the loopback device that adds a caller's token to every request. It serves clients that cannot send one,
//! such as the conformance suite of MCP, and clients whose many refused requests must come from several callers. All
//! other bytes pass unchanged and without delay, so that event streams work.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::services::Result;

/// The size limit of the head of a request.
const HEAD_MAX: u64 = 64 << 10;
/// The token that a client sends for one of the tokens in turn.
pub const IN_TURN: &str = "one-of-the-tokens-in-turn";
/// How many requests carry the same token before the next one has its turn. The host accepts no further request of a
/// caller after 120 refusals.
const REQUESTS_EACH: usize = 90;

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
    tokens: Tokens,
}

#[derive(Debug)]
enum Tokens {
    /// For every request.
    One(String),
    /// For the requests that have the token [`IN_TURN`]. Other requests keep what they have.
    InTurn { all: Vec<String>, requests: AtomicUsize },
}

impl Tokens {
    /// The token for a request with this `Authorization`; `None` if the request stays as it is.
    fn next(&self, authorization: Option<&str>) -> Option<&str> {
        match self {
            Self::One(token) => Some(token),
            Self::InTurn { all, requests } => {
                authorization?.strip_prefix("Bearer ").filter(|token| *token == IN_TURN)?;
                let turn = requests.fetch_add(1, Ordering::Relaxed) / REQUESTS_EACH;
                all.get(turn.checked_rem(all.len())?).map(String::as_str)
            }
        }
    }
}

impl TokenProxy {
    /// Starts a proxy in front of `upstream`, a base URL such as `http://127.0.0.1:7117`.
    pub fn start(upstream: &str, token: &str) -> Result<Self> {
        Self::with(upstream, Tokens::One(token.to_owned()))
    }

    /// Starts a proxy that puts these tokens, one after the other, in place of [`IN_TURN`].
    pub fn in_turn(upstream: &str, tokens: Vec<String>) -> Result<Self> {
        Self::with(upstream, Tokens::InTurn { all: tokens, requests: AtomicUsize::new(0) })
    }

    fn with(upstream: &str, tokens: Tokens) -> Result<Self> {
        let upstream = upstream.strip_prefix("http://").ok_or("the upstream must be plain http")?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let target = Arc::new(Target {
            own: address.to_string(),
            upstream: upstream.trim_end_matches('/').to_owned(),
            tokens,
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
    let head: Vec<u8> = head.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect();
    let upstream = TcpStream::connect(&target.upstream)?;
    (&upstream).write_all(&head)?;
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

/// The head with a character for each byte, because a header may contain any bytes.
fn read_head(reader: &mut BufReader<&TcpStream>) -> io::Result<String> {
    let mut head = Vec::new();
    let mut limited = reader.by_ref().take(HEAD_MAX);
    while !head.ends_with(b"\r\n\r\n") {
        if limited.read_until(b'\n', &mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head.into_iter().map(char::from).collect())
}

/// The head with the token, with the upstream's address in place of the proxy's own, and with one request per
/// connection. The token replaces what the client sent in its place.
fn rewritten(head: &str, target: &Target) -> String {
    let named = |line: &str, name: &str| {
        line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name))
    };
    let all = || head.trim_end_matches("\r\n").split("\r\n");
    let given = all().find(|line| named(line, "authorization"));
    let given = given.and_then(|line| Some(line.split_once(':')?.1.trim()));
    let token = target.tokens.next(given);
    let replaced = |line: &str| token.is_some() && named(line, "authorization");
    let kept = all().filter(|line| !named(line, "connection") && !replaced(line));
    let line = |line: &str| {
        let addressed = named(line, "host") || named(line, "origin");
        if addressed { line.replace(&target.own, &target.upstream) } else { line.to_owned() }
    };
    let mut lines: Vec<String> = kept.map(line).collect();
    lines.extend(token.map(|token| format!("authorization: Bearer {token}")));
    lines.push("connection: close\r\n\r\n".to_owned());
    lines.join("\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(tokens: Tokens) -> Target {
        Target { own: "127.0.0.1:1".to_owned(), upstream: "127.0.0.1:2".to_owned(), tokens }
    }

    #[test]
    fn a_head_gets_the_token_and_the_address_of_the_upstream() {
        let target = target(Tokens::One("t".to_owned()));
        let head = "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:1\r\nConnection: keep-alive\r\n\
                    Origin: http://127.0.0.1:1\r\nMcp-Name: 127.0.0.1:1\r\n\r\n";
        let wanted = "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:2\r\nOrigin: http://127.0.0.1:2\r\n\
                      Mcp-Name: 127.0.0.1:1\r\nauthorization: Bearer t\r\nconnection: close\r\n\r\n";
        assert_eq!(rewritten(head, &target), wanted);
    }

    #[test]
    fn a_foreign_host_stays() {
        let target = target(Tokens::One("t".to_owned()));
        let head = rewritten("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", &target);
        assert!(head.contains("\r\nHost: evil.example\r\n"), "{head}");
    }

    #[test]
    fn tokens_take_turns_only_for_requests_that_ask_for_one() {
        let (all, requests) = (vec!["a".to_owned(), "b".to_owned()], AtomicUsize::new(0));
        let target = target(Tokens::InTurn { all, requests });
        let with = |given: &str| rewritten(&format!("GET / HTTP/1.1\r\n{given}\r\n"), &target);
        let asks = format!("Authorization: Bearer {IN_TURN}\r\n");
        let mut turns = (0..REQUESTS_EACH * 3).map(|_| with(&asks));
        let ends =
            |token: &str| format!("\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n");
        for token in ["a", "b", "a"] {
            assert!(turns.by_ref().take(REQUESTS_EACH).all(|head| head.ends_with(&ends(token))));
        }
        assert!(with("Authorization: Bearer x\r\n").contains("Authorization: Bearer x\r\n"));
        assert!(!with("").to_ascii_lowercase().contains("authorization"));
    }
}
