//! Coordinates the drivers of this process: ensures one driver per action and one attempt per resource, and stops in an
//! orderly way.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use deed_record::action::id::ActionId;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::error::Stopping;
use super::signals::Signals;
use super::stored_action::StoredAction;

/// How often a stopping host logs the number of actions that it still waits for.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// Number of unused lease names that may accumulate before they are removed.
const SWEEP: usize = 64;

/// Named leases, granted in the order of requests (tokio's mutex is fair).
#[derive(Debug, Default)]
pub(super) struct Leases(Mutex<Names>);

#[derive(Debug, Default)]
struct Names {
    all: HashMap<String, Weak<AsyncMutex<()>>>,
    /// How many names were in use after the last removal of unused names.
    held: usize,
}

/// A lease on a name. Dropping this value passes the lease to the next waiter.
pub(super) type Guard = OwnedMutexGuard<()>;

/// The action that holds each resource.
type Holders = Arc<Mutex<HashMap<String, ActionId>>>;

/// A lease on a resource. Dropping this value passes the lease to the next waiter.
#[derive(Debug)]
pub(super) struct Lease {
    _guard: Guard,
    name: String,
    holders: Holders,
}

/// Removes the holder's entry before the guard is released, so that the next holder can insert its own entry.
impl Drop for Lease {
    fn drop(&mut self) {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

impl Leases {
    /// Waits until the lease is free, and takes it.
    pub(super) async fn acquire(&self, name: &str) -> Guard {
        self.mutex(name).lock_owned().await
    }

    /// Takes the lease if it is free.
    fn try_acquire(&self, name: &str) -> Option<Guard> {
        self.mutex(name).try_lock_owned().ok()
    }

    fn mutex(&self, name: &str) -> Arc<AsyncMutex<()>> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Names { all, held } = &mut *names;
        if let Some(mutex) = all.get(name).and_then(Weak::upgrade) {
            return mutex;
        }
        // An unused lease leaves only its name in the map. Removing unused names on every call would cost more than
        // keeping a few.
        if all.len() > 2 * *held + SWEEP {
            all.retain(|_, mutex| mutex.strong_count() > 0);
            *held = all.len();
        }
        let mutex = Arc::new(AsyncMutex::new(()));
        all.insert(name.to_owned(), Arc::downgrade(&mutex));
        mutex
    }
}

/// The running drivers and their leases.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) actions: Leases,
    pub(super) resources: Leases,
    /// Leases of actions whose outcome is not known and which no driver is processing.
    reserved: Mutex<HashMap<ActionId, Lease>>,
    holders: Holders,
    /// Signals of external events (answers, cancellations and resolutions), for drivers that wait for a slot, a
    /// resource or a time.
    pub(super) facts: Signals,
    /// Signals that drivers ended, for callers that wait until an action waits for people or has ended.
    pub(super) ended: Signals,
    stopping: watch::Sender<bool>,
    /// The number of running drivers. A stop waits until this number is zero.
    running: watch::Sender<usize>,
}

impl Default for InFlight {
    fn default() -> Self {
        Self {
            actions: Leases::default(),
            resources: Leases::default(),
            reserved: Mutex::default(),
            holders: Holders::default(),
            facts: Signals::default(),
            ended: Signals::default(),
            stopping: watch::Sender::new(false),
            running: watch::Sender::new(0),
        }
    }
}

/// A started driver. The driver runs whether or not the caller waits for it.
#[derive(Debug)]
pub struct DriverHandle(JoinHandle<Option<StoredAction>>);

impl DriverHandle {
    /// Waits until the action waits for people or has ended, and returns the action. The driver continues if this
    /// future is dropped. Returns `None` when the driver failed or panicked; the caller must then read the action from
    /// the journal.
    pub async fn to_rest(self) -> Option<StoredAction> {
        self.0.await.unwrap_or_default()
    }
}

impl InFlight {
    pub(super) fn reserve(&self, id: &ActionId, lease: Lease) {
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), lease);
    }

    pub(super) fn take_reserved(&self, id: &ActionId) -> Option<Lease> {
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner).remove(id)
    }

    /// Records that this action holds the resource, and returns the lease.
    pub(super) fn hold(&self, guard: Guard, name: &str, id: &ActionId) -> Lease {
        let holders = Arc::clone(&self.holders);
        let name = name.to_owned();
        holders.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), id.clone());
        Lease { _guard: guard, name, holders }
    }

    /// Takes the lease of a resource if it is free.
    pub(super) fn try_hold(&self, name: &str, id: &ActionId) -> Option<Lease> {
        self.resources.try_acquire(name).map(|guard| self.hold(guard, name, id))
    }

    /// The action that holds this resource now.
    pub(super) fn holder(&self, name: &str) -> Option<ActionId> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub(super) fn launch(
        &self,
        id: &ActionId,
        work: impl Future<Output = Option<StoredAction>> + Send + 'static,
    ) -> DriverHandle {
        let landed =
            Landed { running: self.running.clone(), ended: self.ended.clone(), id: id.clone() };
        self.running.send_modify(|n| *n += 1);
        DriverHandle(tokio::spawn(async move {
            let _landed = landed;
            work.await
        }))
    }

    pub(super) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Waits for `over`. Fails with [`Stopping`] when the host stops. A driver writes all its events to the journal
    /// before it waits, so the next start of the host can continue the action.
    pub(super) async fn pause<T>(&self, over: impl Future<Output = T>) -> Result<T, Stopping> {
        let mut stopping = self.stopping.subscribe();
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => Err(Stopping),
            done = over => Ok(done),
        }
    }

    /// The number of running drivers.
    pub(super) fn count(&self) -> usize {
        *self.running.borrow()
    }

    /// Runs `work` if no driver is running. No driver can start until `work` returns.
    pub(super) fn when_idle<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        let mut done = None;
        self.running.send_if_modified(|n| {
            done = (*n == 0).then(work);
            false
        });
        done
    }

    /// Starts a stop: drivers that are only waiting end.
    pub(super) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Waits until every driver has ended, but at most `patience`. Returns the number of drivers that are still
    /// running.
    pub(super) async fn land(&self, patience: Duration) -> usize {
        let mut running = self.running.subscribe();
        let end = Instant::now() + patience;
        loop {
            let actions = *running.borrow_and_update();
            let now = Instant::now();
            if actions == 0 || now >= end {
                return actions;
            }
            tracing::info!(actions, "stopping: the host waits for actions under way");
            let landed = running.wait_for(|n| *n == 0);
            timeout_at(end.min(now + SAY_EVERY), landed).await.map(|_| ()).unwrap_or_default();
        }
    }
}

/// Decrements the driver count on drop, even if the driver panics.
struct Landed {
    running: watch::Sender<usize>,
    ended: Signals,
    id: ActionId,
}

impl Drop for Landed {
    fn drop(&mut self) {
        self.running.send_modify(|n| *n -= 1);
        self.ended.tell(&self.id);
    }
}
