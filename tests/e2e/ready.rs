//! What the tests share that watch a host refuse new work.

use deed_tests::client::Answer;

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
