//! Waits for a condition by polling, and fails the test when it does not hold in time.

use std::fmt::Debug;
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any wait of this kind takes.
pub const PATIENCE: Duration = Duration::from_mins(2);
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until this holds.
#[track_caller]
pub fn until(what: &str, holds: impl FnMut() -> bool) {
    answer(what, holds, |holds| *holds);
}

/// Polls until the answer satisfies `so`, and returns that answer.
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
