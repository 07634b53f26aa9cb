//! A limit on messages in progress.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Places for messages in progress.
pub(super) struct Slots {
    free: Mutex<usize>,
    freed: Condvar,
}

/// A place that is taken. Dropping it frees the place.
pub(super) struct Slot<'s>(&'s Slots);

impl Slots {
    pub(super) fn new(free: usize) -> Self {
        Self { free: Mutex::new(free), freed: Condvar::new() }
    }

    /// Takes a place. Waits until one is free.
    pub(super) fn take(&self) -> Slot<'_> {
        let waited = self.freed.wait_while(self.lock(), |free| *free == 0);
        *waited.unwrap_or_else(PoisonError::into_inner) -= 1;
        Slot(self)
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.0.lock() += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn no_more_places_are_taken_than_there_are() {
        let (slots, taken, most) = (Slots::new(3), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..24 {
                scope.spawn(|| {
                    let slot = slots.take();
                    most.fetch_max(taken.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    thread::yield_now();
                    taken.fetch_sub(1, Ordering::SeqCst);
                    drop(slot);
                });
            }
        });
        assert!((1..=3).contains(&most.into_inner()));
        assert_eq!(*slots.lock(), 3);
    }
}
