//! Counters of refusals since the start of the host.

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

    /// Counts a proposal that did not match its contract. A proposal that is refused in this way has no receipt, so
    /// only this counter shows it.
    pub(crate) fn refused(&self) {
        self.refused.inc();
    }

    /// Counts a request that was refused because its principal had too many refusals or requests in progress, or
    /// because too many requests of all callers were in progress.
    pub(crate) fn throttled(&self) {
        self.throttled.inc();
    }

    /// Counts a connection that the host closed before its request had arrived completely, because time was up or to
    /// make room for another connection.
    pub(crate) fn cut(&self) {
        self.cut.inc();
    }

    /// Counts a connection that was refused because every other connection had a request in progress.
    pub(crate) fn turned_away(&self) {
        self.turned_away.inc();
    }
}
