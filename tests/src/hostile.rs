//! Takes scripts, gives an upstream that answers as they say: raw bytes, pauses, endless drips, over
//! plain TCP or TLS. Never decides what to say: without a script it plays an honest little user
//! directory (`hostile/directory.rs`), so that an ordinary action meets one single lie.

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
mod wire;

use self::directory::Directory;
use crate::proxy::Recorded;
use crate::proxy::wire::{PATIENCE, read_request};
use crate::services::Result;
pub use script::{Script, Step, does, says};
pub use wire::{answer, json};

/// An upstream on a loopback port; it stops accepting when dropped.
pub struct Hostile {
    address: SocketAddr,
    tls: bool,
    shared: Arc<Shared>,
}

/// Requests of `method` meet `script`: not the first `skip`, then `times` of them.
struct Lie {
    method: String,
    skip: usize,
    times: usize,
    script: Script,
}

#[derive(Default)]
struct Shared {
    lies: Mutex<Vec<Lie>>,
    /// What connections are greeted with, each one once, before they have asked for anything.
    greetings: Mutex<VecDeque<Vec<u8>>>,
    directory: Mutex<Directory>,
    requests: Mutex<Vec<Recorded>>,
    connections: AtomicUsize,
    sent: AtomicUsize,
    stopped: AtomicBool,
}

impl Hostile {
    /// Over plain TCP, on a free port of 127.0.0.1.
    pub fn start() -> Result<Self> {
        Self::listen((Ipv4Addr::LOCALHOST, 0).into(), None)
    }

    /// Over plain TCP at this very address.
    pub fn start_at(address: SocketAddr) -> Result<Self> {
        Self::listen(address, None)
    }

    /// Over TLS, on a free port of 127.0.0.1.
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

    /// What an upstream's base URL is in `deed.toml`.
    pub fn base_url(&self) -> String {
        self.base_url_as(&self.address.ip().to_string())
    }

    /// The same under another name.
    pub fn base_url_as(&self, host: &str) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{host}:{}/v2", self.address.port())
    }

    /// The next `times` requests of `method` meet this script, after `skip` that do not.
    pub fn lie(&self, method: &str, skip: usize, times: usize, script: Script) {
        lock(&self.shared.lies).push(Lie { method: method.into(), skip, times, script });
    }

    /// One more connection hears this, before it has asked for anything; nothing is no greeting.
    pub fn greet(&self, bytes: &[u8]) {
        lock(&self.shared.greetings).push_back(bytes.to_vec());
    }

    /// From now on every request gets the directory's honest answer.
    pub fn be_honest(&self) {
        lock(&self.shared.lies).clear();
        lock(&self.shared.greetings).clear();
    }

    /// Sets a field of a user of the directory.
    pub fn set(&self, user: &str, field: &str, value: Value) {
        lock(&self.shared.directory).set(user, field, value);
    }

    /// The user as the directory has it.
    pub fn user(&self, user: &str) -> Value {
        lock(&self.shared.directory).user(user)
    }

    /// What arrived since the last [`Hostile::forget`], in order.
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.shared.requests).clone()
    }

    /// How many requests of `method` arrived.
    pub fn count(&self, method: &str) -> usize {
        lock(&self.shared.requests).iter().filter(|request| request.method == method).count()
    }

    /// How many connections were made, whether they asked for anything or not.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Bytes that left by [`Step::Forever`].
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
        // Wakes the listener, which then sees that it is over.
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

    /// One request and its answer. Gives whether the connection ends with a goodbye.
    fn talk(&self, stream: &mut (impl Read + Write)) -> Result<bool> {
        let greeting = lock(&self.greetings).pop_front();
        if let Some(bytes) = greeting {
            stream.write_all(&bytes)?;
            stream.flush()?;
        }
        let request = read_request(&mut *stream)?;
        lock(&self.requests).push(request.clone());
        let script = self.script(&request.method);
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

    /// Gives whether the connection goes on.
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

/// A test that panicked while it held the lock left nothing half done here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
