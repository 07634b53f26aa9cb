//! The driver: the only module that knows the order of the stages.
//!
//! HTTP, command line and timers append outside facts (proposed, answered, cancelled) and call
//! [`Engine::advance`]. It reads the status, matches exhaustively, runs one stage, appends the
//! event, and repeats until the action waits for somebody or has ended. Recovery is the same loop.

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
pub(crate) mod open_logs;
#[cfg(test)]
mod race;
mod readiness;
mod recover;
mod resolve;
mod resource;
mod room;
pub(crate) mod run_permit;
mod scope;
mod seal;
mod settle;
pub(crate) mod start;
pub(crate) mod stories;
mod timers;
mod told;
pub(crate) mod unit_of_work;
pub(crate) mod write_ahead;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use deed_record::action::id::ActionId;
use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Story;
use deed_sandbox::{Adapter, RunStanding, Sandbox};
use deed_spec::digest::Digest;
use deed_store::log::{Publisher, Standing};
use deed_store::store::Store;
use deed_system::clock::Clock;

pub use self::error::{EngineError, Fault, Stopping};
pub use self::explain::Explained;
pub use self::in_flight::Waiting;
pub use self::intake::{Accepted, Claimed, IntakeError};
pub use self::key_history::KeyHistoryError;
pub use self::readiness::Unready;
pub use self::stories::StoredPolicies;
pub use self::told::Told;
use crate::capacity::admission::{Course, Limit, Load};
use crate::config::keys::Keys;
use crate::config::{Config, Tenant};
use crate::stage::notify::Notifier;

/// Between two questions whether a driver is under way.
const LOOK_PAUSE: std::time::Duration = std::time::Duration::from_millis(10);

/// Everything that an action needs on its way. One per host; shared by every caller.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    clock: Clock,
    store: Arc<dyn Store>,
    keys: Keys,
    sandbox: Sandbox,
    /// Loaded adapters by the digest of their bytes.
    adapters: BTreeMap<Digest, Adapter>,
    /// One publisher per tenant; it alone writes that tenant's log.
    publishers: BTreeMap<String, Publisher>,
    /// Per tenant, the payload digest of the `activated` statement that is in force.
    activated: BTreeMap<String, Digest>,
    past: crate::engine::key_history::KeyHistory,
    notifier: Notifier,
    flights: crate::engine::in_flight::InFlight,
    timers: timers::Timers,
    admission: crate::capacity::admission::Admission,
    seen: resolve::LastSeen,
    space: readiness::Space,
    told: readiness::Told,
}

impl Engine {
    /// What is configured, by tenant.
    pub fn tenants(&self) -> &BTreeMap<String, Arc<Tenant>> {
        &self.config.tenants
    }

    /// The environment that every action of this host is for.
    pub fn environment(&self) -> &str {
        &self.config.environment
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

    /// Tenant by tenant, how each witness stands to its log.
    pub fn witnesses(&self) -> Vec<(&str, Standing)> {
        let of = |(tenant, publisher)| -> Vec<(&str, Standing)> {
            let (tenant, publisher): (&String, &Publisher) = (tenant, publisher);
            publisher.witnesses().into_iter().map(|one| (tenant.as_str(), one)).collect()
        };
        self.publishers.iter().flat_map(of).collect()
    }

    /// Starts carrying an action as far as it can go; the task outlives a caller that goes away.
    fn advance(self: &Arc<Self>, told: Told, course: Course) -> Waiting {
        let id = told.story.bound.action.id.clone();
        self.launch(&id, Some(told), false, Some(course))
    }

    /// The same for what was accepted before, however much is under way.
    fn carry_on(self: &Arc<Self>, told: Told) -> Waiting {
        let course = self.course_of(&told.story);
        let id = told.story.bound.action.id.clone();
        self.launch(&id, Some(told), false, course)
    }

    /// The course of what was accepted before, however much is under way.
    fn course_of(&self, story: &Story) -> Option<Course> {
        let action = &story.bound.action;
        // What waits or has ended is looked at and rests; that is no work to count.
        let rests = matches!(story.status, Status::Waiting | Status::Ended(_));
        (!rests).then(|| self.admission.enter(&action.tenant, &action.principal))
    }

    fn launch(
        self: &Arc<Self>,
        id: &ActionId,
        told: Option<Told>,
        settling: bool,
        course: Option<Course>,
    ) -> Waiting {
        let (engine, id, course) = (Arc::clone(self), id.clone(), course.map(Course::carrying));
        self.flights.launch(async move {
            let driven = Box::pin(drive::drive(&engine, &id, told, settling)).await;
            drop(course);
            let failed = |error: &EngineError| {
                tracing::error!(action = %id, fault = %error.fault(), %error, "the action cannot go on; it is as the journal has it");
            };
            driven.inspect_err(failed).ok()
        })
    }

    /// Waits until no driver is under way for an action, as far as it is now.
    pub async fn rests(&self, id: &ActionId) {
        if self.flights.pause(self.flights.actions.passes(id.as_str())).await.is_ok() {
            // Where none was, one may be about to begin, or a timer: nobody asks without end.
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }

    /// Waits until our clock says so, but not through a stop of the host.
    pub(super) async fn until(&self, at_ms: i64) -> Result<(), Stopping> {
        self.flights.pause(self.clock.until(at_ms)).await
    }

    /// Takes no new work from now on; drivers that only wait come to rest.
    pub fn stop(&self) {
        self.flights.stop();
    }

    /// After a stop: waits for drivers that are at work, and gives how many do not come to rest in time.
    pub async fn land(&self, patience: std::time::Duration) -> usize {
        self.flights.land(patience).await
    }

    /// How many drivers are under way.
    pub fn under_way(&self) -> usize {
        self.flights.count()
    }

    /// Tenant by tenant, what is under way and what waits for people.
    pub fn loads(&self) -> Vec<Load> {
        self.admission.loads()
    }

    /// How often each limit kept new work out.
    pub fn refused(&self) -> [(Limit, u64); Limit::ALL.len()] {
        self.admission.refused()
    }

    /// Who runs, and who waits for a turn.
    pub fn turns(&self) -> RunStanding {
        self.sandbox.turns().standing()
    }

    /// Syncs and closes the store.
    pub fn close(&self) {
        self.store.close();
    }

    /// Why nothing may run any more: the journal or a log takes no more. The host ends then.
    pub fn failed(&self) -> Option<String> {
        let journal = self.store.failed().map(|why| format!("the journal takes no more: {why}"));
        let logs = || {
            let failed = |(tenant, publisher): (&String, &Publisher)| {
                publisher.failed().map(|why| format!("the log of `{tenant}` takes no more: {why}"))
            };
            self.publishers.iter().find_map(failed)
        };
        journal.or_else(logs)
    }

    pub fn is_stopping(&self) -> bool {
        self.flights.is_stopping()
    }
}
