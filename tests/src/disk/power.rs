//! The power state of the disk. This module serializes requests, counts the changes, and stops at the change where the
//! power is cut. After a power cut, no request gets an answer until the disk is switched off; then all requests get an
//! error.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fuser::Errno;

use super::faults::Faults;
use super::image::Image;

/// The state that the serving thread and the test share.
#[derive(Debug, Default)]
pub(super) struct Power {
    state: Mutex<State>,
    turned: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) image: Image,
    pub(super) faults: Faults,
    phase: Phase,
    /// The number of changes since the image was loaded.
    changes: u64,
    /// The number of the first change that will not be made.
    cut_at: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    #[default]
    On,
    /// Requests get no answer, because a machine without power does not return errors either.
    Cut,
    Off,
}

impl Power {
    /// Returns the state to a request that changes nothing.
    pub(super) fn look(&self) -> Result<MutexGuard<'_, State>, Errno> {
        self.powered(self.lock())
    }

    /// Returns the state to a request that makes a change, unless the power is cut at this change.
    pub(super) fn change(&self) -> Result<MutexGuard<'_, State>, Errno> {
        let mut state = self.powered(self.lock())?;
        state.changes += 1;
        if state.cut_at.is_some_and(|at| state.changes >= at) {
            state.phase = Phase::Cut;
            self.turned.notify_all();
        }
        self.powered(state)
    }

    fn powered<'a>(&'a self, state: MutexGuard<'a, State>) -> Result<MutexGuard<'a, State>, Errno> {
        let waited = self.turned.wait_while(state, |state| state.phase == Phase::Cut);
        let state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.phase == Phase::On { Ok(state) } else { Err(Errno::EIO) }
    }

    /// Starts again from this image.
    pub(super) fn load(&self, mut image: Image) {
        let mut state = self.lock();
        image.renumber(state.image.next());
        *state = State { image, ..State::default() };
        self.turned.notify_all();
    }

    /// Cuts the power after this many more changes, in place of the next change.
    pub(super) fn cut_after(&self, changes: u64) {
        let mut state = self.lock();
        state.cut_at = Some(state.changes.saturating_add(changes).saturating_add(1));
    }

    pub(super) fn cut(&self) {
        let mut state = self.lock();
        if state.phase == Phase::On {
            state.phase = Phase::Cut;
            self.turned.notify_all();
        }
    }

    pub(super) fn off(&self) {
        self.lock().phase = Phase::Off;
        self.turned.notify_all();
    }

    /// Waits until the power is cut. Returns whether the power was cut in time.
    pub(super) fn wait(&self, patience: Duration) -> bool {
        let until = |state: &mut State| state.phase == Phase::On;
        let waited = self.turned.wait_timeout_while(self.lock(), patience, until);
        waited.unwrap_or_else(PoisonError::into_inner).0.phase != Phase::On
    }

    pub(super) fn changes(&self) -> u64 {
        self.lock().changes
    }

    /// A panic leaves a consistent state, because every change of the state is a single assignment.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
