//! A scripted hostile upstream: raw bytes, pauses and endless answers, over plain TCP or TLS. A request without a
//! script gets an honest answer from a small user directory (`hostile/directory.rs`). A test can therefore give an
//! ordinary action exactly one false answer.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

mod directory;
mod script;
mod texts;
mod wire;

use self::directory::Directory;
use crate::proxy::Recorded;
use crate::proxy::wire::{PATIENCE, read_request};
use crate::services::Result;
pub use script::{Script, Step, does, says};
pub use texts::POISON;
pub use wire::{answer, json};

/// An upstream on a loopback port; it stops accepting when dropped.
pub struct Hostile {
    address: SocketAddr,
    tls: bool,
    shared: Arc<Shared>,
}

/// A script for requests of `method`. The first `skip` requests are answered honestly, and the next `times` requests
/// get the script.
struct Lie {
    method: String,
    skip: usize,
    times: usize,
    script: Script,
}

#[derive(Default)]
struct Shared {
    lies: Mutex<Vec<Lie>>,
    /// Bytes that a new connection receives before it has sent a request. Each entry is sent to one connection.
    greetings: Mutex<VecDeque<Vec<u8>>>,
    directory: Mutex<Directory>,
    requests: Mutex<Vec<Recorded>>,
    connections: AtomicUsize,
    sent: AtomicUsize,
    stopped: AtomicBool,
}

impl Hostile {
    /// Starts the upstream over plain TCP, on a free port of 127.0.0.1.
    pub fn start() -> Result<Self> {
        Self::listen((Ipv4Addr::LOCALHOST, 0).into(), None)
    }

    /// Starts the upstream over plain TCP at this address.
    pub fn start_at(address: SocketAddr) -> Result<Self> {
        Self::listen(address, None)
    }

    /// Starts the upstream over TLS, on a free port of 127.0.0.1.
    pub fn secure(config: Arc<ServerConfig>) -> Result<Self> {
        Self::listen((Ipv4Addr::LOCALHOST, 0).into(), Some(config))
    }

    fn listen(address: SocketAddr, tls: Option<Arc<ServerConfig>>) -> Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        let hostile = Self { address, tls: tls.is_some(), shared: Arc::clone(&shared) };
        thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stopped.load(Ordering::Relaxed) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                shared.connections.fetch_add(1, Ordering::Relaxed);
                let (shared, tls) = (Arc::clone(&shared), tls.clone());
                thread::spawn(move || shared.serve(stream, tls).is_ok());
            }
        });
        Ok(hostile)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL of the upstream for `deed.toml`.
    pub fn base_url(&self) -> String {
        self.base_url_as(&self.address.ip().to_string())
    }

    /// The base URL with another host name.
    pub fn base_url_as(&self, host: &str) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{host}:{}/v2", self.address.port())
    }

    /// After `skip` requests of `method`, the next `times` requests get this script.
    pub fn lie(&self, method: &str, skip: usize, times: usize, script: Script) {
        lock(&self.shared.lies).push(Lie { method: method.into(), skip, times, script });
    }

    /// The next connection receives these bytes before it has sent a request. An empty greeting sends nothing.
    pub fn greet(&self, bytes: &[u8]) {
        lock(&self.shared.greetings).push_back(bytes.to_vec());
    }

    /// Removes all scripts: every request gets the directory's honest answer.
    pub fn be_honest(&self) {
        lock(&self.shared.lies).clear();
        lock(&self.shared.greetings).clear();
    }

    /// Sets a field of a user of the directory.
    pub fn set(&self, user: &str, field: &str, value: Value) {
        lock(&self.shared.directory).set(user, field, value);
    }

    /// Returns the user as stored in the directory.
    pub fn user(&self, user: &str) -> Value {
        lock(&self.shared.directory).user(user)
    }

    /// The requests that arrived since the last [`Hostile::forget`], in order.
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.shared.requests).clone()
    }

    /// How many requests of `method` arrived.
    pub fn count(&self, method: &str) -> usize {
        lock(&self.shared.requests).iter().filter(|request| request.method == method).count()
    }

    /// How many connections were made, with or without a request.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Bytes sent by [`Step::Forever`].
    pub fn sent(&self) -> usize {
        self.shared.sent.load(Ordering::Relaxed)
    }

    pub fn forget(&self) {
        lock(&self.shared.requests).clear();
    }
}

impl std::fmt::Debug for Hostile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hostile").field("base_url", &self.base_url()).finish_non_exhaustive()
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        // This connection wakes the listener, which then sees that it must stop.
        TcpStream::connect(self.address).ok();
    }
}

impl Shared {
    fn serve(&self, tcp: TcpStream, tls: Option<Arc<ServerConfig>>) -> Result<()> {
        tcp.set_read_timeout(Some(PATIENCE))?;
        tcp.set_write_timeout(Some(PATIENCE))?;
        tcp.set_nodelay(true)?;
        let Some(config) = tls else {
            let mut tcp = tcp;
            return self.talk(&mut tcp).map(drop);
        };
        let mut stream = StreamOwned::new(ServerConnection::new(config)?, tcp);
        if self.talk(&mut stream)? {
            stream.conn.send_close_notify();
            stream.flush()?;
        }
        Ok(())
    }

    /// Handles one request and its answer. Returns whether the connection is closed cleanly.
    fn talk(&self, stream: &mut (impl Read + Write)) -> Result<bool> {
        let greeting = lock(&self.greetings).pop_front();
        if let Some(bytes) = greeting {
            stream.write_all(&bytes)?;
            stream.flush()?;
        }
        let request = read_request(&mut *stream)?;
        let script = self.taken(&request);
        let steps = script.map_or_else(
            || vec![Step::Send(lock(&self.directory).answer(&request))],
            |script| script(&request),
        );
        for step in steps {
            if !self.step(stream, step)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Records the request and chooses its script. Both happen under one lock. A test that has seen the request may
    /// therefore change the scripts without changing this request.
    fn taken(&self, request: &Recorded) -> Option<Script> {
        let mut requests = lock(&self.requests);
        requests.push(request.clone());
        self.script(&request.method)
    }

    fn script(&self, method: &str) -> Option<Script> {
        let mut lies = lock(&self.lies);
        let lie = lies.iter_mut().find(|lie| lie.method == method && lie.times > 0)?;
        if lie.skip > 0 {
            lie.skip -= 1;
            return None;
        }
        lie.times -= 1;
        Some(Arc::clone(&lie.script))
    }

    /// Returns whether the connection continues.
    fn step(&self, stream: &mut (impl Read + Write), step: Step) -> Result<bool> {
        match step {
            Step::Send(bytes) => {
                stream.write_all(&bytes)?;
                stream.flush()?;
            }
            Step::Pause(time) => thread::sleep(time),
            Step::Forever { bytes, every } => {
                while !self.stopped.load(Ordering::Relaxed) {
                    stream.write_all(&bytes)?;
                    stream.flush()?;
                    self.sent.fetch_add(bytes.len(), Ordering::Relaxed);
                    thread::sleep(every);
                }
            }
            Step::Hold => while stream.read(&mut [0; 64])? > 0 {},
            Step::Cut => return Ok(false),
        }
        Ok(true)
    }
}

/// A panic while the lock was held leaves no partial state here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
