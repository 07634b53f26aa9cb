//! A point at which an exchange waits until the test decides how it continues. If the test has ended, the exchange is
//! released.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The points at which an exchange can wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The complete request has arrived and has not taken effect.
    Received,
    /// The request has taken effect and no byte of the answer has been sent.
    Applied,
    /// Half of the answer has been sent.
    Answering,
    /// The complete answer has been sent.
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

/// The state that the exchange and the test share. A test gets it as a [`Stop`].
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<(Mutex<State>, Condvar)>);

impl Gate {
    /// Reports that the exchange is at the point, and waits. Returns whether the exchange continues.
    pub(crate) fn pass(&self) -> bool {
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

/// The test's handle. Dropping the handle cuts the connection of the waiting exchange.
#[derive(Debug)]
pub struct Stop(Gate);

impl Stop {
    pub(crate) fn new(gate: Gate) -> Self {
        Self(gate)
    }

    /// Waits until an exchange is at the point. Returns whether an exchange arrived in time.
    pub fn reached(&self, patience: Duration) -> bool {
        self.0.reached(patience)
    }

    /// Lets the exchange continue normally, even if its caller has been killed.
    pub fn go(self) {
        self.0.open();
    }

    /// Closes the connection at the point where the exchange waits. If the request has not taken effect yet, it never
    /// will.
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
