//! A point of an exchange at which it waits: the exchange says that it is there, the test says how it
//! goes on. Never waits for ever: a test that is gone lets everything go.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Where an exchange can wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The whole request is here and nothing was done about it.
    Received,
    /// It has taken effect and no byte of the answer has left.
    Applied,
    /// Half of the answer has left.
    Answering,
    /// The whole answer has left.
    Answered,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Awaited,
    Here,
    Open,
    Cut,
}

/// What exchange and test share.
#[derive(Debug, Clone, Default)]
pub(super) struct Gate(Arc<(Mutex<State>, Condvar)>);

impl Gate {
    /// Says that the exchange is here and waits. Gives whether it goes on.
    pub(super) fn pass(&self) -> bool {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if *state == State::Awaited {
            *state = State::Here;
            changed.notify_all();
        }
        while *state == State::Here {
            state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        *state == State::Open
    }

    pub(super) fn open(&self) {
        self.set(State::Open);
    }

    fn set(&self, next: State) {
        let (state, changed) = &*self.0;
        *state.lock().unwrap_or_else(PoisonError::into_inner) = next;
        changed.notify_all();
    }

    fn reached(&self, patience: Duration) -> bool {
        let (state, changed) = &*self.0;
        let end = Instant::now() + patience;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        while *state == State::Awaited {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            (state, _) = changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
        true
    }
}

/// The test's end of it. Dropping it cuts the connection of whoever waits.
#[derive(Debug)]
pub struct Stop(Gate);

impl Stop {
    pub(super) fn new(gate: Gate) -> Self {
        Self(gate)
    }

    /// Waits until an exchange is at the point; gives whether one came.
    pub fn reached(&self, patience: Duration) -> bool {
        self.0.reached(patience)
    }

    /// The exchange goes on as if nothing had been, also when its caller is dead by now.
    pub fn go(self) {
        self.0.open();
    }

    /// The connection ends here; what was not done by now is not done.
    pub fn cut(self) {
        self.0.set(State::Cut);
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        let (state, changed) = &*self.0.0;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if *state != State::Open {
            *state = State::Cut;
            changed.notify_all();
        }
    }
}
