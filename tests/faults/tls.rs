//! Handshakes that fail at one call of an action: a wrong certificate, no TLS, a connection that ends in the middle.
//! When a handshake fails, no part of the request has been sent, so the next attempt sends the request.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use deed_test_support::authority::{self, Authority, Shown};
use deed_tests::proxy::wire;
use deed_tests::record::contracts::{Deed, Kind};
use deed_tests::services::Result;
use deed_tests::world::edit;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::cell::Found;
use crate::record::Bench;
use crate::rules::{End, Site, Subject};

/// What the server does on one connection instead of a proper handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bad {
    Certificate,
    Plain,
    Cut,
}

impl Bad {
    pub(crate) const ALL: [Self; 3] = [Self::Certificate, Self::Plain, Self::Cut];

    fn word(self) -> &'static str {
        match self {
            Self::Certificate => "tls cert",
            Self::Plain => "tls plain",
            Self::Cut => "tls cut",
        }
    }
}

/// Terminates TLS and forwards requests as plain text.
struct Front {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: String,
    /// The fault of each of the next connections, or `None` for a connection that is served correctly. Later
    /// connections are served correctly.
    next: Mutex<VecDeque<Option<Bad>>>,
    good: Arc<ServerConfig>,
    bad: Arc<ServerConfig>,
    stopped: AtomicBool,
}

/// Fixture: a host that trusts one certificate authority, and a system of record with a certificate of that authority
/// as its upstream.
pub(crate) struct Secure {
    bench: Bench,
    front: Front,
}

impl Secure {
    pub(crate) fn make() -> Result<Self> {
        let (root, other) = (Authority::root(), Authority::root());
        let server = |root: &Authority| authority::server(&Arc::new(Shown::new(root.leaf(|_| ()))));
        let (good, bad) = (server(&root), server(&other));
        let mut front = None;
        let bench = Bench::with(|proxy| {
            let made = Front::start(proxy, good, bad)?;
            let url = format!("https://{}/v1", made.address);
            front = Some(made);
            Ok((url, Box::new(move |dir: &Path| trusts(dir, &root.pem()))))
        })?;
        Ok(Self { bench, front: front.ok_or("the front was not made")? })
    }

    /// Runs one action whose connection at this call is bad. This function must not run concurrently, because it plans
    /// the fault of each connection by order of arrival.
    pub(crate) fn meet(&self, deed: Deed, site: Site, bad: Bad) -> Result<Found> {
        let subject = self.bench.subject(deed)?;
        let skip = match site {
            Site::Read(0) => 0,
            Site::Write(n) => 1 + n,
            Site::Read(_) => 1 + subject.writes,
        };
        let plan = (0..skip).map(|_| None).chain([Some(bad)]).collect();
        *self.front.shared.next.lock().unwrap_or_else(PoisonError::into_inner) = plan;
        let found = self.bench.alone(deed, site, &right(subject, site))?;
        Ok(Found { column: bad.word().to_owned(), ..found })
    }
}

/// If a handshake failed, its request was never sent.
fn right(subject: Subject, site: Site) -> BTreeSet<End> {
    // If the handshake of the first observation fails, the host repeats the observation. The repetition succeeds,
    // because only one handshake fails.
    if subject.attempts == 1 && site != Site::Read(0) {
        return crate::rules::refused(subject, site);
    }
    let effects = crate::rules::first(subject.writes);
    let outcome = if subject.kind == Kind::Opaque { "mismatch" } else { "verified" };
    [End { outcome, effects }].into()
}

/// Adds the root certificates that the host is to trust.
fn trusts(dir: &Path, roots: &str) -> Result<()> {
    fs::write(dir.join("roots.pem"), roots)?;
    let classes = "addresses = [\"loopback\"]";
    edit(dir, "deed.toml", classes, &format!("{classes}\ntls_roots = \"roots.pem\""))
}

impl Front {
    fn start(upstream: &str, good: Arc<ServerConfig>, bad: Arc<ServerConfig>) -> Result<Self> {
        let rest = upstream.strip_prefix("http://").ok_or("the upstream must be plain http")?;
        let upstream = rest.split('/').next().unwrap_or(rest).to_owned();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (next, stopped) = (Mutex::default(), AtomicBool::new(false));
        let shared = Arc::new(Shared { upstream, next, good, bad, stopped });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&accepting);
                // Errors are ignored, because this server makes handshakes fail on purpose.
                thread::spawn(move || shared.serve(stream).ok());
            }
        });
        Ok(Self { address, shared })
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // This connection wakes the accepting thread, which then closes the port.
        TcpStream::connect(self.address).ok();
    }
}

impl Shared {
    fn serve(&self, mut tcp: TcpStream) -> Result<()> {
        tcp.set_read_timeout(Some(wire::PATIENCE))?;
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner).pop_front().flatten();
        let config = match next {
            None => &self.good,
            Some(Bad::Certificate) => &self.bad,
            Some(Bad::Plain) => return Ok(tcp.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?),
            Some(Bad::Cut) => return Ok(tcp.read_exact(&mut [0; 16])?),
        };
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(config))?, tcp);
        let request = wire::read_request(&mut stream)?;
        stream.write_all(&wire::forward(&self.upstream, &request)?)?;
        stream.conn.send_close_notify();
        stream.flush()?;
        Ok(stream.sock.shutdown(Shutdown::Write)?)
    }
}
