//! Who may run what now: one driver per action, one attempt per resource, and an orderly stop.

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

/// How often an operator is told what a stop still waits for.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// Names that may lie about before it is worth looking for those that nobody holds.
const SWEEP: usize = 64;

/// Named leases, handed out in the order of asking (tokio's mutex is fair).
#[derive(Debug, Default)]
pub(super) struct Leases(Mutex<Names>);

#[derive(Debug, Default)]
struct Names {
    all: HashMap<String, Weak<AsyncMutex<()>>>,
    /// How many were held when the others were last swept out.
    held: usize,
}

/// A held name; dropping it hands it on.
pub(super) type Guard = OwnedMutexGuard<()>;

/// Who has which resource.
type Holders = Arc<Mutex<HashMap<String, ActionId>>>;

/// A held resource; dropping it hands it on.
#[derive(Debug)]
pub(super) struct Lease {
    _guard: Guard,
    name: String,
    holders: Holders,
}

/// The name goes before the guard does: whoever is next writes down its own.
impl Drop for Lease {
    fn drop(&mut self) {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

impl Leases {
    /// Waits for the lease.
    pub(super) async fn acquire(&self, name: &str) -> Guard {
        self.mutex(name).lock_owned().await
    }

    /// The lease if nobody has it.
    fn try_acquire(&self, name: &str) -> Option<Guard> {
        self.mutex(name).try_lock_owned().ok()
    }

    fn mutex(&self, name: &str) -> Arc<AsyncMutex<()>> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Names { all, held } = &mut *names;
        if let Some(mutex) = all.get(name).and_then(Weak::upgrade) {
            return mutex;
        }
        // Leases that nobody holds or waits for are only names; to look for them each time would cost more.
        if all.len() > 2 * *held + SWEEP {
            all.retain(|_, mutex| mutex.strong_count() > 0);
            *held = all.len();
        }
        let mutex = Arc::new(AsyncMutex::new(()));
        all.insert(name.to_owned(), Arc::downgrade(&mutex));
        mutex
    }
}

/// The drivers that are under way.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) actions: Leases,
    pub(super) resources: Leases,
    /// Leases of actions of which nobody knows what became of them, while no driver runs for them.
    reserved: Mutex<HashMap<ActionId, Lease>>,
    holders: Holders,
    /// Facts from outside, for a driver that waits for something else.
    pub(super) facts: Signals,
    /// Ends of drivers, for those who wait for an action to come to rest.
    pub(super) ended: Signals,
    stopping: watch::Sender<bool>,
    /// How many drivers run; the stop waits for zero.
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

/// A driver that was started; waiting for it is up to the caller.
#[derive(Debug)]
pub struct Waiting(JoinHandle<Option<StoredAction>>);

impl Waiting {
    /// Waits until the action rests or ends, and gives what it came to; it goes on when nobody waits. None
    /// where the driver could not go on, or panicked: the action is as the journal has it.
    pub async fn to_rest(self) -> Option<StoredAction> {
        self.0.await.unwrap_or_default()
    }
}

impl InFlight {
    pub(super) fn reserve(&self, id: &ActionId, lease: Lease) {
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), lease);
    }

    pub(super) fn reserved(&self, id: &ActionId) -> Option<Lease> {
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner).remove(id)
    }

    /// The lease of a resource that this action was given.
    pub(super) fn hold(&self, guard: Guard, name: &str, id: &ActionId) -> Lease {
        let holders = Arc::clone(&self.holders);
        let name = name.to_owned();
        holders.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), id.clone());
        Lease { _guard: guard, name, holders }
    }

    /// The lease of a resource if nobody has it.
    pub(super) fn try_hold(&self, name: &str, id: &ActionId) -> Option<Lease> {
        self.resources.try_acquire(name).map(|guard| self.hold(guard, name, id))
    }

    /// The action that has this resource now.
    pub(super) fn holder(&self, name: &str) -> Option<ActionId> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub(super) fn launch(
        &self,
        id: &ActionId,
        work: impl Future<Output = Option<StoredAction>> + Send + 'static,
    ) -> Waiting {
        let landed = Landed { running: self.running.clone(), ended: self.ended.clone(), id: id.clone() };
        self.running.send_modify(|n| *n += 1);
        Waiting(tokio::spawn(async move {
            let _landed = landed;
            work.await
        }))
    }

    pub(super) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Waits for this, but not through a stop of the host: the journal has what a driver waits with, and
    /// the next start goes on from there.
    pub(super) async fn pause<T>(&self, over: impl Future<Output = T>) -> Result<T, Stopping> {
        let mut stopping = self.stopping.subscribe();
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => Err(Stopping),
            done = over => Ok(done),
        }
    }

    /// How many drivers are under way.
    pub(super) fn count(&self) -> usize {
        *self.running.borrow()
    }

    /// Does this while no driver is under way: none takes off in between.
    pub(super) fn when_idle<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        let mut done = None;
        self.running.send_if_modified(|n| {
            done = (*n == 0).then(work);
            false
        });
        done
    }

    /// From now on, who only waits rests.
    pub(super) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Waits until every driver rests; gives how many do not in that time.
    pub(super) async fn land(&self, patience: Duration) -> usize {
        let mut running = self.running.subscribe();
        let end = Instant::now() + patience;
        loop {
            let actions = *running.borrow_and_update();
            let now = Instant::now();
            if actions == 0 || now >= end {
                return actions;
            }
            tracing::info!(actions, "stopping: actions are under way and are waited for");
            let landed = running.wait_for(|n| *n == 0);
            timeout_at(end.min(now + SAY_EVERY), landed).await.map(|_| ()).unwrap_or_default();
        }
    }
}

/// Counts a driver down even when it is dropped or panics.
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
