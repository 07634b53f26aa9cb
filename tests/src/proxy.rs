//! A proxy in front of an upstream that loses, delays, falsifies or repeats requests, by method. The proxy forwards
//! requests unchanged, except for connection headers.

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

mod door;
pub mod wire;

use self::door::Door;
use crate::hostile;
use crate::record::order::Orders;
use crate::record::{self, Lands, On, fault};
use crate::services::Result;
pub use wire::Recorded;

/// The pause between two checks whether a held request may continue.
const HELD_PAUSE: Duration = Duration::from_millis(5);

/// The fault for requests of one method.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Fault {
    /// Forwarded and answered.
    #[default]
    None,
    /// The request is answered with this status and not forwarded.
    Refuse { status: u16 },
    /// The connection closes, and the request is not forwarded.
    DropBefore,
    /// The request is forwarded, then the connection closes without an answer.
    DropAfter,
    /// The request is forwarded, then answered with 503.
    Status5xxAfter,
    /// The request is forwarded and answered after this many milliseconds.
    Delay { ms: u64 },
    /// The request waits until its method has another fault, and then gets that fault. A test that needs a request in
    /// progress while it does other things can therefore end this time itself, and does not depend on the speed of the
    /// machine. The held requests continue one after the other.
    Hold,
    /// The request is forwarded, then sent again with this body, so that an additional change occurs.
    AlsoPatch { body: Value },
    /// A copy of the request with this body and without its precondition is sent first, then the request is forwarded.
    /// In the body, `{n}` is replaced by the number of requests so far. This fault simulates another client that
    /// changes the resource first.
    PatchBefore { body: Value },
    /// Like [`Fault::PatchBefore`], but the request that is sent first is a PUT. This fault simulates another client
    /// that changes a resource before the host deletes it.
    PutBefore { body: Value },
    /// The request is forwarded and answered without an entity tag.
    WithoutTag,
    /// The request is answered with 204 at once, and forwarded after this many milliseconds.
    ApplyLater { ms: u64 },
    /// The request is answered with 204 and not forwarded.
    Lie2xx,
    /// The request is answered with 200 and this JSON body, and not forwarded.
    LieWith { body: Value },
}

/// A proxy on a free loopback port; it stops accepting when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    base_url: String,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: String,
    faults: Mutex<BTreeMap<String, Fault>>,
    /// Faults of single requests, which take precedence over the fault of their method.
    orders: Mutex<Orders>,
    /// The requests after which connections are refused, and for how long.
    closing: Mutex<Vec<(On, usize, Duration)>>,
    requests: Mutex<Vec<Recorded>>,
    /// The forwarded requests, with the status of each answer.
    carried: Mutex<Vec<(Recorded, u16)>>,
    /// Is locked while a request that was held is carried out.
    turn: Mutex<()>,
    door: Door,
    stopped: AtomicBool,
}

impl Proxy {
    /// Starts a proxy in front of `upstream`, a base URL such as `http://127.0.0.1:8080/v2`.
    pub fn start(upstream: &str) -> Result<Self> {
        let rest = upstream.strip_prefix("http://").ok_or("the upstream must be plain http")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let base_url = format!("http://{address}/{path}").trim_end_matches('/').to_owned();
        let shared = Arc::new(Shared {
            upstream: authority.to_owned(),
            faults: Mutex::default(),
            orders: Mutex::default(),
            closing: Mutex::default(),
            requests: Mutex::default(),
            carried: Mutex::default(),
            turn: Mutex::default(),
            door: Door::new(address),
            stopped: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(listener, &accepting));
        Ok(Self { address, base_url, shared })
    }

    /// The base URL of the proxy for the host. The URL ends with the upstream's own path.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// From now on requests of `method` get this fault.
    pub fn set(&self, method: &str, fault: Fault) {
        lock(&self.shared.faults).insert(method.to_owned(), fault);
    }

    /// Skips `skip` requests that match `on`, and applies this fault to the next matching request.
    pub fn fail(&self, on: &On, skip: usize, fault: record::Fault) {
        lock(&self.shared.orders).fail(on, skip, 1, fault);
    }

    /// Whether all faults that were ordered for these requests have occurred.
    pub fn met(&self, on: &On) -> bool {
        lock(&self.shared.orders).met(on)
    }

    /// Removes all faults of single requests.
    pub fn calm(&self) {
        lock(&self.shared.orders).clear();
    }

    /// Refuses every connection for this long from now on.
    pub fn refuse(&self, pause: Duration) {
        self.shared.door.close(pause);
    }

    /// Skips `skip` requests that match `on`. When the next matching request is done, and before its answer is sent,
    /// refuses every connection for this long.
    pub fn refuse_after(&self, on: &On, skip: usize, pause: Duration) {
        lock(&self.shared.closing).push((on.clone(), skip, pause));
    }

    /// Accepts connections again.
    pub fn admit(&self) {
        lock(&self.shared.closing).clear();
        self.shared.door.open();
    }

    /// How many writes the upstream reports as carried out, of those whose path contains `part`. The answer to the host
    /// need not have arrived.
    pub fn carried_out(&self, part: &str) -> usize {
        self.carried(&On::writes(part))
    }

    /// How many requests that match `on` were answered with 2xx by the upstream.
    pub fn carried(&self, on: &On) -> usize {
        let carried = lock(&self.shared.carried);
        carried.iter().filter(|(one, status)| on.means(one) && (200..300).contains(status)).count()
    }

    /// The requests that arrived since the last [`Proxy::forget`], in order, without requests that the proxy added.
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

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("upstream", &self.upstream).finish_non_exhaustive()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // This connection wakes the accepting thread, which then sees the flag and closes the port.
        TcpStream::connect(self.address).ok();
    }
}

fn accept(mut listener: TcpListener, shared: &Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept() else { continue };
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        if shared.door.is_closing() {
            drop((stream, listener));
            let Some(again) = shared.door.opened(&shared.stopped) else { return };
            listener = again;
            continue;
        }
        let shared = Arc::clone(shared);
        // Errors are ignored, because breaking connections is the purpose of this proxy.
        thread::spawn(move || serve(stream, &shared).ok());
    }
}

/// Serves one request per connection. Every answer closes its connection.
fn serve(mut client: TcpStream, shared: &Arc<Shared>) -> Result<()> {
    client.set_read_timeout(Some(wire::PATIENCE))?;
    let request = wire::read_request(&client)?;
    // No lock of `taken` is held while the fault is played. Otherwise the requests of all other actions would wait.
    let (ordered, fault) = taken(&request, shared);
    if let Some(fault) = ordered {
        let answer = spoiled(&request, fault.lands, shared)?;
        return fault::show(client, fault.how, &answer);
    }
    let is_held = fault == Fault::Hold;
    let fault = released(&request, fault, shared);
    // A server of Python has a short queue of connections. If many held requests arrived there at once, most of them
    // would wait for many seconds.
    let _turn = is_held.then(|| lock(&shared.turn));
    let answer = answer(&request, fault, shared)?;
    if let Some(pause) = closes(&request, shared) {
        shared.door.close(pause);
    }
    wire::write(&mut client, &answer)
}

/// Records the request and chooses its faults: the one ordered for this request, and the one of its method. Both happen
/// under one lock. A test that has seen the request may therefore set another fault without changing this request.
fn taken(request: &Recorded, shared: &Shared) -> (Option<record::Fault>, Fault) {
    let mut requests = lock(&shared.requests);
    requests.push(request.clone());
    let ordered = lock(&shared.orders).turn(request).fault;
    (ordered, fault_of(request, shared))
}

fn fault_of(request: &Recorded, shared: &Shared) -> Fault {
    lock(&shared.faults).get(&request.method).cloned().unwrap_or_default()
}

/// Waits while the fault is [`Fault::Hold`]. When the proxy stops, the request ends without an effect.
fn released(request: &Recorded, mut fault: Fault, shared: &Shared) -> Fault {
    while fault == Fault::Hold && !shared.stopped.load(Ordering::SeqCst) {
        thread::sleep(HELD_PAUSE);
        fault = fault_of(request, shared);
    }
    fault
}

/// How long connections are refused once this request is done.
fn closes(request: &Recorded, shared: &Shared) -> Option<Duration> {
    let mut closing = lock(&shared.closing);
    let mut due = None;
    for (at, (on, skip, pause)) in closing.iter_mut().enumerate() {
        if on.means(request) {
            if *skip == 0 {
                due = Some((at, *pause));
            }
            *skip = skip.saturating_sub(1);
        }
    }
    let (at, pause) = due?;
    closing.remove(at);
    Some(pause)
}

/// Returns a well-formed answer, which the fault then damages. A read is always forwarded, because it has no effect. A
/// write is forwarded only if the fault lets the write take effect.
fn spoiled(request: &Recorded, lands: Lands, shared: &Arc<Shared>) -> Result<Vec<u8>> {
    let reads = request.method == "GET";
    let mut body = r#"{"number":1}"#.to_owned();
    if let Lands::After(pause) = lands {
        apply_later(request.clone(), Arc::clone(shared), pause);
    } else if reads || lands == Lands::Before {
        let answer = forward(request, shared)?;
        let text = String::from_utf8_lossy(&answer);
        text.split_once("\r\n\r\n").map_or("", |(_, body)| body).clone_into(&mut body);
    }
    Ok(hostile::answer("200 OK\r\ncontent-type: application/scim+json", body))
}

/// Forwards the request and records it.
fn forward(request: &Recorded, shared: &Shared) -> Result<Vec<u8>> {
    let answer = wire::forward(&shared.upstream, request)?;
    lock(&shared.carried).push((request.clone(), wire::status_of(&answer)));
    Ok(answer)
}

/// The bytes to answer with; `None` closes the connection without an answer.
fn answer(request: &Recorded, fault: Fault, shared: &Arc<Shared>) -> Result<Vec<u8>> {
    let forward = || forward(request, shared);
    match fault {
        Fault::None => forward(),
        Fault::Refuse { status } => Ok(wire::status(status)),
        Fault::DropBefore | Fault::Hold => Ok(Vec::new()),
        Fault::DropAfter => forward().map(|_| Vec::new()),
        Fault::Status5xxAfter => forward().map(|_| wire::status(503)),
        Fault::Lie2xx => Ok(wire::status(204)),
        Fault::LieWith { body } => {
            let head = "200 OK\r\ncontent-type: application/json\r\nconnection: close";
            Ok(hostile::answer(head, body.to_string()))
        }
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
            wire::forward(&shared.upstream, &request.with_body(&numbered(&body, shared)?))?;
            forward()
        }
        Fault::PutBefore { body } => {
            let put = request.with_body(&numbered(&body, shared)?).as_put();
            wire::forward(&shared.upstream, &put)?;
            forward()
        }
        Fault::WithoutTag => forward().map(|answer| wire::without_header(&answer, "etag")),
        Fault::ApplyLater { ms } => {
            apply_later(request.clone(), Arc::clone(shared), Duration::from_millis(ms));
            Ok(wire::status(204))
        }
    }
}

/// The body with the number of requests so far in place of `{n}`.
fn numbered(body: &Value, shared: &Shared) -> Result<Value> {
    let count = lock(&shared.requests).len().to_string();
    Ok(serde_json::from_str(&body.to_string().replace("{n}", &count))?)
}

fn apply_later(request: Recorded, shared: Arc<Shared>, pause: Duration) {
    thread::spawn(move || {
        thread::sleep(pause);
        forward(&request, &shared).ok()
    });
}

/// A panic while the lock was held leaves no partial state here.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
