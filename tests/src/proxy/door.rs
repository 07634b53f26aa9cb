//! The listener of a proxy, which is open or closed. While the listener is closed, every connection is refused. The
//! listener keeps its address, and binds the address again when the time is over.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The pause between two checks of the listener's state.
const PAUSE: Duration = Duration::from_millis(2);
/// How long to try to bind the address again.
const BIND_PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Door {
    address: SocketAddr,
    /// The time at which the listener may open again.
    until: Mutex<Option<Instant>>,
    shut: AtomicBool,
}

impl Door {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, until: Mutex::default(), shut: AtomicBool::new(false) }
    }

    /// Closes the listener for this long. The listener is closed when this function returns.
    pub(super) fn close(&self, pause: Duration) {
        *self.until() = Some(Instant::now() + pause);
        // This connection wakes the accepting thread, which then closes the port.
        TcpStream::connect(self.address).ok();
        while !self.shut.load(Ordering::SeqCst) && self.is_closing() {
            thread::sleep(PAUSE);
        }
    }

    /// Opens the listener early. The listener is open when this function returns.
    pub(super) fn open(&self) {
        *self.until() = None;
        while self.shut.load(Ordering::SeqCst) {
            thread::sleep(PAUSE);
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        self.until().is_some_and(|until| Instant::now() < until)
    }

    /// Waits until the time is over and listens again. Returns `None` when the proxy has stopped.
    pub(super) fn opened(&self, stopped: &AtomicBool) -> Option<TcpListener> {
        self.shut.store(true, Ordering::SeqCst);
        while self.is_closing() {
            if stopped.load(Ordering::SeqCst) {
                return None;
            }
            thread::sleep(PAUSE);
        }
        let listener = self.bound();
        self.shut.store(false, Ordering::SeqCst);
        listener
    }

    /// Binds the address again. While the listener was closed, another connection of this machine may have got the port
    /// as its own port, and keeps it for a short time.
    fn bound(&self) -> Option<TcpListener> {
        let end = Instant::now() + BIND_PATIENCE;
        loop {
            match TcpListener::bind(self.address) {
                Ok(listener) => return Some(listener),
                Err(_) if Instant::now() < end => thread::sleep(PAUSE),
                Err(_) => return None,
            }
        }
    }

    fn until(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
