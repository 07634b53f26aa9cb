//! The engine, which provides the operations that callers may request and the state that drivers share.
//!
//! The HTTP server, the command line and timers append external events (proposed, answered, cancelled) and start a
//! driver. The driver matches exhaustively on the action's status, runs one stage, appends the resulting event, and
//! repeats until the action waits or has ended. Recovery after a restart uses the same loop. Only `drive` knows the
//! order of the stages.

pub(crate) mod activate;
mod attempt;
mod bounds;
mod bundle;
mod drive;
mod error;
mod explain;
mod gate;
mod guard;
pub(crate) mod in_flight;
mod intake;
pub(crate) mod key_history;
mod launch;
mod looks;
mod notices;
pub(crate) mod open_logs;
mod pause;
#[cfg(test)]
mod race;
mod reach;
mod readiness;
mod recover;
mod resolve;
mod resource;
mod room;
pub(crate) mod run_slot;
mod scope;
mod seal;
mod settle;
mod signals;
mod standing;
pub(crate) mod start;
pub(crate) mod stored_action;
pub(crate) mod stories;
mod timers;
pub(crate) mod unit_of_work;
mod wait;
pub(crate) mod write_ahead;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use deed_sandbox::{Adapter, Sandbox};
use deed_spec::digest::Digest;
use deed_store::log::Publisher;
use deed_store::store::Store;
use deed_system::clock::Clock;

pub use self::error::{EngineError, Fault, Stopping};
pub use self::explain::Explained;
pub use self::in_flight::DriverHandle;
pub use self::intake::{Accepted, Claimed, IntakeError};
pub use self::key_history::KeyHistoryError;
pub use self::reach::Reaches;
pub use self::readiness::Unready;
pub use self::stored_action::StoredAction;
pub use self::stories::StoredPolicies;
use crate::capacity::admission::Admission;
use crate::config::keys::Keys;
use crate::config::{Config, Issuer, Tenant, TokenFolder};
use crate::stage::notify::Notifier;

/// The state that actions need at run time. A host has one engine, which all callers share.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    clock: Clock,
    store: Arc<dyn Store>,
    keys: Keys,
    sandbox: Sandbox,
    /// Loaded adapters by the digest of their bytes.
    adapters: BTreeMap<Digest, Adapter>,
    /// One publisher per tenant. Only the publisher writes that tenant's log.
    publishers: BTreeMap<String, Publisher>,
    /// The payload digest of the `activated` statement that is in force for each tenant.
    activated: BTreeMap<String, Digest>,
    key_history: key_history::KeyHistory,
    notifier: Notifier,
    in_flight: in_flight::InFlight,
    timers: timers::Timers,
    told_expiring: notices::ToldExpiring,
    admission: Admission,
    last_seen: resolve::LastSeen,
    reach: reach::KnownReach,
    space: readiness::Space,
    clock_warning: readiness::ClockWarning,
}

impl Engine {
    /// The configured tenants, by name.
    pub fn tenants(&self) -> &BTreeMap<String, Arc<Tenant>> {
        &self.config.tenants
    }

    /// The configured issuers of access tokens, by name.
    pub fn issuers(&self) -> &BTreeMap<String, Arc<Issuer>> {
        &self.config.issuers
    }

    /// The token files of agents.
    pub fn tokens(&self) -> &TokenFolder {
        &self.config.tokens
    }

    /// The later of the host's clock and the system's, in Unix milliseconds. A token expires by this time, so that it
    /// does not stay valid while the host's clock is behind.
    pub fn latest_ms(&self) -> i64 {
        self.clock.latest_ms()
    }

    /// The host's clock.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The configured environment, which is the same for every action of this host.
    pub fn environment(&self) -> &str {
        &self.config.environment
    }

    /// Whether callers reach the host through a proxy.
    pub fn behind_proxy(&self) -> bool {
        self.config.behind_proxy
    }

    /// The beginning of links to the host's pages, if the configuration says at which address people reach the host.
    pub fn public_url(&self) -> Option<&str> {
        self.config.public_url.as_deref()
    }

    /// The folder with the published tiles of a tenant's log.
    pub fn tiles(&self, tenant: &str) -> PathBuf {
        self.config.dir.join("state/log").join(tenant).join("tile")
    }

    pub fn tenant(&self, name: &str) -> Option<&Arc<Tenant>> {
        self.config.tenants.get(name)
    }

    pub fn publisher(&self, tenant: &str) -> Option<&Publisher> {
        self.publishers.get(tenant)
    }

    /// Starts an orderly stop: the engine refuses new work, and drivers that are only waiting end.
    pub fn stop(&self) {
        self.in_flight.stop();
    }

    /// Waits after a stop until all running drivers have ended, but at most `patience`. Returns the number of drivers
    /// that are still running.
    pub async fn land(&self, patience: std::time::Duration) -> usize {
        self.in_flight.land(patience).await
    }

    /// Tries once more to deliver the webhooks that still wait, for at most `patience`.
    pub async fn finish_webhooks(&self, patience: std::time::Duration) {
        self.notifier.finish(patience).await;
    }

    /// Syncs and closes the store.
    pub fn close(&self) {
        self.publishers.values().for_each(Publisher::settle);
        self.store.close();
    }
}
