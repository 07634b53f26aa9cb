//! Who may run now. Takes who asks and which upstreams the run may reach, gives a slot; dropping it
//! hands it on. Nothing runs without one.
//!
//! Never gives a turn to somebody who went away: a future that is dropped while it waits leaves the queue,
//! and one that is dropped with its turn hands the turn on.

mod board;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use self::board::Board;

/// For whom a run is, and what it may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub tenant: String,
    pub agent: String,
    /// The tenant's upstreams by name, each with the most runs that may reach it at once.
    pub upstreams: Vec<(String, usize)>,
}

/// The slots of the sandbox and the queue for them. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct RunQueue(Arc<Mutex<Board<oneshot::Sender<RunSlot>>>>);

/// The right to one run at a time.
#[derive(Debug)]
pub struct RunSlot {
    turns: RunQueue,
    claim: Arc<Claim>,
}

/// How it stands, for operators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub taken: usize,
    pub queued: usize,
    pub upstreams: Vec<Crowd>,
}

/// How it stands with one upstream that runs reach or wait for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Crowd {
    pub tenant: String,
    pub upstream: String,
    pub taken: usize,
    pub queued: usize,
}

/// Somebody in the queue. Dropping it leaves the queue.
struct Queued<'a> {
    turns: &'a RunQueue,
    ticket: u64,
    answer: oneshot::Receiver<RunSlot>,
}

impl RunQueue {
    pub fn new(slots: usize) -> Self {
        Self(Arc::new(Mutex::new(Board::new(slots))))
    }

    /// A turn, if one is free and nobody has to be asked first.
    pub fn try_take(&self, claim: &Arc<Claim>) -> Option<RunSlot> {
        let taken = self.lock().take(claim);
        taken.then(|| self.turn(Arc::clone(claim)))
    }

    /// Waits for a turn: the next one goes to the tenant, and within it to the agent, that has the fewest.
    pub async fn take(&self, claim: &Arc<Claim>) -> RunSlot {
        loop {
            let (send, answer) = oneshot::channel();
            let ticket = self.lock().ask(claim, send);
            let mut queued = Queued { turns: self, ticket, answer };
            self.hand_out();
            // The board lets go of who asks only by answering.
            if let Ok(turn) = (&mut queued.answer).await {
                return turn;
            }
        }
    }

    /// The upstream of this claim that takes no more runs now.
    pub fn crowded(&self, claim: &Claim) -> Option<String> {
        self.lock().crowded(claim).map(str::to_owned)
    }

    pub fn standing(&self) -> Standing {
        self.lock().standing()
    }

    /// Gives turns to those whose turn it is. Whoever went away in this moment hands it on by dropping it.
    fn hand_out(&self) {
        loop {
            let next = self.lock().next();
            let Some((claim, answer)) = next else { return };
            drop(answer.send(self.turn(claim)));
        }
    }

    fn turn(&self, claim: Arc<Claim>) -> RunSlot {
        RunSlot { turns: self.clone(), claim }
    }

    fn lock(&self) -> MutexGuard<'_, Board<oneshot::Sender<RunSlot>>> {
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
        // Whoever was answered is not in the queue any more, and who left may have stood in somebody's way.
        if self.turns.lock().leave(self.ticket) {
            self.turns.hand_out();
        }
    }
}

#[cfg(test)]
mod tests;
