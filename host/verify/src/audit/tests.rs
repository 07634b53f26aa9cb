use std::collections::BTreeMap;

use deed_record::lifecycle::event;
use deed_spec::digest::Digest;
use deed_spec::note::{Checkpoint, LogKey, VerifierKey, sign};
use deed_spec::tlog::CHECKPOINT;
use deed_spec::tlog::frontier::Frontier;
use ed25519_dalek::SigningKey;
use proptest::prelude::*;

use super::*;

mod faults;

const ORIGIN: &str = "log.example.com/acme";

type Files = BTreeMap<String, Vec<u8>>;

fn key(seed: u8, origin: &str) -> LogKey {
    LogKey::new(origin, SigningKey::from_bytes(&[seed; 32])).unwrap()
}

fn keys() -> Vec<VerifierKey> {
    vec![key(5, ORIGIN).verifier().clone()]
}

fn entry(n: u64) -> Vec<u8> {
    let kind = if n.is_multiple_of(3) { "approval" } else { "receipt" };
    event::entry(kind, &Digest::of(&n.to_be_bytes()))
}

/// The log files of a host after one publication: full tiles, the last partial tiles, and the checkpoint.
fn log(size: u64) -> Files {
    log_of((0..size).map(entry))
}

fn log_of(entries: impl Iterator<Item = Vec<u8>>) -> Files {
    let (mut edge, mut made) = (Frontier::default(), Vec::new());
    entries.for_each(|entry| edge.push(&entry, &mut made));
    edge.finish(&mut made);
    let mut files: Files = made.into_iter().map(|file| (file.path, file.bytes)).collect();
    let note = sign(&edge.checkpoint(ORIGIN), &key(5, ORIGIN)).unwrap();
    files.insert(CHECKPOINT.to_owned(), note.into_bytes());
    files
}

fn note(files: &Files) -> String {
    String::from_utf8(files[CHECKPOINT].clone()).unwrap()
}

fn since(files: &Files) -> Since {
    Since { name: "kept".to_owned(), note: note(files) }
}

fn audited(files: &Files, since: &[Since], head: Option<&str>) -> Audit {
    audit(Asked { keys: &keys(), since, head, witnesses: None }, |path, max| {
        Ok(fetch(files, path, max))
    })
}

fn fetch(files: &Files, path: &str, max: u64) -> Fetched {
    match files.get(path) {
        Some(bytes) if bytes.len() as u64 > max => Fetched::TooLong,
        Some(bytes) => Fetched::Bytes(bytes.clone()),
        None => Fetched::Absent,
    }
}

#[test]
fn a_good_log_is_told_in_full() {
    let found = audited(&log(600), &[since(&log(257))], None);
    assert_eq!((found.verdict, &found.fault), (Verdict::Verified, &None));
    let tree = found.tree.unwrap();
    assert_eq!((tree.origin.as_str(), tree.size), (ORIGIN, 600));
    assert_eq!(found.entries, BTreeMap::from([("approval".into(), 200), ("receipt".into(), 400)]));
    assert_eq!(found.tiles, 4, "two full tiles, a partial tile, and the tile above them");
    assert_eq!(found.consistent, [Consistent { name: "kept".into(), size: 257 }]);
}

#[test]
fn a_full_tile_stands_in_for_a_partial_one_that_is_gone() {
    let mut files = log(256);
    files.insert(CHECKPOINT.to_owned(), log(100).remove(CHECKPOINT).unwrap());
    let found = audited(&files, &[], None);
    assert_eq!((found.verdict, &found.fault), (Verdict::Verified, &None));
    assert_eq!(found.tree.unwrap().size, 100);
}

#[test]
fn a_log_of_three_levels_of_tiles_holds_and_each_level_counts() {
    let mut files = log(66_000);
    let mut edge = Frontier::default();
    let mut older = Vec::new();
    for n in 0..66_000 {
        edge.push(&entry(n), &mut Vec::new());
        if [300, 65_535, 65_536, 65_999].contains(&edge.size()) {
            let note = sign(&edge.checkpoint(ORIGIN), &key(5, ORIGIN)).unwrap();
            older.push(Since { name: edge.size().to_string(), note });
        }
    }
    let found = audited(&files, &older, None);
    assert_eq!((found.verdict, &found.fault), (Verdict::Verified, &None));
    assert_eq!((found.consistent.len(), found.tiles), (4, 258 + 2 + 1));
    for (path, hash) in [("tile/2/000.p/1", 0), ("tile/1/001.p/1", 0), ("tile/1/000", 255)] {
        let bytes = files.get_mut(path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        let fault = audited(&files, &[], None).fault.unwrap();
        assert_eq!(fault.file, path);
        assert!(fault.reason.starts_with(&format!("hash {hash} ")), "{fault:?}");
    }
}

#[test]
fn a_log_of_nothing_holds() {
    let found = audited(&log(0), &[since(&log(0))], None);
    assert_eq!((found.verdict, found.fault), (Verdict::Verified, None));
    assert_eq!(found.consistent.len(), 1);
}

#[test]
fn a_report_is_flat_json() {
    let json = serde_json::to_value(audited(&log(3), &[since(&log(2))], None)).unwrap();
    assert_eq!(json["verdict"], "verified");
    assert_eq!((&json["origin"], &json["size"]), (&ORIGIN.into(), &3.into()));
    assert_eq!(json["consistent"][0]["size"], 2);
    assert_eq!(json.get("fault"), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_log_extends_its_own_past_and_no_other(size in 1..700_u64, older in 0..700_u64, other in 0..700_u64) {
        let (older, other) = (older.min(size), other.min(size - 1));
        let files = log(size);
        let found = audited(&files, &[since(&log(older))], None);
        prop_assert_eq!(found.verdict, Verdict::Verified);
        prop_assert_eq!(found.consistent[0].size, older);
        // The fork differs from the log in one entry. Only an older checkpoint that covers this entry reveals the fork.
        let fork = log_of((0..size).map(|n| entry(if n == other { n + 10_000 } else { n })));
        let found = audited(&fork, &[since(&log(older))], None);
        let expected = if other < older { Verdict::Failed } else { Verdict::Verified };
        prop_assert_eq!(found.verdict, expected);
    }

    #[test]
    fn a_changed_byte_of_any_file_is_found(size in 1..600_u64, at in any::<prop::sample::Index>(), byte in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let mut files = log(size);
        let path = files.keys().nth(at.index(files.len())).unwrap().clone();
        let bytes = files.get_mut(&path).unwrap();
        let at = byte.index(bytes.len());
        bytes[at] ^= flip;
        let found = audited(&files, &[], None);
        prop_assert_eq!(found.verdict, Verdict::Failed, "{} byte {}", path, at);
        prop_assert!(found.fault.is_some());
    }

    #[test]
    fn a_file_that_is_missing_is_found(size in 1..600_u64, at in any::<prop::sample::Index>()) {
        let mut files = log(size);
        files.remove(CHECKPOINT);
        let path = files.keys().nth(at.index(files.len())).unwrap().clone();
        files.remove(&path);
        files.insert(CHECKPOINT.to_owned(), log(size).remove(CHECKPOINT).unwrap());
        let found = audited(&files, &[], None);
        prop_assert_eq!(found.verdict, Verdict::Failed);
        prop_assert_eq!(found.fault.unwrap().file, path);
    }
}
