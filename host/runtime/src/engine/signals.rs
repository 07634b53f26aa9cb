//! Wakes tasks that wait for an event of an action. A signal does not contain the event. It only means that the waiting
//! task should read the journal again, which contains the event.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deed_record::action::id::ActionId;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Signals of one kind, by action. The map contains only actions for which a task waits.
#[derive(Clone, Debug, Default)]
pub(super) struct Signals(Arc<Mutex<HashMap<ActionId, Awaited>>>);

#[derive(Debug, Default)]
struct Awaited {
    notify: Arc<Notify>,
    waiting: usize,
}

/// A handle of one waiting task for the signal of one action.
#[derive(Debug)]
pub(super) struct Signal {
    all: Signals,
    id: ActionId,
    notify: Arc<Notify>,
}

impl Signals {
    pub(super) fn of(&self, id: &ActionId) -> Signal {
        let mut all = self.lock();
        let awaited = all.entry(id.clone()).or_default();
        awaited.waiting += 1;
        let notify = Arc::clone(&awaited.notify);
        Signal { all: self.clone(), id: id.clone(), notify }
    }

    pub(super) fn tell(&self, id: &ActionId) {
        if let Some(awaited) = self.lock().get(id) {
            awaited.notify.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ActionId, Awaited>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Signal {
    /// Returns a future for the next signal after this call, even if the future is awaited later. Create the future
    /// first, then read the journal, then await the future.
    pub(super) fn next(&self) -> Notified<'_> {
        self.notify.notified()
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        let Some(awaited) = all.get_mut(&self.id) else { return };
        awaited.waiting -= 1;
        if awaited.waiting == 0 {
            all.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_told_before_the_wait_is_not_missed() {
        let (signals, id) = (Signals::default(), ActionId::new(1, [1; 10]));
        let (first, second) = (signals.of(&id), signals.of(&id));
        let (one, other) = (first.next(), second.next());
        signals.tell(&id);
        one.await;
        other.await;
        drop(first);
        assert_eq!(signals.lock().len(), 1);
        drop(second);
        assert!(signals.lock().is_empty());
    }

    #[tokio::test]
    async fn other_actions_are_not_told() {
        let (signals, id) = (Signals::default(), ActionId::new(1, [1; 10]));
        let signal = signals.of(&id);
        let mut next = std::pin::pin!(signal.next());
        signals.tell(&ActionId::new(1, [2; 10]));
        assert!(!next.as_mut().enable());
        signals.tell(&id);
        assert!(next.as_mut().enable());
    }
}
