//! How often something was refused, since the start of the host.

use prometheus_client::metrics::counter::Counter;

/// Counters since the start of the host.
#[derive(Debug, Default)]
pub struct Metrics {
    pub(crate) unauthorized: Counter,
    pub(crate) refused: Counter,
    pub(crate) throttled: Counter,
    pub(crate) cut: Counter,
    pub(crate) turned_away: Counter,
}

impl Metrics {
    pub(crate) fn unauthorized(&self) {
        self.unauthorized.inc();
    }

    /// A proposal that did not bind: no receipt, so at least a count.
    pub(crate) fn refused(&self) {
        self.refused.inc();
    }

    /// A request of a principal that was refused too often or asks too much at once, or of one too many of all.
    pub(crate) fn throttled(&self) {
        self.throttled.inc();
    }

    /// A connection whose request did not come in time, or that made room for another.
    pub(crate) fn cut(&self) {
        self.cut.inc();
    }

    /// A connection that found every other one with a request in progress.
    pub(crate) fn turned_away(&self) {
        self.turned_away.inc();
    }
}
