//! What the tests share that watch a host become ready or not.

use std::thread;
use std::time::{Duration, Instant};

use deed_tests::client::Answer;

/// Waits until this holds: a minute is more than anything here takes.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_mins(1), "it never came to this: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Nothing new is taken: the answer says so in this word, and when to come back.
pub(crate) fn refused(answer: &Answer, word: &str) {
    assert_eq!(
        (answer.status, answer.content_type.as_str()),
        (503, "application/problem+json"),
        "{answer:?}"
    );
    assert!(answer.text("/detail").contains(word), "no `{word}` in {}", answer.json());
    assert!(answer.retry_after.is_some_and(|seconds| seconds > 0), "{answer:?}");
}
