//! Tests what a start does with the files that a crash, a bad disk or a person left.

use super::*;

const SEGMENT: &str = "segments/00000001.journal";
const HEAD: &str = "segments/HEAD";

/// Writes the files that a killed process leaves: a segment with these bytes, and the HEAD that was written on
/// startup.
fn leave(scratch: &Scratch, bytes: &[u8]) {
    fs::write(scratch.path(SEGMENT), bytes).unwrap();
    let head = format!("deed journal 1\n1 0 0 {}\n", "00".repeat(32));
    fs::write(scratch.path(HEAD), head).unwrap();
}

/// Creates and closes a journal of three records. Returns the bytes of the journal's segment, and the offset of the
/// last record.
async fn three(scratch: &Scratch) -> (Vec<u8>, usize) {
    let journal = scratch.open();
    journal.append(append("a", 0, "one")).await.unwrap();
    journal.append(append("a", 1, "two")).await.unwrap();
    let start = fs::metadata(scratch.path(SEGMENT)).unwrap().len();
    let last = Append { nonces: vec!["n".to_owned()], ..append("a", 2, "three") };
    journal.append(last).await.unwrap();
    drop(journal);
    (fs::read(scratch.path(SEGMENT)).unwrap(), usize::try_from(start).unwrap())
}

#[tokio::test]
async fn a_torn_end_is_cut_at_every_byte() {
    let scratch = Scratch::new();
    let (bytes, start) = three(&scratch).await;
    for end in start..bytes.len() {
        leave(&scratch, &bytes[..end]);
        let journal = scratch.open();
        assert_eq!(texts(&journal, "a"), ["one", "two"], "cut at {end}");
        assert_eq!(fs::metadata(scratch.path(SEGMENT)).unwrap().len(), start as u64);
        // The nonce of the lost record can be used again, and the version counts only the remaining events.
        if end % 40 == 0 {
            let again = Append { nonces: vec!["n".to_owned()], ..append("a", 2, "again") };
            assert_eq!(journal.append(again).await, Ok(3));
            drop(journal);
            assert_eq!(texts(&scratch.open(), "a"), ["one", "two", "again"]);
        }
    }
}

#[tokio::test]
async fn a_bad_last_record_is_a_torn_one() {
    let scratch = Scratch::new();
    let (bytes, start) = three(&scratch).await;
    for at in (start..bytes.len()).step_by(13) {
        let mut bent = bytes.clone();
        bent[at] ^= 0x40;
        leave(&scratch, &bent);
        assert_eq!(texts(&scratch.open(), "a"), ["one", "two"], "changed at {at}");
    }
    // Zeros after the last record simulate pages that the file system allocated but never filled.
    let zeros = [bytes.as_slice(), &[0; 5000]].concat();
    leave(&scratch, &zeros);
    assert_eq!(texts(&scratch.open(), "a"), ["one", "two", "three"]);
    assert_eq!(fs::read(scratch.path(SEGMENT)).unwrap(), bytes);
}

#[tokio::test]
async fn a_bad_record_before_good_ones_is_an_error_that_says_where() {
    let scratch = Scratch::new();
    let (bytes, _) = three(&scratch).await;
    let size = u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize + 40;
    for at in [0, 3, 4, 8, 40, 60, size - 1] {
        let mut bent = bytes.clone();
        bent[size + at] ^= 1;
        fs::write(scratch.path(SEGMENT), &bent).unwrap();
        let error = open(&scratch.0).unwrap_err();
        assert!(
            matches!(&error, OpenError::Damaged { offset, path }
                if *offset == size as u64 && path.ends_with(SEGMENT)),
            "changed at {at}: {error}"
        );
        assert_eq!(fs::read(scratch.path(SEGMENT)).unwrap(), bent, "nothing is cut");
    }
    // Without one whole record, the other records are good, but their hash chain has a gap.
    let gap = [&bytes[..size], &bytes[2 * size..]].concat();
    leave(&scratch, &gap);
    let error = open(&scratch.0).unwrap_err();
    assert!(matches!(error, OpenError::Chain { offset, .. } if offset == size as u64), "{error}");
    fs::write(scratch.path(SEGMENT), bytes).unwrap();
    assert_eq!(texts(&scratch.open(), "a"), ["one", "two", "three"]);
}

/// Records of appends without `durable` may reach the disk in any order, so a good record may follow one that was lost.
#[tokio::test]
async fn a_hole_in_what_was_not_durable_yet_is_the_end() {
    let scratch = Scratch::new();
    let journal = scratch.open();
    // A graceful shutdown records in HEAD what must be present. After a power failure, HEAD is still the file that was
    // written on startup.
    let head = fs::read(scratch.path("segments/HEAD")).unwrap();
    journal.append(append("a", 0, "one")).await.unwrap();
    let size = || usize::try_from(fs::metadata(scratch.path(SEGMENT)).unwrap().len()).unwrap();
    let start = size();
    let passing = |at, text| Append { durable: false, ..append("a", at, text) };
    journal.append(passing(1, "two")).await.unwrap();
    let hole = start..size();
    journal.append(passing(2, "three")).await.unwrap();
    let bytes = fs::read(scratch.path(SEGMENT)).unwrap();
    journal.append(append("a", 3, "four")).await.unwrap();
    let synced =
        [bytes.as_slice(), &fs::read(scratch.path(SEGMENT)).unwrap()[bytes.len()..]].concat();
    journal.append(append("a", 4, "five")).await.unwrap();
    drop(journal);
    let after = fs::read(scratch.path(SEGMENT)).unwrap();
    for (written, ends) in [(&bytes, true), (&synced, true), (&after, false)] {
        let mut holed = written.clone();
        holed[hole.clone()].fill(0);
        let spoil = || {
            fs::write(scratch.path(SEGMENT), &holed).unwrap();
            fs::write(scratch.path("segments/HEAD"), &head).unwrap();
        };
        // The test runs with an index that contains the lost records, and with an empty index.
        for wiped in [false, true] {
            if wiped {
                fs::remove_dir_all(scratch.path("index")).unwrap();
            }
            spoil();
            if ends {
                assert_eq!(texts(&scratch.open(), "a"), ["one"]);
            } else {
                let error = open(&scratch.0).unwrap_err();
                assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
            }
        }
    }
}

/// The results of all lookups in the index.
fn answers(journal: &Journal) -> String {
    let key = journal.key("acme", "helpdesk", "k", 6).unwrap();
    let list = journal.list("acme", &Filter::default(), 100).unwrap();
    format!("{key:?} {list:?} {:?} {:?}", journal.open_actions().unwrap(), texts(journal, "a7"))
}

#[tokio::test]
async fn an_index_that_is_gone_or_garbage_is_made_again() {
    let scratch = Scratch::new();
    let journal = scratch.open();
    for n in 0..9 {
        let ended = Append {
            claim: (n == 3).then(|| claim("k", 5)),
            nonces: vec![format!("n{n}")],
            summary: summary("acme", "x", n % 2 == 0),
            ..append(&format!("a{n}"), 0, "x")
        };
        journal.append(ended).await.unwrap();
    }
    let expected = answers(&journal);
    drop(journal);
    let index = scratch.path("index");
    let spoil: [&dyn Fn(); 6] = [
        &|| fs::remove_dir_all(&index).unwrap(),
        &|| fs::write(index.join("conf"), "garbage").unwrap(),
        &|| fs::write(index.join("db"), vec![0xa5; 100_000]).unwrap(),
        &|| fs::write(index.join("db"), "").unwrap(),
        &|| fs::write(index.join("snap.00000000000FFFFF.generating"), "torn").unwrap(),
        &|| fs::write(index.join("snap.00000000000FFFFF"), "torn").unwrap(),
    ];
    for (n, spoil) in spoil.iter().enumerate() {
        spoil();
        let journal = scratch.open();
        assert_eq!(answers(&journal), expected, "case {n}");
        let used = Append { nonces: vec!["n5".to_owned()], ..append("z", 0, "x") };
        assert!(matches!(journal.append(used).await, Err(AppendError::NonceUsed { .. })));
    }
}

#[tokio::test]
async fn an_index_of_another_or_an_older_journal_is_made_right() {
    let (scratch, other) = (Scratch::new(), Scratch::new());
    let journal = scratch.open();
    journal.append(append("a", 0, "one")).await.unwrap();
    drop(journal);
    let old_index = other.path("kept");
    copy(&scratch.path("index"), &old_index);
    let journal = scratch.open();
    journal.append(append("a", 1, "two")).await.unwrap();
    drop(journal);
    // With an older index, the newer records are replayed.
    fs::remove_dir_all(scratch.path("index")).unwrap();
    copy(&old_index, &scratch.path("index"));
    assert_eq!(texts(&scratch.open(), "a"), ["one", "two"]);
    // The old index is copied to another journal, which has a different record at the position of the last record in
    // the index. The start notices this and rebuilds the index.
    other.open().append(append("b", 0, "one")).await.unwrap();
    fs::remove_dir_all(other.path("index")).unwrap();
    copy(&old_index, &other.path("index"));
    let journal = other.open();
    assert_eq!((texts(&journal, "a").len(), texts(&journal, "b").len()), (0, 1));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, target).unwrap();
        }
    }
}

#[tokio::test]
async fn segments_roll_and_their_loss_is_noticed() {
    let scratch = Scratch::new();
    let journal = scratch.open();
    let megabytes = vec![b'x'; 10 << 20];
    for n in 0..8 {
        let one = Append { events: vec![megabytes.clone()], ..append(&format!("a{n}"), 0, "") };
        journal.append(one).await.unwrap();
    }
    drop(journal);
    let second = scratch.path("segments/00000002.journal");
    assert!(fs::metadata(scratch.path(SEGMENT)).unwrap().len() <= 64 << 20);
    assert!(second.exists());
    fs::remove_dir_all(scratch.path("index")).unwrap();
    let journal = scratch.open();
    assert!((0..8).all(|n| journal.events(&format!("a{n}")).unwrap().unwrap().1[0] == megabytes));
    drop(journal);
    // A truncated record at the end of any segment but the last is damage, not a torn end.
    let first = fs::read(scratch.path(SEGMENT)).unwrap();
    fs::write(scratch.path(SEGMENT), &first[..first.len() - 1]).unwrap();
    fs::remove_dir_all(scratch.path("index")).unwrap();
    assert!(matches!(open(&scratch.0), Err(OpenError::Damaged { .. })));
    fs::remove_file(scratch.path(SEGMENT)).unwrap();
    assert!(matches!(open(&scratch.0), Err(OpenError::Missing { .. })));
    fs::write(scratch.path(SEGMENT), &first).unwrap();
    fs::remove_file(second).unwrap();
    assert!(matches!(open(&scratch.0), Err(OpenError::Missing { .. })));
    // After a person has accepted the loss by emptying HEAD, the remaining records can be read.
    fs::write(scratch.path(HEAD), "").unwrap();
    assert_eq!(scratch.open().open_actions().unwrap().len(), 6);
}

#[tokio::test]
async fn the_loss_of_a_last_segment_is_noticed_also_after_a_crash() {
    let scratch = Scratch::new();
    let journal = scratch.open();
    let large =
        |n: u32| Append { events: vec![vec![b'x'; 15 << 20]], ..append(&format!("a{n}"), 0, "") };
    for n in 0..5 {
        journal.append(large(n)).await.unwrap();
    }
    // HEAD already records that the second segment was begun, so a start detects that this segment is missing even if
    // the process was killed.
    let head = fs::read_to_string(scratch.path(HEAD)).unwrap();
    assert!(head.starts_with("deed journal 1\n2 0 4 "), "{head}");
    drop(journal);
    fs::write(scratch.path(HEAD), &head).unwrap();
    let second = scratch.path("segments/00000002.journal");
    let bytes = fs::read(&second).unwrap();
    fs::remove_file(&second).unwrap();
    let error = open(&scratch.0).unwrap_err();
    assert!(matches!(&error, OpenError::Missing { path } if *path == second), "{error}");
    // A second segment that exists but is truncated cannot be distinguished from a torn end.
    fs::write(&second, &bytes[..100]).unwrap();
    assert_eq!(scratch.open().open_actions().unwrap().len(), 4);
}

#[tokio::test]
async fn what_head_covers_is_no_torn_end() {
    let scratch = Scratch::new();
    let (bytes, start) = three(&scratch).await;
    let head = fs::read_to_string(scratch.path(HEAD)).unwrap();
    for end in [start, start + 1, bytes.len() - 1, 0] {
        fs::write(scratch.path(SEGMENT), &bytes[..end]).unwrap();
        let error = open(&scratch.0).unwrap_err();
        assert!(matches!(error, OpenError::Cut { .. }), "cut at {end}: {error}");
        assert_eq!(fs::metadata(scratch.path(SEGMENT)).unwrap().len(), end as u64);
    }
    let mut bent = bytes.clone();
    *bent.last_mut().unwrap() ^= 1;
    fs::write(scratch.path(SEGMENT), &bent).unwrap();
    let error = open(&scratch.0).unwrap_err();
    assert!(matches!(error, OpenError::Shorter { record: 3, .. }), "{error}");
    assert_eq!(fs::read(scratch.path(SEGMENT)).unwrap(), bent, "nothing is cut");
    // The segment is replaced with a segment of the same length from another journal.
    let other = Scratch::new();
    let journal = other.open();
    for (n, event) in ["one", "two", "THREE"].into_iter().enumerate() {
        let nonces = if n == 2 { vec!["n".to_owned()] } else { vec![] };
        journal.append(Append { nonces, ..append("a", n as u64, event) }).await.unwrap();
    }
    drop(journal);
    fs::copy(other.path(SEGMENT), scratch.path(SEGMENT)).unwrap();
    assert!(matches!(open(&scratch.0), Err(OpenError::Chain { .. })));
    fs::write(scratch.path(SEGMENT), &bytes).unwrap();
    fs::write(scratch.path(HEAD), head.replace("deed", "died")).unwrap();
    assert!(matches!(open(&scratch.0), Err(OpenError::Head { .. })));
    fs::remove_file(scratch.path(HEAD)).unwrap();
    assert!(matches!(open(&scratch.0), Err(OpenError::NoHead { .. })));
    fs::write(scratch.path(HEAD), head).unwrap();
    assert_eq!(texts(&scratch.open(), "a"), ["one", "two", "three"]);
}

#[tokio::test]
async fn an_older_state_is_marked_and_a_newer_one_is_not_touched() {
    let scratch = Scratch::new();
    let (bytes, _) = three(&scratch).await;
    let mark = scratch.path("VERSION");
    assert_eq!(fs::read_to_string(&mark).unwrap(), "deed state 2\n");
    // State directories of version 1 have neither `VERSION` nor `HEAD`.
    fs::remove_file(&mark).unwrap();
    fs::remove_file(scratch.path(HEAD)).unwrap();
    assert_eq!(texts(&scratch.open(), "a"), ["one", "two", "three"]);
    assert_eq!(fs::read_to_string(&mark).unwrap(), "deed state 2\n");
    assert!(scratch.path(HEAD).exists());
    for (text, newer) in [
        ("deed state 3\n", true),
        ("deed state 4294967295\n", true),
        ("deed state 0\n", false),
        ("deed state 2", false),
        ("deed state +2\n", false),
        ("deed state \n", false),
        ("", false),
        ("\u{ff}", false),
    ] {
        fs::write(&mark, text).unwrap();
        fs::write(scratch.path(SEGMENT), &bytes[..10]).unwrap();
        fs::remove_dir_all(scratch.path("index")).ok();
        let error = open(&scratch.0).unwrap_err();
        let is_newer = matches!(&error, OpenError::Version(VersionError::Newer { .. }));
        assert_eq!(is_newer, newer, "{text:?}: {error}");
        assert!(
            newer || matches!(&error, OpenError::Version(VersionError::Form { .. })),
            "{error}"
        );
        assert_eq!(fs::metadata(scratch.path(SEGMENT)).unwrap().len(), 10, "nothing is cut");
        assert!(!scratch.path("index").exists(), "nothing is made");
    }
}
