//! Waiting for what must come: asks again and again, and fails the test that waits in vain.

use std::fmt::Debug;
use std::thread;
use std::time::{Duration, Instant};

/// More than anything takes that a test waits for like this.
pub const PATIENCE: Duration = Duration::from_mins(2);
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until this holds.
#[track_caller]
pub fn until(what: &str, holds: impl FnMut() -> bool) {
    answer(what, holds, |holds| *holds);
}

/// The first answer that is so.
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
