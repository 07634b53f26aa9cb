//! Kills a host from outside while the system of record holds the exchange of a write at a chosen point.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use deed_tests::host;
use deed_tests::record::Stop;

use crate::cell::Place;

/// How long to wait until the exchange of the write reaches the chosen point.
const PATIENCE: Duration = Duration::from_secs(90);
/// If more time than this passes between the arrival of a request and its effect, the effect may come after the
/// deadline of the exchange (`contracts::TIMEOUT`).
const LANDED: Duration = Duration::from_secs(1);

/// Kills the host while the exchange of a write is held at this point, then lets the system of record continue.
pub(crate) fn kill_at(stop: Stop, place: Place, pid: u32, late: Late) {
    thread::spawn(move || {
        if !stop.reached(PATIENCE) {
            return;
        }
        let reached = Instant::now();
        // An error of the kill is ignored: if the kill fails, the results show that the host stayed alive.
        drop(host::kill(pid));
        thread::sleep(place.late().unwrap_or_default());
        if place == Place::ReceivedAndLost {
            stop.cut();
        } else {
            stop.go();
        }
        if place.late().is_some() && reached.elapsed() > LANDED {
            late.0.store(true, Ordering::SeqCst);
        }
    });
}

/// Whether a delayed request took effect after its deadline because this machine was busy.
#[derive(Clone, Default)]
pub(crate) struct Late(Arc<AtomicBool>);

impl Late {
    pub(crate) fn is_over(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
