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
mod current;
mod defer;
mod drafts;
mod drive;
mod dry_run;
mod edit;
mod error;
mod explain;
mod follow;
mod gate;
mod guard;
mod held;
pub(crate) mod in_flight;
mod intake;
pub(crate) mod key_history;
mod launch;
mod load;
mod looks;
mod notices;
pub(crate) mod open_logs;
mod passkeys;
mod pause;
mod people;
#[cfg(test)]
mod race;
mod reach;
mod readiness;
mod recover;
mod rehearse;
mod reload;
mod requester;
mod resolve;
mod resource;
mod revoked;
mod room;
pub(crate) mod run_slot;
mod scope;
mod seal;
mod search;
mod settle;
mod signals;
mod standing;
pub(crate) mod start;
pub(crate) mod stored_action;
mod stored_secrets;
pub(crate) mod stories;
mod timers;
pub(crate) mod unit_of_work;
mod wait;
mod waiting_list;
pub(crate) mod write_ahead;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deed_sandbox::Sandbox;
use deed_store::log::Publisher;
use deed_store::store::Store;
use deed_system::clock::Clock;

pub use self::current::{Current, Derived};
pub use self::error::{EngineError, Fault, Stopping};
pub use self::explain::Explained;
pub use self::in_flight::DriverHandle;
pub use self::intake::{Accepted, Claimed, IntakeError};
pub use self::key_history::KeyHistoryError;
pub use self::reach::Reaches;
pub use self::readiness::Unready;
pub use self::reload::{Refusal, Reloaded, Reloads};
pub use self::search::{LOOKED_MAX, Search, TEXT_MAX, Words};
pub use self::stored_action::StoredAction;
pub use self::stories::StoredPolicies;
pub use self::waiting_list::{Waits, WaitsFor};
use crate::capacity::admission::Admission;
use crate::config::keys::Keys;
use crate::config::{Config, Tenant};

/// The state that actions need at run time. A host has one engine, which all callers share.
#[derive(Debug)]
pub struct Engine {
    /// What stays the same while the host runs.
    fixed: Fixed,
    in_force: current::InForce,
    clock: Clock,
    store: Arc<dyn Store>,
    keys: Keys,
    sandbox: Sandbox,
    /// One publisher per tenant. Only the publisher writes that tenant's log.
    publishers: BTreeMap<String, Publisher>,
    key_history: key_history::KeyHistory,
    reloads: reload::Reloads,
    in_flight: in_flight::InFlight,
    timers: timers::Timers,
    told_again: notices::ToldAgain,
    waiting_list: waiting_list::WaitingList,
    admission: Admission,
    held: held::Held,
    last_seen: resolve::LastSeen,
    space: readiness::Space,
    clock_warning: readiness::ClockWarning,
}

/// Values of the configuration that a running host cannot change.
#[derive(Debug)]
struct Fixed {
    dir: PathBuf,
    environment: String,
    behind_proxy: bool,
    public_url: Option<String>,
}

impl Fixed {
    fn of(config: &Config) -> Self {
        Self {
            dir: config.dir.clone(),
            environment: config.environment.clone(),
            behind_proxy: config.behind_proxy,
            public_url: config.public_url.clone(),
        }
    }
}

impl Engine {
    /// The configuration in force. Take it once for each request or step.
    pub fn current(&self) -> Arc<Current> {
        self.in_force.get()
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
        &self.fixed.environment
    }

    /// The served directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.fixed.dir
    }

    /// Whether callers reach the host through a proxy.
    pub fn behind_proxy(&self) -> bool {
        self.fixed.behind_proxy
    }

    /// The beginning of links to the host's pages, if the configuration says at which address people reach the host.
    pub fn public_url(&self) -> Option<&str> {
        self.fixed.public_url.as_deref()
    }

    /// The folder with the published tiles of a tenant's log.
    pub fn tiles(&self, tenant: &str) -> PathBuf {
        self.fixed.dir.join("state/log").join(tenant).join("tile")
    }

    /// A tenant as it is configured now.
    pub fn tenant(&self, name: &str) -> Option<Arc<Tenant>> {
        self.current().tenant(name).cloned()
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

    /// How many notifications for people had each result since the start, with the channel and the result.
    pub fn people_told(&self) -> Vec<([&'static str; 2], u64)> {
        self.current().notifier.people_told()
    }

    /// Tries once more to deliver the webhooks and notifications that still wait, for at most `patience`.
    pub async fn finish_webhooks(&self, patience: std::time::Duration) {
        let current = self.current();
        current.notifier.finish(patience).await;
    }

    /// Syncs and closes the store.
    pub fn close(&self) {
        self.publishers.values().for_each(Publisher::settle);
        self.store.close();
    }
}
