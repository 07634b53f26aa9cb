//! How often something was refused, since the start of the host.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the start of the host.
#[derive(Debug, Default)]
pub struct Metrics {
    pub(crate) unauthorized: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) throttled: AtomicU64,
    pub(crate) cut: AtomicU64,
    pub(crate) turned_away: AtomicU64,
}

impl Metrics {
    pub(crate) fn unauthorized(&self) {
        self.unauthorized.fetch_add(1, Ordering::Relaxed);
    }

    /// A proposal that did not bind: no receipt, so at least a count.
    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// A request of a principal that was refused too often or asks too much at once, or of one too many of all.
    pub(crate) fn throttled(&self) {
        self.throttled.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection whose request did not come in time, or that made room for another.
    pub(crate) fn cut(&self) {
        self.cut.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection that found every other one with a request in progress.
    pub(crate) fn turned_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }
}
