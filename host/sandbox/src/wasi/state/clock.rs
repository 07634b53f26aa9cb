//! The clocks of a run. They begin at the time in the action's id and advance only by what the guest does, so that two
//! runs of one action see the same times.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use deed_record::action::id::ActionId;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::Pollable;

/// Nanoseconds by which each reading advances the clocks, so that a guest that waits in a loop for a later time ends.
pub(in crate::wasi) const READING: u64 = 1_000;

/// A clock that stands still between the guest's calls. Clones share one clock.
#[derive(Clone)]
pub(in crate::wasi) struct VirtualClock {
    /// Unix time in nanoseconds at which the run begins.
    pub(in crate::wasi) start: u64,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Nanoseconds since the run began.
    elapsed: u64,
    /// Deadlines that the guest waits for.
    awaited: BTreeSet<u64>,
}

impl VirtualClock {
    pub(in crate::wasi) fn new(action: &ActionId) -> Self {
        let start = action.created_ms().saturating_mul(1_000_000);
        Self { start, state: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nanoseconds since the run began.
    pub(in crate::wasi) fn read(&self) -> u64 {
        let mut state = self.lock();
        state.elapsed = state.elapsed.saturating_add(READING);
        state.elapsed
    }

    /// Nanoseconds since the run began, without a reading.
    pub(in crate::wasi) fn elapsed(&self) -> u64 {
        self.lock().elapsed
    }

    /// Whether a deadline has passed. Otherwise, it is noted as awaited.
    fn has_passed(&self, deadline: u64) -> bool {
        let mut state = self.lock();
        let has_passed = deadline <= state.elapsed;
        if !has_passed {
            state.awaited.insert(deadline);
        }
        has_passed
    }

    pub(in crate::wasi) fn forget_awaited(&self) {
        self.lock().awaited.clear();
    }

    /// Advances the clock to the first awaited deadline, and returns by how much; `None` if no deadline is awaited.
    pub(in crate::wasi) fn advance(&self) -> Option<Duration> {
        let mut state = self.lock();
        let first = *state.awaited.first()?;
        let pause = first.saturating_sub(state.elapsed);
        state.elapsed = state.elapsed.max(first);
        Some(Duration::from_nanos(pause))
    }
}

/// A deadline that a guest can wait for.
pub(in crate::wasi) struct Timer {
    pub(in crate::wasi) deadline: u64,
    pub(in crate::wasi) clock: VirtualClock,
}

#[async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {
        poll_fn(
            |_| {
                if self.clock.has_passed(self.deadline) { Poll::Ready(()) } else { Poll::Pending }
            },
        )
        .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_advances_only_by_readings_and_awaited_deadlines() {
        let id = ActionId::new(1_700_000_000_000, [7; 10]);
        let clock = VirtualClock::new(&id);
        assert_eq!(clock.start, 1_700_000_000_000_000_000);
        assert_eq!((clock.read(), clock.read()), (READING, 2 * READING));
        assert_eq!(clock.advance(), None, "the guest waits for nothing");
        assert!(!clock.has_passed(5_000_000) && !clock.has_passed(3_000_000));
        assert_eq!(clock.advance(), Some(Duration::from_nanos(3_000_000 - 2 * READING)));
        assert!(clock.has_passed(3_000_000) && !clock.has_passed(5_000_000));
        clock.forget_awaited();
        assert_eq!(clock.advance(), None);
    }
}
