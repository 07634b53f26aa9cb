//! Tests many writers at the same time. Each writer gets the index of its entry and a checkpoint that covers the entry,
//! and readers see the checkpoint soon.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deed_record::lifecycle::event::Leaf;
use deed_spec::digest::Digest;
use deed_system::clock::Clock;

use super::*;
use crate::group_commit::GroupCommit;

const WRITERS: u64 = 32;
const EACH: u64 = 20;

fn leaf(number: u64) -> Leaf {
    let payload = Digest::of(&number.to_be_bytes());
    Leaf { kind: "receipt".to_owned(), payload, index: 0 }
}

fn unwitnessed(scratch: &Scratch) -> Publisher {
    Publisher::start(
        scratch.open().unwrap(),
        &Arc::default(),
        &Clock::new(),
        &GroupCommit::default(),
    )
}

fn shown(publisher: &Publisher) -> u64 {
    publisher.checkpoint().map_or(0, |note| verify(&note, key().verifier()).unwrap().size)
}

async fn soon(holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_mins(1), "it never came");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_is_logged_once_each_and_shown_when_it_has_gone() {
    let scratch = Scratch::new();
    let publisher = unwitnessed(&scratch);
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let publisher = publisher.clone();
        writers.push(tokio::spawn(async move {
            let mut placed = Vec::new();
            for n in 0..EACH {
                // Half of the leaves occur twice in one request, and a second writer also publishes each leaf.
                let own = leaf(writer / 2 * EACH + n);
                let wanted = if n % 2 == 0 { vec![own.clone(), own] } else { vec![own] };
                let published = publisher.publish(wanted).await.unwrap();
                let tree = verify(&published.checkpoint, key().verifier()).unwrap();
                for leaf in published.leaves {
                    let path = publisher.prove(leaf.index, tree.size).unwrap();
                    let hash = leaf_hash(&leaf.entry());
                    assert!(verify_inclusion(leaf.index, tree.size, &hash, &path, &tree.root));
                    placed.push((leaf.payload, leaf.index));
                }
            }
            placed
        }));
    }
    let mut places = HashMap::new();
    for writer in writers {
        for (payload, index) in writer.await.unwrap() {
            assert_eq!(*places.entry(payload).or_insert(index), index, "one place for ever");
        }
    }
    let size = WRITERS / 2 * EACH;
    assert_eq!(places.len() as u64, size);
    soon(|| shown(&publisher) == size).await;
    let guard = || fs::read_to_string(scratch.path(HEAD)).unwrap();
    soon(|| guard().contains(&format!("\n{size}\n"))).await;
    assert_eq!(
        fs::read(scratch.path(CHECKPOINT)).unwrap(),
        publisher.checkpoint().unwrap().into_bytes()
    );
    drop(publisher);
    soon(|| scratch.open().is_ok()).await;
    let log = scratch.open().unwrap();
    for (payload, index) in places {
        let entry = Leaf { kind: "receipt".to_owned(), payload, index }.entry();
        assert_eq!(log.index_of(&entry).unwrap(), Some(index));
    }
}

/// The entries of a single request are visible to readers when the request is answered. Entries of requests that follow
/// immediately become visible when a reader asks for the checkpoint, or after a short time.
#[tokio::test]
async fn what_was_answered_is_shown_to_whoever_asks() {
    let scratch = Scratch::new();
    let publisher = unwitnessed(&scratch);
    let file = || fs::read_to_string(scratch.path(CHECKPOINT)).unwrap();
    let first = publisher.publish(vec![leaf(0)]).await.unwrap();
    assert_eq!(file(), first.checkpoint, "alone");
    let mut behind = 0;
    for size in 2..=64 {
        let published = publisher.publish(vec![leaf(size)]).await.unwrap();
        behind += u64::from(publisher.is_behind());
        if size % 4 == 0 {
            assert_eq!(shown(&publisher), size);
            assert_eq!(publisher.checkpoint(), Some(published.checkpoint.clone()));
            assert_eq!(file(), published.checkpoint);
        }
    }
    assert!(behind > 0, "each of many was spread at once");
    soon(|| file().contains("\n64\n")).await;
}
