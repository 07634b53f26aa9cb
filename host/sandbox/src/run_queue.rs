//! The queue for run slots. A caller names the tenant, the agent and the upstreams that the run may reach, and waits
//! for a slot. Dropping a slot passes the slot on to the next caller. No adapter runs without a slot.
//!
//! A slot is not lost when a caller disconnects. A future that is dropped while it waits leaves the queue, and a future
//! that is dropped with its slot passes the slot on.

mod table;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use self::table::RunTable;

/// The tenant and agent of a run, and the upstreams that it may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRequest {
    pub tenant: String,
    pub agent: String,
    /// The tenant's upstreams by name, each with the maximum number of runs that may reach it at the same time.
    pub upstreams: Vec<(String, usize)>,
    /// Whether the adapter uses WASI. Few such runs may go on at once, whatever their tenants.
    pub wasi: bool,
}

/// The run slots of the sandbox and the queue for them. Clones are cheap and share one queue.
#[derive(Clone, Debug)]
pub struct RunQueue(Arc<Mutex<RunTable<oneshot::Sender<RunSlot>>>>);

/// A run slot: the right to run one adapter at a time.
#[derive(Debug)]
pub struct RunSlot {
    turns: RunQueue,
    claim: Arc<RunRequest>,
}

/// The state of the queue, for operators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub taken: usize,
    pub queued: usize,
    pub upstreams: Vec<UpstreamLoad>,
}

/// The number of runs that reach one upstream, and the number that wait for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UpstreamLoad {
    pub tenant: String,
    pub upstream: String,
    pub taken: usize,
    pub queued: usize,
}

/// The place of one caller in the queue. Dropping the place removes the caller from the queue.
struct Queued<'a> {
    turns: &'a RunQueue,
    ticket: u64,
    answer: oneshot::Receiver<RunSlot>,
}

impl RunQueue {
    pub fn new(slots: usize) -> Self {
        Self(Arc::new(Mutex::new(RunTable::new(slots))))
    }

    /// Takes a slot if one is free and no earlier caller is waiting.
    pub fn try_take(&self, claim: &Arc<RunRequest>) -> Option<RunSlot> {
        let taken = self.lock().take(claim);
        taken.then(|| self.turn(Arc::clone(claim)))
    }

    /// Waits for a slot. The next free slot goes to the tenant that has the fewest slots, and within that tenant to the
    /// agent that has the fewest.
    pub async fn take(&self, claim: &Arc<RunRequest>) -> RunSlot {
        loop {
            let (send, answer) = oneshot::channel();
            let ticket = self.lock().ask(claim, send);
            let mut queued = Queued { turns: self, ticket, answer };
            self.hand_out();
            // The table removes a waiting caller only by giving it a slot.
            if let Ok(turn) = (&mut queued.answer).await {
                return turn;
            }
        }
    }

    /// The first upstream of this request that now has its maximum number of runs.
    pub fn crowded(&self, claim: &RunRequest) -> Option<String> {
        self.lock().crowded(claim).map(str::to_owned)
    }

    pub fn standing(&self) -> Standing {
        self.lock().standing()
    }

    /// Gives free slots to the callers whose turn it is. A slot for a caller that has just disconnected is dropped and
    /// thereby passed on.
    fn hand_out(&self) {
        loop {
            let next = self.lock().next();
            let Some((claim, answer)) = next else { return };
            drop(answer.send(self.turn(claim)));
        }
    }

    fn turn(&self, claim: Arc<RunRequest>) -> RunSlot {
        RunSlot { turns: self.clone(), claim }
    }

    fn lock(&self) -> MutexGuard<'_, RunTable<oneshot::Sender<RunSlot>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RunSlot {
    fn drop(&mut self) {
        self.turns.lock().give_back(&self.claim);
        self.turns.hand_out();
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        // If the caller was still in the queue and so had no slot, free slots are assigned again, because the caller
        // may have blocked another caller.
        if self.turns.lock().leave(self.ticket) {
            self.turns.hand_out();
        }
    }
}

#[cfg(test)]
mod tests;
