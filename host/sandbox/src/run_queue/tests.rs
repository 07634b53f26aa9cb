//! Tests slots with concurrent tasks. A caller that disconnects does not keep its slot.

use std::time::Duration;

use super::*;

fn claim(tenant: &str) -> Arc<RunRequest> {
    Arc::new(RunRequest {
        tenant: tenant.into(),
        agent: "x".into(),
        upstreams: vec![("u".into(), 8)],
        wasi: false,
    })
}

/// Whether no slot is taken and no caller waits.
fn is_idle(turns: &RunQueue) -> bool {
    turns.standing() == Standing::default()
}

#[tokio::test]
async fn who_goes_away_while_it_waits_leaves_the_queue() {
    let (turns, one) = (RunQueue::new(1), claim("a"));
    let held = turns.take(&one).await;
    let mut waits = Box::pin(turns.take(&one));
    assert!(tokio::time::timeout(Duration::from_millis(5), &mut waits).await.is_err());
    assert_eq!((turns.standing().taken, turns.standing().queued), (1, 1));
    drop(waits);
    assert_eq!(turns.standing().queued, 0);
    drop(held);
    assert!(is_idle(&turns), "{:?}", turns.standing());
    assert!(turns.try_take(&one).is_some());
}

#[tokio::test]
async fn who_goes_away_with_its_turn_hands_it_on() {
    let (turns, one) = (RunQueue::new(1), claim("a"));
    let held = turns.take(&one).await;
    let mut first = Box::pin(turns.take(&one));
    assert!(tokio::time::timeout(Duration::from_millis(5), &mut first).await.is_err());
    let second = tokio::spawn({
        let (turns, one) = (turns.clone(), Arc::clone(&one));
        async move { drop(turns.take(&one).await) }
    });
    while turns.standing().queued < 2 {
        tokio::task::yield_now().await;
    }
    // The future of the first caller has been given a slot but is never polled again.
    drop(held);
    drop(first);
    second.await.unwrap();
    assert!(is_idle(&turns), "{:?}", turns.standing());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_that_comes_and_goes_loses_no_slot() {
    let turns = RunQueue::new(4);
    let tasks = (0..400_u64).map(|n| {
        let (turns, one) = (turns.clone(), claim(["a", "b", "c"][usize::try_from(n % 3).unwrap()]));
        tokio::spawn(async move {
            let patience = Duration::from_micros(n * 37 % 900);
            if let Ok(turn) = tokio::time::timeout(patience, turns.take(&one)).await {
                tokio::time::sleep(Duration::from_micros(n % 5 * 100)).await;
                drop(turn);
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert!(is_idle(&turns), "{:?}", turns.standing());
}
