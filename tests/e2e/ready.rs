//! Helpers of the tests that watch a host become ready or not.

use std::thread;
use std::time::{Duration, Instant};

use deed_tests::client::Answer;

/// Waits until the condition holds. A minute is more than any condition here takes.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_mins(1), "it never came to this: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The host refuses new work: the answer contains this word and a `Retry-After`.
pub(crate) fn refused(answer: &Answer, word: &str) {
    assert_eq!(
        (answer.status, answer.content_type.as_str()),
        (503, "application/problem+json"),
        "{answer:?}"
    );
    assert!(answer.text("/detail").contains(word), "no `{word}` in {}", answer.json());
    assert!(answer.retry_after.is_some_and(|seconds| seconds > 0), "{answer:?}");
}
