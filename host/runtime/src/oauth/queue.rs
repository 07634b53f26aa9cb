//! Bounds how many requests may ask an issuer at once, and how many may wait for that. Callers are not yet known at
//! this point, so without a bound anyone could occupy every connection.

use tokio::sync::{Semaphore, SemaphorePermit};

/// A queue with limited places.
#[derive(Debug)]
pub(super) struct Queue {
    /// Places of those that wait or ask.
    places: Semaphore,
    turns: Semaphore,
}

/// The permission to ask an issuer, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    _place: SemaphorePermit<'a>,
    _turn: SemaphorePermit<'a>,
}

impl Queue {
    /// A queue in which this many requests ask at once, and this many wait.
    pub(super) fn new(at_once: usize, waiting: usize) -> Self {
        Self { places: Semaphore::new(at_once + waiting), turns: Semaphore::new(at_once) }
    }

    /// Waits for a turn; `None` if too many wait already.
    pub(super) async fn enter(&self) -> Option<Turn<'_>> {
        let place = self.places.try_acquire().ok()?;
        let turn = self.turns.acquire().await.ok()?;
        Some(Turn { _place: place, _turn: turn })
    }

    /// Takes a turn if one is free.
    pub(super) fn try_enter(&self) -> Option<Turn<'_>> {
        let place = self.places.try_acquire().ok()?;
        let turn = self.turns.try_acquire().ok()?;
        Some(Turn { _place: place, _turn: turn })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_wait() {
        let queue = Queue::new(1, 0);
        let turn = queue.try_enter().unwrap();
        assert!(queue.try_enter().is_none());
        drop(turn);
        assert!(queue.try_enter().is_some());
    }
}
