use super::*;

#[test]
fn time_begins_with_the_system_s() {
    let clock = Clock::new();
    assert!(clock.now_ms() > 1_700_000_000_000, "{clock:?}");
    assert_eq!(clock.drift(), None);
    assert!(clock.began_ms() <= clock.now_ms());
}

#[test]
fn a_jump_of_the_system_s_clock_is_noticed_and_changes_nothing() {
    let clock = Clock::new();
    let before = clock.now_ms();
    for hours in [-5, -1, 1, 5] {
        let jumped = before + hours * 3_600_000;
        match clock.drift_from(|| jumped) {
            Some(Drift::Ahead(ms)) => assert!(hours > 0 && ms > 3_500_000, "{ms}"),
            Some(Drift::Behind(ms)) => assert!(hours < 0 && ms >= 3_600_000, "{ms}"),
            None => panic!("{hours} hours were not noticed"),
        }
        let now = clock.now_ms();
        assert!(now >= before && now < before + 3_500_000, "{now}");
    }
}

#[test]
fn what_network_time_does_is_not_noticed() {
    let clock = Clock::new();
    assert_eq!(clock.drift_from(|| clock.now_ms() + SLACK_MS), None);
    assert_eq!(clock.drift_from(|| clock.now_ms() - SLACK_MS), None);
    assert_eq!(clock.adopt_from(clock.now_ms() + SLACK_MS), None);
    assert!(clock.drift_from(|| clock.now_ms() + 2 * SLACK_MS).is_some());
}

#[test]
fn a_thread_that_is_held_up_has_seen_no_jump() {
    let clock = Clock::new();
    let held_up = || {
        let read = clock.now_ms();
        // Simulates a thread that is delayed for three seconds before it returns the value that it has read.
        clock.adopt_from(read + 3_000);
        read
    };
    assert_eq!(clock.drift_from(held_up), None);
}

#[test]
fn the_system_s_time_is_taken_over_forwards_only() {
    let clock = Clock::new();
    let before = clock.now_ms();
    assert_eq!(clock.adopt_from(before - 3_600_000), None);
    assert!(clock.now_ms() < before + 3_600_000);
    let ahead = before + 3_600_000;
    assert!(matches!(clock.clone().adopt_from(ahead), Some(Drift::Ahead(_))));
    assert!(clock.now_ms() >= ahead, "clones are one clock");
    assert_eq!(clock.adopt_from(ahead), None, "once");
    assert!(clock.now_ms() < ahead + 3_600_000);
}

#[tokio::test]
async fn a_wait_is_over_when_the_clock_says_so() {
    let clock = Clock::new();
    let end = clock.now_ms() + 30;
    clock.until(end).await;
    assert!(clock.now_ms() >= end);
    // If the clock adopts a system time that is an hour ahead, a wait for this hour ends at once.
    let end = clock.now_ms() + 3_600_000;
    let waiting = tokio::spawn({
        let clock = clock.clone();
        async move { clock.until(end).await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    assert!(clock.adopt_from(end).is_some());
    waiting.await.unwrap();
}
