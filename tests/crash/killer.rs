//! Kills a host from outside, while a write's exchange is at a point that the record knows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use deed_tests::host;
use deed_tests::record::Stop;

use crate::cell::Place;

/// No exchange is waited for longer than this.
const PATIENCE: Duration = Duration::from_secs(90);
/// What lands later than this after its arrival may land after the deadline of its exchange (`desk::TIMEOUT`).
const LANDED: Duration = Duration::from_secs(1);

/// Kills the host while a write's exchange is at the point, then lets the record go on.
pub(crate) fn kill_at(stop: Stop, place: Place, pid: u32, late: Late) {
    thread::spawn(move || {
        if !stop.reached(PATIENCE) {
            return;
        }
        let reached = Instant::now();
        // Nobody is told of a kill that did not succeed: the host lives, and the cell says so.
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

/// Whether a request that lands late did so beyond its deadline, because this machine was busy.
#[derive(Clone, Default)]
pub(crate) struct Late(Arc<AtomicBool>);

impl Late {
    pub(crate) fn is_over(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
