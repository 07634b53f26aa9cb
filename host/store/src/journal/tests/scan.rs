//! Tests the scan of a journal that is not opened: every record is seen, and every fault is reported with its position.

use super::super::index::{Applied, Index, Staged};
use super::super::record::Framed;
use super::*;

const SEGMENT: &str = "segments/00000001.journal";

async fn some(scratch: &Scratch) {
    let journal = scratch.open();
    for n in 0..6 {
        let one = Append {
            claim: (n == 2).then(|| claim("k", 5)),
            nonces: vec![format!("n{n}")],
            summary: summary("acme", "x", n % 2 == 0),
            ..append(&format!("a{}", n % 3), n / 3, "event")
        };
        journal.append(one).await.unwrap();
    }
}

fn look(scratch: &Scratch) -> (Scan, Vec<(String, u64)>) {
    let mut seen = Vec::new();
    let found =
        scan(&scratch.0, &mut |one| seen.push((one.action.to_owned(), one.version))).unwrap();
    (found, seen)
}

#[tokio::test]
async fn every_record_is_seen_and_nothing_is_touched() {
    let scratch = Scratch::new();
    some(&scratch).await;
    let (found, seen) = look(&scratch);
    assert_eq!((found.records, found.segments, found.wrong.len()), (6, 1, 0));
    assert_eq!(seen[4], ("a1".to_owned(), 2));
    assert_eq!(found.torn, None);
    assert_eq!(compare_index(&scratch.0).unwrap(), (vec![], None));
    let journal = scratch.open();
    assert!(matches!(reserve(&scratch.0), Err(OpenError::Locked { .. })));
    drop(journal);
    let held = reserve(&scratch.0).unwrap();
    assert!(held.is_some() && matches!(open(&scratch.0), Err(OpenError::Locked { .. })));
}

#[tokio::test]
async fn behind_a_bad_record_it_goes_on() {
    let scratch = Scratch::new();
    some(&scratch).await;
    let bytes = fs::read(scratch.path(SEGMENT)).unwrap();
    let size = bytes.len() / 6;
    let mut bent = bytes.clone();
    bent[size * 2 + 60] ^= 1;
    fs::write(scratch.path(SEGMENT), &bent).unwrap();
    let (found, seen) = look(&scratch);
    assert_eq!(seen.len(), 5, "{seen:?}");
    assert!(found.wrong.iter().any(|one| one.what.contains("bytes are damaged")));
    // The scan also reports the action of the damaged record, because the numbers of its events have a gap before its
    // next record.
    assert!(found.wrong.iter().any(|one| one.action.as_deref() == Some("a2")), "{found:?}");
    // Without HEAD, the truncated last record would count as a torn end. HEAD shows that the record was on disk.
    let torn = &bytes[..bytes.len() - 1];
    fs::write(scratch.path(SEGMENT), torn).unwrap();
    let (found, _) = look(&scratch);
    assert!(found.wrong.iter().any(|one| one.what.contains("HEAD records")), "{found:?}");
    fs::write(scratch.path("segments/HEAD"), "").unwrap();
    let (found, _) = look(&scratch);
    assert_eq!(found.wrong, []);
    assert!(found.torn.is_some());
    let (wrong, _) = compare_index(&scratch.0).unwrap();
    assert!(wrong[0].what.contains("a record that the journal does not have"), "{wrong:?}");
}

/// Applies a change to the index that does not come from a record.
fn spoil(scratch: &Scratch, change: impl FnOnce(&mut Staged<'_>, &Framed)) {
    let (index, applied) = Index::open(&scratch.path("index")).unwrap();
    let applied: Applied = applied.unwrap();
    let envelope = Framed {
        seq: 0,
        action: "a0".to_owned(),
        version: 2,
        lengths: vec![],
        summary: summary("acme", "x", false),
        claim: None,
        nonces: vec![],
        durable: None,
    };
    let mut staged = Staged::new(&index);
    change(&mut staged, &envelope);
    staged.apply(&applied);
    index.settle().unwrap();
    index.flush().unwrap();
}

#[tokio::test]
async fn a_row_of_the_index_that_was_swapped_is_found() {
    type Change = Box<dyn Fn(&mut Staged<'_>, &Framed)>;
    let changes: [(Change, &str, Option<&str>); 4] = [
        (
            Box::new(|staged, envelope| {
                let summary = summary("acme", "verified", true);
                staged.put(&Framed { summary, ..envelope.clone() }).unwrap();
            }),
            "differs from the records of the journal",
            Some("a0"),
        ),
        (
            Box::new(|staged, envelope| {
                staged.put(&Framed { action: "a9".to_owned(), ..envelope.clone() }).unwrap();
            }),
            "no records for a row of the index",
            Some("a9"),
        ),
        (
            Box::new(|staged, envelope| {
                staged.put(envelope).unwrap();
                staged.place("a0", Place { segment: 1, offset: 0 });
            }),
            "differs from the records of the journal",
            Some("a0"),
        ),
        (
            Box::new(|staged, envelope| {
                let ended = Framed { summary: summary("acme", "x", true), ..envelope.clone() };
                staged.put(&Framed { action: "a2".to_owned(), ..ended }).unwrap();
            }),
            "is missing",
            Some("a2"),
        ),
    ];
    for (change, words, action) in changes {
        let scratch = Scratch::new();
        some(&scratch).await;
        spoil(&scratch, change);
        let (wrong, _) = compare_index(&scratch.0).unwrap();
        let is_it = |one: &&Wrong| one.what.contains(words) && one.action.as_deref() == action;
        assert!(wrong.iter().any(|one| is_it(&one)), "no `{words}` of {action:?}: {wrong:?}");
    }
}

#[tokio::test]
async fn an_extent_ends_before_what_stops_it() {
    let scratch = Scratch::new();
    some(&scratch).await;
    let whole = extent(&scratch.0, &mut |_| false).unwrap();
    let bytes = fs::read(scratch.path(SEGMENT)).unwrap();
    assert_eq!(whole.files, [(SEGMENT.to_owned(), bytes.len() as u64)]);
    assert_eq!(whole.head.1.as_bytes(), fs::read(scratch.path("segments/HEAD")).unwrap());
    for stop in 0..6 {
        let mut at = 0;
        let cut = extent(&scratch.0, &mut |_| {
            at += 1;
            at > stop
        });
        let cut = cut.unwrap();
        assert_eq!(cut.records, stop);
        let other = Scratch::new();
        fs::create_dir(other.path("segments")).unwrap();
        let length = usize::try_from(cut.files[0].1).unwrap();
        fs::write(other.path(SEGMENT), &bytes[..length]).unwrap();
        fs::write(other.path("segments/HEAD"), &cut.head.1).unwrap();
        fs::write(other.path("VERSION"), version_line()).unwrap();
        let (found, seen) = look(&other);
        assert_eq!((found.wrong.len(), seen.len() as u64, found.torn), (0, stop, None));
        drop(other.open());
    }
}
