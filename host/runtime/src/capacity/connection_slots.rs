//! Limits the number of connections per listener, and selects the connection to close when all slots are taken.
//!
//! A connection that has not sent its whole request may be closed at any time, because no work has been done for it. A
//! connection with a request in progress keeps its slot.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::capacity::counters::Metrics;

/// The connection slots of one listener.
#[derive(Debug)]
pub(crate) struct ConnectionSlots {
    max: usize,
    patience: Duration,
    metrics: Arc<Metrics>,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    by_number: BTreeMap<u64, Holder>,
}

impl Taken {
    /// The connection whose request has been awaited for the longest time.
    fn oldest(&self) -> Option<u64> {
        let awaited = |(number, holder): (&u64, &Holder)| Some((holder.awaited?, *number));
        self.by_number.iter().filter_map(awaited).min().map(|(_, number)| number)
    }
}

#[derive(Debug)]
struct Holder {
    /// When the host began to wait for a complete request; `None` while a request is in progress.
    awaited: Option<Instant>,
    cut: Arc<Notify>,
}

/// The slot of one connection, which is freed when this value is dropped.
#[derive(Debug)]
pub(crate) struct ConnectionSlot {
    seats: Arc<ConnectionSlots>,
    number: u64,
    cut: Arc<Notify>,
}

impl ConnectionSlots {
    pub(crate) fn new(max: usize, patience: Duration, metrics: Arc<Metrics>) -> Self {
        Self { max, patience, metrics, taken: Mutex::default() }
    }

    /// Takes a slot. If no slot is free, closes the connection whose request has been awaited for the longest time.
    /// Returns `None` when every connection has a request in progress.
    pub(crate) fn take(self: &Arc<Self>, now: Instant) -> Option<ConnectionSlot> {
        let mut taken = self.lock();
        if taken.by_number.len() >= self.max {
            let Some(holder) = taken.oldest().and_then(|n| taken.by_number.remove(&n)) else {
                self.metrics.turned_away();
                return None;
            };
            self.metrics.cut();
            holder.cut.notify_one();
        }
        let (number, cut) = (taken.next, Arc::new(Notify::new()));
        taken.next += 1;
        let holder = Holder { awaited: Some(now), cut: Arc::clone(&cut) };
        taken.by_number.insert(number, holder);
        Some(ConnectionSlot { seats: Arc::clone(self), number, cut })
    }

    /// Closes every connection whose request did not arrive in time.
    pub(crate) fn sweep(&self, now: Instant) {
        let late = |holder: &Holder| {
            holder.awaited.is_some_and(|since| now.duration_since(since) >= self.patience)
        };
        self.lock().by_number.retain(|_, holder| {
            let late = late(holder);
            if late {
                self.metrics.cut();
                holder.cut.notify_one();
            }
            !late
        });
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionSlot {
    /// Marks the connection as waiting for a complete request.
    pub(crate) fn awaiting(&self) {
        self.set(Some(Instant::now()));
    }

    /// Marks the request as arrived, so that the connection is not closed.
    pub(crate) fn serving(&self) {
        self.set(None);
    }

    /// Waits until the slot is given to another connection, or until the request is overdue.
    pub(crate) async fn cut(&self) {
        self.cut.notified().await;
    }

    fn set(&self, awaited: Option<Instant>) {
        if let Some(holder) = self.seats.lock().by_number.get_mut(&self.number) {
            holder.awaited = awaited;
        }
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.seats.lock().by_number.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(15);

    fn seats(max: usize) -> Arc<ConnectionSlots> {
        Arc::new(ConnectionSlots::new(max, PATIENCE, Arc::default()))
    }

    /// Whether the connection was notified to close. The check consumes the notification, so a second call returns
    /// false.
    async fn is_cut(seat: &ConnectionSlot) -> bool {
        tokio::time::timeout(Duration::from_millis(1), seat.cut()).await.is_ok()
    }

    #[tokio::test]
    async fn who_is_awaited_the_longest_gives_way_and_who_is_served_never() {
        let (seats, now) = (seats(3), Instant::now());
        let taken = [0, 1, 2].map(|s| seats.take(now + Duration::from_secs(s)).unwrap());
        let [first, second, third] = &taken;
        first.serving();
        let _fourth = seats.take(now + PATIENCE).unwrap();
        assert!(is_cut(second).await, "the oldest that is not served");
        assert!(!is_cut(first).await && !is_cut(third).await);
        let _fifth = seats.take(now + PATIENCE).unwrap();
        assert!(is_cut(third).await);
    }

    #[tokio::test]
    async fn nobody_comes_in_while_all_are_served_and_a_dropped_seat_is_free() {
        let (seats, now) = (seats(1), Instant::now());
        let only = seats.take(now).unwrap();
        only.serving();
        assert!(seats.take(now).is_none());
        drop(only);
        assert!(seats.take(now).is_some());
    }

    #[tokio::test]
    async fn a_request_that_does_not_come_in_time_is_not_waited_for() {
        let (seats, now) = (seats(3), Instant::now());
        let (silent, served) = (seats.take(now).unwrap(), seats.take(now).unwrap());
        served.serving();
        seats.sweep(now + PATIENCE / 2);
        assert!(!is_cut(&silent).await);
        seats.sweep(now + PATIENCE);
        assert!(is_cut(&silent).await && !is_cut(&served).await);
    }
}
