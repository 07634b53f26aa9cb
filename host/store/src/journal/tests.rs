use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;

use super::file::{MAX_BODY, Segments, Tail};
use super::writer::Writer;
use super::*;
use crate::store::{KeyClaim, Summary};

mod conformance;
mod lists;
mod recovery;
mod scan;
mod stopped;

/// A separate directory for one test, which is removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("deed-journal-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn open(&self) -> Journal {
        open(&self.0).unwrap()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, "the scratch directory could not be removed");
        }
    }
}

fn append(action: &str, expect: u64, event: &str) -> Append {
    Append {
        action: action.to_owned(),
        expect,
        events: vec![event.as_bytes().to_vec()],
        summary: summary("acme", "running", false),
        claim: None,
        nonces: Vec::new(),
        durable: true,
    }
}

fn summary(tenant: &str, status: &str, ended: bool) -> Summary {
    Summary {
        tenant: tenant.to_owned(),
        agent: "helpdesk".to_owned(),
        contract: "idp.restore_access".to_owned(),
        resource: "idp/users/1".to_owned(),
        status: status.to_owned(),
        ended,
        at_ms: 1,
        trace: None,
    }
}

fn claim(key: &str, at_ms: i64) -> KeyClaim {
    KeyClaim {
        tenant: "acme".to_owned(),
        agent: "helpdesk".to_owned(),
        key: key.to_owned(),
        body_sha256: "00".repeat(32),
        at_ms,
    }
}

fn texts(journal: &Journal, action: &str) -> Vec<String> {
    let (version, events) = journal.events(action).unwrap().unwrap_or_default();
    assert_eq!(version, events.len() as u64);
    events.into_iter().map(|event| String::from_utf8(event).unwrap()).collect()
}

fn ids(journal: &Journal, filter: &Filter, limit: usize) -> Vec<String> {
    let found = journal.list("acme", filter, limit).unwrap();
    found.into_iter().map(|(id, _)| id).collect()
}

#[tokio::test]
async fn what_is_appended_is_read_back_also_by_the_next_process() {
    let scratch = Scratch::new();
    let mut journal = scratch.open();
    let first = Append {
        events: vec![b"{\"n\":1}".to_vec(), b"{\"n\":2}".to_vec()],
        claim: Some(claim("k", 5)),
        ..append("a1", 0, "")
    };
    assert_eq!(journal.append(first).await, Ok(2));
    let ended = Append { summary: summary("acme", "verified", true), ..append("a1", 2, "{}") };
    assert_eq!(journal.append(ended).await, Ok(3));
    journal.append(append("a2", 0, "x")).await.unwrap();
    journal
        .append(Append { summary: summary("acme2", "running", false), ..append("b1", 0, "x") })
        .await
        .unwrap();
    for _ in 0..2 {
        assert_eq!(texts(&journal, "a1"), ["{\"n\":1}", "{\"n\":2}", "{}"]);
        let row = journal.row("a1").unwrap().unwrap();
        assert_eq!(row, Row { version: 3, summary: summary("acme", "verified", true) });
        assert_eq!(journal.open_actions().unwrap(), ["a2", "b1"]);
        let every = || Filter::default();
        assert_eq!(ids(&journal, &every(), 10), ["a2", "a1"]);
        assert_eq!(ids(&journal, &every(), 1), ["a2"]);
        let ended = Filter { status: Some("verified".to_owned()), ..every() };
        assert_eq!(ids(&journal, &ended, 1), ["a1"]);
        let holder = journal.key("acme", "helpdesk", "k", 6).unwrap();
        assert_eq!(holder, Some(("a1".to_owned(), "00".repeat(32))));
        assert_eq!(journal.key("acme", "other", "k", 6).unwrap(), None);
        assert_eq!(journal.events("never").unwrap(), None);
        assert_eq!(journal.row("never").unwrap(), None);
        drop(journal);
        journal = scratch.open();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_racing_appends_one_wins() {
    let scratch = Scratch::new();
    let journal = scratch.open();
    let race = async |make: fn(usize) -> Append| {
        let runs: Vec<_> = (0..40)
            .map(|n| {
                let journal = journal.clone();
                tokio::spawn(async move { journal.append(make(n)).await })
            })
            .collect();
        let mut answers = Vec::new();
        for run in runs {
            answers.push(run.await.unwrap());
        }
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        answers.into_iter().filter_map(Result::err).collect::<Vec<_>>()
    };
    let same_action = race(|n| append("same", 0, &n.to_string())).await;
    assert!(same_action.iter().all(|error| *error == AppendError::Conflict { actual: 1 }));
    assert_eq!(texts(&journal, "same").len(), 1);
    let same_nonce = race(|n| Append {
        nonces: vec!["once".to_owned()],
        ..append(&format!("nonce{n}"), 0, "x")
    })
    .await;
    let used = AppendError::NonceUsed { nonce: "once".to_owned() };
    assert!(same_nonce.iter().all(|error| *error == used));
    let same_key =
        race(|n| Append { claim: Some(claim("k", 5)), ..append(&format!("key{n}"), 0, "x") }).await;
    for error in same_key {
        let AppendError::KeyTaken { action, .. } = error else { unreachable!() };
        assert_eq!(texts(&journal, &action), ["x"]);
    }
}

#[tokio::test]
async fn keys_and_nonces_outlive_the_process_and_keys_expire() {
    let scratch = Scratch::new();
    let day = 24 * 60 * 60 * 1000;
    let used =
        |action: &str, at_ms| Append { claim: Some(claim("k", at_ms)), ..append(action, 0, "x") };
    let once = |action: &str| Append { nonces: vec!["n".to_owned()], ..append(action, 0, "x") };
    let journal = scratch.open();
    journal.append(used("a1", 0)).await.unwrap();
    journal.append(once("b1")).await.unwrap();
    drop(journal);
    let journal = scratch.open();
    let taken = journal.append(used("a2", 7 * day - 1)).await.unwrap_err();
    assert!(matches!(taken, AppendError::KeyTaken { action, .. } if action == "a1"));
    assert!(matches!(journal.append(once("b2")).await, Err(AppendError::NonceUsed { .. })));
    let twice = Append { nonces: vec!["m".to_owned(), "m".to_owned()], ..append("b3", 0, "x") };
    assert!(matches!(journal.append(twice).await, Err(AppendError::NonceUsed { .. })));
    assert_eq!(journal.key("acme", "helpdesk", "k", 7 * day).unwrap(), None);
    journal.append(used("a3", 7 * day)).await.unwrap();
    let holder = journal.key("acme", "helpdesk", "k", 8 * day).unwrap().unwrap();
    assert_eq!(holder.0, "a3");
    for refused in ["a2", "b2", "b3"] {
        assert_eq!(journal.row(refused).unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_appends_at_once_are_all_kept() {
    let scratch = Scratch::new();
    let journal = scratch.open();
    let runs: Vec<_> = (0..2000)
        .map(|n| {
            let journal = journal.clone();
            let one = Append { durable: n % 3 == 0, ..append(&format!("{n:04}"), 0, "x") };
            tokio::spawn(async move { journal.append(one).await })
        })
        .collect();
    for run in runs {
        assert_eq!(run.await.unwrap(), Ok(1));
    }
    journal.close();
    assert!(matches!(journal.append(append("z", 0, "x")).await, Err(AppendError::Failed(_))));
    drop(journal);
    let journal = scratch.open();
    assert_eq!(journal.open_actions().unwrap().len(), 2000);
    assert!((0..2000).all(|n| texts(&journal, &format!("{n:04}")) == ["x"]));
}

/// A writer for a journal that is not open. The writer behaves as if the journal already had `seq` records.
fn writer(scratch: &Scratch, seq: u64) -> Writer {
    let (index, _) = Index::open(&scratch.path("index")).unwrap();
    let tail = Tail { segment: 1, length: 0, hash: [0; 32], seq };
    Writer {
        segments: Segments::open(&scratch.path("segments"), tail).unwrap(),
        index: Arc::new(index),
        failed: Arc::new(OnceLock::new()),
        seq,
        durable: seq,
        synced: Arc::default(),
        crowd: GroupCommit::default(),
        lock: Arc::new(File::open(scratch.path("LOCK")).unwrap()),
    }
}

#[test]
fn a_group_is_one_write_and_the_disk_failing_stops_everything() {
    let scratch = Scratch::new();
    drop(scratch.open());
    let mut writer = writer(&scratch, 0);
    let group = [append("a", 0, "1"), append("a", 1, "2"), append("a", 1, "3")];
    let conflict = Err(AppendError::Conflict { actual: 2 });
    assert_eq!(writer.answer(group.map(Some).into()), [Ok(1), Ok(2), conflict]);
    assert_eq!(writer.seq, 2);
    writer.segments.break_disk();
    for _ in 0..2 {
        let answers = writer.answer(vec![Some(append("b", 0, "1")), Some(append("a", 0, "x"))]);
        assert!(answers.iter().all(|answer| matches!(answer, Err(AppendError::Failed(_)))));
        assert!(writer.failed.get().is_some());
    }
    assert_eq!(writer.index.row("b").unwrap(), None);
}

/// An append that is not synced is never reported as synced, not even the first record.
#[tokio::test]
async fn what_is_not_synced_does_not_count_as_synced() {
    let scratch = Scratch::new();
    let journal = scratch.open();
    let synced = |journal: &Journal, action: &str| {
        let last = journal.shared.index.places(action).unwrap().pop().unwrap();
        last < *hold(&journal.shared.synced)
    };
    for round in ["a", "b"] {
        journal.append(Append { durable: false, ..append(round, 0, "1") }).await.unwrap();
        assert!(!synced(&journal, round), "{round}");
        journal.sync_action(round).await.unwrap();
        assert!(synced(&journal, round), "{round}");
    }
}

#[test]
fn a_group_takes_what_waits_up_to_its_limit() {
    let (sender, queue) = mpsc::channel();
    let room = Arc::new(Semaphore::new(400));
    for n in 0..300 {
        let (reply, _) = oneshot::channel();
        let room = Arc::clone(&room).try_acquire_owned().unwrap();
        sender.send(Command { append: Some(append(&n.to_string(), 0, "x")), reply, room }).unwrap();
    }
    let first = queue.recv().unwrap();
    assert_eq!(writer::drain(first, &queue).len(), 256);
    let next = queue.recv().unwrap();
    assert_eq!(writer::drain(next, &queue).len(), 44);
}

#[tokio::test]
async fn what_cannot_be_a_record_is_refused_and_nothing_else_suffers() {
    let scratch = Scratch::new();
    let journal = scratch.open();
    let refused = |error: &AppendError| matches!(error, AppendError::Unfit(_));
    let none = Append { events: Vec::new(), ..append("a", 0, "") };
    assert!(refused(&journal.append(none).await.unwrap_err()));
    let large = Append { events: vec![vec![b' '; MAX_BODY]], ..append("a", 0, "") };
    assert!(refused(&journal.append(large).await.unwrap_err()));
    let fits = Append { events: vec![vec![b' '; MAX_BODY - 1000]], ..append("a", 0, "") };
    assert_eq!(journal.append(fits).await, Ok(1));
    assert_eq!(journal.failed(), None);
    assert!(matches!(open(&scratch.0), Err(OpenError::Locked { .. })));
}

#[test]
fn payloads_are_kept_under_their_digest_and_checked() {
    let scratch = Scratch::new();
    let journal = scratch.open();
    let name = journal.put_payload(b"large").unwrap();
    assert_eq!(journal.put_payload(b"large").unwrap(), name);
    assert_eq!(journal.payload(&name).unwrap().unwrap(), b"large");
    assert_eq!(journal.payload(&"0".repeat(64)).unwrap(), None);
    for bad in ["", "../../LOCK", &name.to_uppercase(), name.split_at(1).1] {
        assert!(matches!(journal.payload(bad), Err(PayloadError::Name { .. })), "{bad}");
    }
    let file = scratch.path("payloads").join(name.split_at(2).0).join(&name);
    fs::write(file, "other").unwrap();
    assert!(matches!(journal.payload(&name), Err(PayloadError::Damaged { .. })));
}

#[tokio::test]
async fn a_proof_is_of_the_last_event_and_of_what_is_on_disk() {
    let scratch = Scratch::new();
    let journal = scratch.open();
    let events = vec![b"1".to_vec(), b"2".to_vec()];
    let lazy = Append { events, durable: false, ..append("a", 0, "") };
    let proof = journal.append_durable(lazy).await.unwrap();
    let last = journal.shared.index.places("a").unwrap().pop().unwrap();
    assert!(last < *hold(&journal.shared.synced));
    assert_eq!(proof.into_parts(), ("a".to_owned(), b"2".to_vec()));
    let late = journal.append_durable(append("a", 0, "3")).await;
    assert!(matches!(late, Err(AppendError::Conflict { .. })), "{late:?}");
    let empty = journal.append_durable(Append { events: vec![], ..append("b", 0, "") }).await;
    assert!(matches!(empty, Err(AppendError::Unfit(_))), "{empty:?}");
}
