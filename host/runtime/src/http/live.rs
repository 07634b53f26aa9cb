//! What the routes make from the configuration in force: the callers with their tokens, and the issuers.

use std::sync::Arc;

use tokio::time::Instant;

use super::auth::Callers;
use crate::engine::{Current, Engine};
use crate::oauth::Issuers;

/// The callers and issuers of one configuration.
#[derive(Debug)]
pub(in crate::http) struct Live {
    pub(in crate::http) current: Arc<Current>,
    pub(in crate::http) callers: Callers,
    pub(in crate::http) issuers: Issuers,
}

impl Live {
    /// The callers and issuers of the first configuration, for a listener with at most this many connections.
    pub(super) fn first(engine: &Engine, current: Arc<Current>, connections_max: usize) -> Self {
        let callers = Callers::of(current.tenants(), connections_max);
        let issuers = issuers(engine, &current);
        Self { current, callers, issuers }
    }

    /// The callers and issuers of another configuration. An agent or person that both have keeps its budget. The tokens
    /// of `tokens/` are read again, because they are checked against the configuration.
    pub(in crate::http) fn next(&self, engine: &Engine, current: &Arc<Current>) -> Self {
        let began = Instant::now();
        let callers = self.callers.next(current.tenants());
        // If the folder cannot be read now, the thread that reads it every second logs the fault, and accepts the tokens
        // when it can read them.
        if let Ok(read) = current.tokens().read() {
            callers.put(read.valid.iter(), read.faults.len(), began);
        }
        Self { current: Arc::clone(current), callers, issuers: issuers(engine, current) }
    }
}

fn issuers(engine: &Engine, current: &Current) -> Issuers {
    Issuers::new(current.issuers(), current.tenants(), engine.clock())
}
