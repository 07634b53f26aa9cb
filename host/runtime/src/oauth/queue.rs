//! Bounds how many requests may ask an issuer at once, and how many may wait for that. Callers are not yet known at
//! this point, so without a bound anyone could occupy every connection and every thread.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Refusal;

/// A queue with limited places.
#[derive(Debug)]
pub(super) struct Queue {
    /// Places of those that wait or ask.
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

/// The permission to ask an issuer, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _place: OwnedSemaphorePermit,
    _turn: OwnedSemaphorePermit,
}

impl Queue {
    /// A queue for these turns, in which this many requests wait or ask. Several queues can share the turns.
    pub(super) fn new(turns: Arc<Semaphore>, places: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), turns }
    }

    /// Waits for a turn; `None` if too many wait already.
    pub(super) async fn enter(&self) -> Option<Turn> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok()?;
        Some(Turn { _place: place, _turn: turn })
    }

    /// Takes a turn if one is free.
    pub(super) fn try_enter(&self) -> Option<Turn> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let turn = Arc::clone(&self.turns).try_acquire_owned().ok()?;
        Some(Turn { _place: place, _turn: turn })
    }
}

impl Turn {
    /// Runs blocking work in a thread. The work continues if its caller disconnects, and the turn ends with the work,
    /// so a caller that disconnects makes no room for another question.
    pub(super) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let held = move || {
            let done = work();
            drop(self);
            done
        };
        tokio::task::spawn_blocking(held).await.map_err(|_| Refusal::Unavailable)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn queue(at_once: usize, places: usize) -> Queue {
        Queue::new(Arc::new(Semaphore::new(at_once)), places)
    }

    #[test]
    fn only_so_many_wait() {
        let queue = queue(1, 1);
        let turn = queue.try_enter().unwrap();
        assert!(queue.try_enter().is_none());
        drop(turn);
        assert!(queue.try_enter().is_some());
    }

    #[test]
    fn a_turn_lasts_as_long_as_its_work_whoever_waits() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let queue = queue(1, 2);
        let (end, ended) = mpsc::channel::<()>();
        runtime.block_on(async {
            let turn = queue.enter().await.unwrap();
            let mut asking = Box::pin(turn.run(move || ended.recv().ok()));
            // The caller disconnects after the work began.
            tokio::select! {
                biased;
                _ = &mut asking => panic!("the work has not ended"),
                () = std::future::ready(()) => {}
            }
            drop(asking);
            assert!(queue.try_enter().is_none(), "the work continues");
            end.send(()).unwrap();
            assert!(queue.enter().await.is_some());
        });
    }
}
