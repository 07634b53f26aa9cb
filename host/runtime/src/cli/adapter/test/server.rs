//! The server that stands for the upstreams of a contract: one loopback port for each of them.
//!
//! Every process of this machine can connect to the ports. A request counts only if it names the address of the port
//! and has the credential, which only the host of the test knows.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

use super::play::{Act, Play};
use super::wire::{Reply, Request};
use crate::cli::out::Failure;
use crate::config::keys;

/// How long a connection may take to send its request, or to take its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The maximum number of open connections of a port. The host has one at a time.
const CONNECTIONS_MAX: usize = 32;

/// What is played now, for all ports; nothing between two runs.
#[derive(Debug, Clone, Default)]
pub(super) struct Stage(Arc<Mutex<Option<Play>>>);

impl Stage {
    pub(super) fn set(&self, play: Play) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(play);
    }

    pub(super) fn take(&self) -> Option<Play> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn act(&self, upstream: &str, request: &Request) -> Act {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(play) => play.take(upstream, request),
            None => Act::Drop,
        }
    }
}

/// One port. It answers until the process exits.
pub(super) struct Port {
    pub(super) address: SocketAddr,
    /// The credentials without one of which nothing is answered.
    pub(super) token: Zeroizing<String>,
    pub(super) write: Zeroizing<String>,
}

/// What the threads of a port share.
struct Shared {
    upstream: String,
    address: SocketAddr,
    tokens: [Zeroizing<String>; 2],
    stage: Stage,
    /// How long the answer to an exchange is held that shall come too late.
    late: Duration,
    open: AtomicUsize,
}

impl Port {
    /// Opens a port for this upstream. `exchange` is the time limit of the host for one exchange.
    pub(super) fn open(upstream: &str, stage: &Stage, exchange: Duration) -> Result<Self, Failure> {
        let failed = |e: std::io::Error| Failure::Failed(format!("a port for the test: {e}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let random = || keys::random_hex::<16>().map(Zeroizing::new).map_err(Failure::failed);
        let (token, write) = (random()?, random()?);
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            address,
            tokens: [token.clone(), write.clone()],
            stage: stage.clone(),
            late: exchange + exchange / 2,
            open: AtomicUsize::new(0),
        });
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(&shared, stream);
            }
        });
        Ok(Self { address, token, write })
    }
}

/// Answers a connection in a thread of its own, because the answer may be held.
fn serve(shared: &Arc<Shared>, stream: TcpStream) {
    if shared.open.fetch_add(1, Ordering::SeqCst) >= CONNECTIONS_MAX {
        shared.open.fetch_sub(1, Ordering::SeqCst);
        return;
    }
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        shared.answer(&stream);
        shared.open.fetch_sub(1, Ordering::SeqCst);
    });
}

impl Shared {
    fn answer(&self, stream: &TcpStream) {
        let limits =
            [stream.set_read_timeout(Some(PATIENCE)), stream.set_write_timeout(Some(PATIENCE))];
        if limits.iter().any(Result::is_err) {
            return;
        }
        let Some(request) = Request::read(stream) else { return };
        let act = match self.refusal(&request) {
            Some(reply) => Act::Send(reply),
            None => self.stage.act(&self.upstream, &request),
        };
        let reply = match act {
            Act::Drop => return,
            Act::Send(reply) => reply,
            Act::Late(reply) => {
                thread::sleep(self.late);
                reply
            }
        };
        // The host may have closed the connection; it then records that there was no answer.
        reply.write(stream, &request.method).unwrap_or_default();
    }

    /// The answer to a request that is not one of the host.
    fn refusal(&self, request: &Request) -> Option<Reply> {
        if request.header("host") != Some(self.address.to_string().as_str()) {
            return Some(Reply::plain(421, "this port serves one address only"));
        }
        let sent = request.header("authorization").and_then(|text| text.strip_prefix("Bearer "));
        let is_known = self.tokens.iter().any(|token| sent == Some(token.as_str()));
        (!is_known).then(|| Reply::plain(401, "the credential of the test is missing"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::super::lines::Lines;
    use super::*;

    /// Sends these bytes to the port, and returns what it answers.
    fn ask(port: &Port, head: &str) -> String {
        let mut stream = TcpStream::connect(port.address).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn a_port_answers_only_the_host_of_the_test() {
        let stage = Stage::default();
        let port = Port::open("desk", &stage, Duration::from_secs(1)).unwrap();
        stage.set(Play::new(Lines::default(), None));
        let (host, token) = (port.address.to_string(), port.token.to_string());
        let head = |host: &str, token: &str| {
            format!("GET /x HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\r\n")
        };
        assert!(ask(&port, &head("example.com", &token)).starts_with("HTTP/1.1 421 "));
        assert!(ask(&port, &head(&host, "another")).starts_with("HTTP/1.1 401 "));
        assert!(ask(&port, &format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n")).contains(" 401 "));
        assert!(ask(&port, "not HTTP\r\n\r\n").contains(" 421 "));
        assert!(ask(&port, &head(&host, &token)).starts_with("HTTP/1.1 404 "));
        assert_eq!(stage.take().unwrap().seen.len(), 1, "only the request of the host counts");
        assert_eq!(ask(&port, &head(&host, &token)), "", "nothing is played");
    }

    #[test]
    fn a_request_without_bounds_is_not_read() {
        let port = Port::open("desk", &Stage::default(), Duration::from_secs(1)).unwrap();
        let large =
            format!("GET / HTTP/1.1\r\nhost: {}\r\ncontent-length: 9999999\r\n\r\n", port.address);
        assert_eq!(ask(&port, &large), "");
        let many = "a: b\r\n".repeat(100_000);
        let mut stream = TcpStream::connect(port.address).unwrap();
        // The port closes the connection before it has read all of it.
        stream.write_all(format!("GET / HTTP/1.1\r\n{many}").as_bytes()).ok();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok();
        assert!(answer.is_empty());
    }
}
