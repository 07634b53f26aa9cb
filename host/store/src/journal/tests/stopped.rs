//! Tests a journal that accepts no more appends: every caller gets the error, and no caller waits forever.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn a_closed_journal_vouches_for_nothing() {
    let scratch = Scratch::new();
    let journal = scratch.open();
    journal.append(append("a", 0, "1")).await.unwrap();
    journal.close();
    let closed = Err(AppendError::Failed(Failure::Closed));
    for action in ["a", "never"] {
        assert_eq!(journal.sync_action(action).await, closed, "{action}");
    }
    assert_eq!(journal.failed(), None);
}

/// After a write failure, data that was already on disk can be read until the host ends.
#[tokio::test]
async fn a_journal_that_failed_vouches_for_what_was_on_disk_before() {
    let scratch = Scratch::new();
    drop(scratch.open());
    let mut broken = writer(&scratch, 0);
    broken.answer(vec![Some(append("a", 0, "1"))]);
    broken.segments.break_disk();
    let journal = open::start(broken, &scratch.0).unwrap();
    let lost = journal.append(append("b", 0, "1")).await;
    let failed = Err(AppendError::Failed(journal.failed().unwrap().clone()));
    assert_eq!(lost.map(drop), failed);
    assert_eq!(journal.sync_action("a").await, Ok(()));
    assert_eq!(journal.sync_action("b").await, failed);
    assert_eq!(journal.sync().await, failed);
}

/// The writer of this test panics, because its last record already has the largest possible number.
#[tokio::test]
async fn a_writer_that_panics_is_a_failure_that_everybody_sees() {
    let scratch = Scratch::new();
    drop(scratch.open());
    let journal = open::start(writer(&scratch, u64::MAX), &scratch.0).unwrap();
    let failure = AppendError::Failed(writer::panicked());
    let appends = tokio::time::timeout(Duration::from_secs(30), async {
        let (one, other) = (append("a", 0, "1"), append("b", 0, "1"));
        tokio::join!(journal.append(one), journal.append(other), journal.sync())
    });
    let (one, other, sync) = appends.await.unwrap();
    assert_eq!((one, other, sync.is_err()), (Err(failure.clone()), Err(failure.clone()), true));
    assert_eq!(journal.failed(), Some(&writer::panicked()));
    let proof = journal.append_durable(append("c", 0, "1")).await;
    assert_eq!(proof.err(), Some(failure.clone()));
    assert_eq!(journal.sync_action("a").await, Err(failure.clone()));
    assert_eq!(journal.sync().await, Err(failure));
    journal.close();
}
