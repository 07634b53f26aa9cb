//! Takes an upstream's base URL, gives one in front of it that loses, delays, falsifies or repeats
//! what passes, method by method. Never changes a request that it forwards, but for the connection.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::Value;

pub(crate) mod wire;

use crate::services::Result;
pub use wire::Recorded;

/// What happens to requests of one method.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Fault {
    /// Forwarded and answered.
    #[default]
    None,
    /// Answered with this status; the upstream is not asked.
    Refuse { status: u16 },
    /// The connection closes; the upstream is not asked.
    DropBefore,
    /// Forwarded, then the connection closes without an answer.
    DropAfter,
    /// Forwarded, then answered 503.
    Status5xxAfter,
    /// Forwarded and answered after this many milliseconds.
    Delay { ms: u64 },
    /// Forwarded, then the same request with this body too: something else changes as well.
    AlsoPatch { body: Value },
    /// Forwarded after the same request with this body, without its precondition and with `{n}` as the number of
    /// requests so far: somebody else was faster.
    PatchBefore { body: Value },
    /// Forwarded and answered without an entity tag.
    WithoutTag,
    /// Answered 204 at once, forwarded after this many milliseconds.
    ApplyLater { ms: u64 },
    /// Answered 204; the upstream is not asked.
    Lie2xx,
}

/// A proxy on a free loopback port; it stops accepting when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    base_url: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: String,
    faults: Mutex<BTreeMap<String, Fault>>,
    requests: Mutex<Vec<Recorded>>,
    stopped: AtomicBool,
}

impl Proxy {
    /// In front of `upstream`, a base URL as in `http://127.0.0.1:8080/v2`.
    pub fn start(upstream: &str) -> Result<Self> {
        let rest = upstream.strip_prefix("http://").ok_or("the upstream must be plain http")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let base_url = format!("http://{address}/{path}").trim_end_matches('/').to_owned();
        let shared = Arc::new(Shared {
            upstream: authority.to_owned(),
            faults: Mutex::default(),
            requests: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &accepting));
        Ok(Self { address, base_url, shared })
    }

    /// The base URL to give to the host; it ends in the upstream's own path.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// From now on requests of `method` meet this fault.
    pub fn set(&self, method: &str, fault: Fault) {
        lock(&self.shared.faults).insert(method.to_owned(), fault);
    }

    /// What arrived since the last [`Proxy::forget`], in order; what the proxy added is not in it.
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.shared.requests).clone()
    }

    /// How many requests of `method` arrived.
    pub fn count(&self, method: &str) -> usize {
        lock(&self.shared.requests).iter().filter(|request| request.method == method).count()
    }

    pub fn forget(&self) {
        lock(&self.shared.requests).clear();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, which then sees the flag and closes the port.
        TcpStream::connect(self.address).ok();
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().flatten() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let shared = Arc::clone(shared);
        // A broken connection is what this proxy is for: the client sees it, nobody else needs to.
        thread::spawn(move || serve(stream, &shared).ok());
    }
}

/// One request per connection: every answer closes it.
fn serve(mut client: TcpStream, shared: &Arc<Shared>) -> Result<()> {
    let request = wire::read_request(&client)?;
    lock(&shared.requests).push(request.clone());
    let fault = lock(&shared.faults).get(&request.method).cloned().unwrap_or_default();
    let answer = answer(&request, fault, shared)?;
    wire::write(&mut client, &answer)
}

/// The bytes to answer with; none closes the connection without a word.
fn answer(request: &Recorded, fault: Fault, shared: &Arc<Shared>) -> Result<Vec<u8>> {
    let forward = || wire::forward(&shared.upstream, request);
    match fault {
        Fault::None => forward(),
        Fault::Refuse { status } => Ok(wire::status(status)),
        Fault::DropBefore => Ok(Vec::new()),
        Fault::DropAfter => forward().map(|_| Vec::new()),
        Fault::Status5xxAfter => forward().map(|_| wire::status(503)),
        Fault::Lie2xx => Ok(wire::status(204)),
        Fault::Delay { ms } => {
            thread::sleep(Duration::from_millis(ms));
            forward()
        }
        Fault::AlsoPatch { body } => {
            let answer = forward()?;
            wire::forward(&shared.upstream, &request.with_body(&body))?;
            Ok(answer)
        }
        Fault::PatchBefore { body } => {
            let count = lock(&shared.requests).len().to_string();
            let body = serde_json::from_str(&body.to_string().replace("{n}", &count))?;
            wire::forward(&shared.upstream, &request.with_body(&body))?;
            forward()
        }
        Fault::WithoutTag => forward().map(|answer| wire::without_header(&answer, "etag")),
        Fault::ApplyLater { ms } => {
            apply_later(request.clone(), shared.upstream.clone(), ms);
            Ok(wire::status(204))
        }
    }
}

fn apply_later(request: Recorded, upstream: String, ms: u64) {
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(ms));
        wire::forward(&upstream, &request).ok()
    });
}

/// A test that panicked while it held the lock left nothing half done here.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
