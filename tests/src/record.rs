//! A system of record that counts writes. The server handles reads and writes over HTTP and reports to a test which
//! writes it *applied*, how often, and with which idempotency key. The record is an oracle that is independent of the
//! host.
//!
//! An item has two slots, `one` and `two`. There are four kinds of items, which differ in the effect of a write: `set`
//! (PUT, a repetition changes nothing), `keyed` (POST, applied once per `Idempotency-Key`), `add` (POST, every write
//! adds an entry that a GET shows) and `opaque` (POST, counted here but not shown by a GET). The items of `setid`,
//! `keyid` and `addid` have a third slot, and an id that later writes must contain.

use std::io::Write as _;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use serde_json::Value;

pub mod contracts;
pub(crate) mod fault;
pub(crate) mod order;
mod stop;
mod store;

use self::order::Orders;
use self::store::Store;
use crate::proxy::{Recorded, wire};
use crate::services::Result;
pub use fault::{Fault, How, Lands};
pub use order::On;
pub use stop::{Gate, Point, Stop};
pub use store::Applied;

/// A server on a free loopback port; it stops accepting when dropped.
pub struct Record {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    store: Mutex<Store>,
    orders: Mutex<Orders>,
    arrived: Mutex<Vec<Recorded>>,
    stopped: AtomicBool,
}

impl Record {
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &accepting));
        Ok(Self { address, shared })
    }

    /// The base URL of the upstream for `deed.toml`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The writes that took effect on this item, in order; on all items when `item` is empty.
    pub fn applied(&self, item: &str) -> Vec<Applied> {
        lock(&self.shared.store).applied(item)
    }

    /// How often a write took effect on this slot of an item.
    pub fn times(&self, item: &str, slot: &str) -> usize {
        self.applied(item).iter().filter(|one| one.slot == slot).count()
    }

    /// The state of the item that a GET of the item shows.
    pub fn shown(&self, kind: &str, item: &str) -> Value {
        lock(&self.shared.store).shown(kind, item)
    }

    /// The requests that arrived since the last [`Record::forget`], in order, regardless of their result.
    pub fn arrived(&self) -> Vec<Recorded> {
        lock(&self.shared.arrived).clone()
    }

    /// Serves the first `skip` requests that match `on`, and applies this fault to the next `times` of them.
    pub fn fail(&self, on: &On, skip: usize, times: usize, fault: Fault) {
        lock(&self.shared.orders).fail(on, skip, times, fault);
    }

    /// Serves the first `skip` requests that match `on`. The next matching request waits at this point until the test
    /// releases it.
    pub fn stop(&self, on: &On, skip: usize, point: Point) -> Stop {
        lock(&self.shared.orders).stop(on, skip, point)
    }

    /// Removes all faults and stops; requests that wait at a stop continue.
    pub fn calm(&self) {
        lock(&self.shared.orders).clear();
    }

    /// Clears the list of requests that arrived; the list of applied writes stays.
    pub fn forget(&self) {
        lock(&self.shared.arrived).clear();
    }
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record").field("base_url", &self.base_url()).finish_non_exhaustive()
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.calm();
        // This connection wakes the accepting thread, which then sees the flag and closes the port.
        TcpStream::connect(self.address).ok();
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().flatten() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let shared = Arc::clone(shared);
        // A broken connection is ignored: applied writes are counted whether or not the answer arrives.
        thread::spawn(move || serve(stream, &shared).ok());
    }
}

/// Serves one request per connection. Every answer closes its connection.
fn serve(mut stream: TcpStream, shared: &Arc<Shared>) -> Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(wire::PATIENCE))?;
    let request = wire::read_request(&stream)?;
    lock(&shared.arrived).push(request.clone());
    let turn = lock(&shared.orders).turn(&request);
    if !turn.goes_on(Point::Received) {
        return Ok(());
    }
    if let Some(fault) = turn.fault {
        return fault::play(stream, &fault, &request, shared);
    }
    let answer = lock(&shared.store).take(&request);
    if !turn.goes_on(Point::Applied) {
        return Ok(());
    }
    let (begin, rest) = answer.split_at(answer.len() / 2);
    stream.write_all(begin)?;
    stream.flush()?;
    if !turn.goes_on(Point::Answering) {
        return Ok(());
    }
    stream.write_all(rest)?;
    stream.shutdown(Shutdown::Write)?;
    turn.goes_on(Point::Answered);
    Ok(())
}

/// A panic while the lock was held leaves no partial state here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
