//! Helper for tests in which the host refuses new work.

use deed_tests::client::Answer;

/// Asserts that the host refused new work: the answer contains this word and states when to retry.
pub(crate) fn refused(answer: &Answer, word: &str) {
    assert_eq!(
        (answer.status, answer.content_type.as_str()),
        (503, "application/problem+json"),
        "{answer:?}"
    );
    assert!(answer.text("/detail").contains(word), "no `{word}` in {}", answer.json());
    assert!(answer.retry_after.is_some_and(|seconds| seconds > 0), "{answer:?}");
}
