//! Waits for a condition by polling, and fails the test if the condition is not met in time.

use std::fmt::Debug;
use std::thread;
use std::time::{Duration, Instant};

/// The time limit for a condition, which is longer than any condition takes to hold.
pub const PATIENCE: Duration = Duration::from_mins(2);
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until the condition holds.
#[track_caller]
pub fn until(what: &str, holds: impl FnMut() -> bool) {
    answer(what, holds, |holds| *holds);
}

/// Polls until the answer satisfies the predicate `so`, and returns that answer.
#[track_caller]
#[expect(clippy::missing_panics_doc, reason = "it is for tests, which fail by panicking")]
pub fn answer<T: Debug>(what: &str, mut ask: impl FnMut() -> T, so: impl Fn(&T) -> bool) -> T {
    let start = Instant::now();
    loop {
        let answer = ask();
        if so(&answer) {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "it never came to this: {what}; now: {answer:#?}");
        thread::sleep(PAUSE);
    }
}
