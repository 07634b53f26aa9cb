//! Tests that each fault is reported with the right file and verdict.

use super::*;

/// The verdict, and the file and the reason of the fault.
fn fault(files: &Files, kept: &[Since], head: Option<&str>) -> (Verdict, String, String) {
    let found = audited(files, kept, head);
    let said = found.fault.unwrap();
    (found.verdict, said.file, said.reason)
}

fn failed(files: &Files, kept: &[Since], file: &str, reason: &str) {
    let (verdict, at, said) = fault(files, kept, None);
    assert_eq!((verdict, at.as_str()), (Verdict::Failed, file), "{said}");
    assert!(said.contains(reason), "`{said}` does not say `{reason}`");
}

fn with(mut files: Files, path: &str, bytes: Vec<u8>) -> Files {
    assert!(files.insert(path.to_owned(), bytes).is_some(), "no {path}");
    files
}

fn signed(tree: &Checkpoint, by: &LogKey) -> Vec<u8> {
    sign(tree, by).unwrap().into_bytes()
}

#[test]
fn a_smaller_log_than_before_was_rolled_back() {
    failed(&log(3), &[since(&log(4))], CHECKPOINT, "has 4 entries, but the log now has 3");
    let head = Frontier::default().checkpoint(ORIGIN);
    let head = Checkpoint { size: 9, ..head }.to_string();
    let (verdict, _, said) = fault(&log(8), &[], Some(&head));
    assert_eq!(verdict, Verdict::Failed);
    assert!(said.contains("`HEAD` has 9 entries"), "{said}");
}

#[test]
fn another_log_of_the_same_size_or_a_larger_one_is_a_fork() {
    let other = |size| log_of((0..size).map(|n| entry(n + 1)));
    for size in [300, 301, 600] {
        failed(&other(size), &[since(&log(300))], CHECKPOINT, "the log was forked");
    }
}

#[test]
fn entries_that_are_not_those_of_the_tiles_are_found() {
    let forged = log_of((0..300).map(|n| entry(if n == 258 { 999 } else { n })));
    let bundle = "tile/entries/001.p/44";
    let files = with(log(300), bundle, forged[bundle].clone());
    failed(&files, &[], "tile/0/001.p/44", "hash 2 of the tile");
    // If the tiles are forged to match the entries, only the signed root reveals the change.
    let note = log(300).remove(CHECKPOINT).unwrap();
    failed(&with(forged, CHECKPOINT, note), &[], CHECKPOINT, "in the signed checkpoint");
}

#[test]
fn a_truncated_log_is_found() {
    let checkpoint = |size| log(size).remove(CHECKPOINT).unwrap();
    let short = with(log(299), CHECKPOINT, checkpoint(300));
    failed(&short, &[], "tile/entries/001.p/44", "the file is missing");
    let bundle = log(299).remove("tile/entries/001.p/43").unwrap();
    let cut = with(log(300), "tile/entries/001.p/44", bundle);
    failed(&cut, &[], "tile/entries/001.p/44", "has 43 entries, not 44");
    let mut tile = log(300).remove("tile/0/001.p/44").unwrap();
    tile.truncate(43 * 32);
    let cut = with(log(300), "tile/0/001.p/44", tile);
    failed(&cut, &[], "tile/0/001.p/44", "has 1376 bytes, not 44 hashes");
}

#[test]
fn what_is_no_entry_of_deed_is_found() {
    let zeros = "0".repeat(64);
    for bad in [
        "hello".to_owned(),
        format!("urn:deed:entry:v1\nreceipt {}\n", "0".repeat(63)),
        format!("urn:deed:entry:v1\nRECEIPT {zeros}\n"),
        format!("urn:deed:entry:v1\nreceipt {zeros}\n\n"),
        format!("urn:deed:entry:v1\n {zeros}\n"),
    ] {
        let files = log_of([entry(0), bad.into_bytes()].into_iter());
        failed(&files, &[], "tile/entries/000.p/2", "entry 1 of the log is not an entry of deed");
    }
}

#[test]
fn keys_and_origins_are_those_that_are_trusted() {
    let text = note(&log(3));
    let tree = Checkpoint::parse(&format!("{}\n", text.split_once("\n\n").unwrap().0)).unwrap();
    let mallory = with(log(3), CHECKPOINT, signed(&tree, &key(6, ORIGIN)));
    failed(&mallory, &[], CHECKPOINT, "no signature of");
    let elsewhere = Checkpoint { origin: "log.example.com/globex".to_owned(), ..tree };
    let elsewhere = signed(&elsewhere, &key(5, "log.example.com/globex"));
    let foreign = with(log(3), CHECKPOINT, elsewhere.clone());
    failed(&foreign, &[], CHECKPOINT, "not to `log.example.com/acme`");
    let kept = Since { name: "kept".into(), note: String::from_utf8(elsewhere).unwrap() };
    failed(&log(3), std::slice::from_ref(&kept), "kept", "not to `log.example.com/acme`");
    // The keys of both logs are trusted, but a checkpoint of one log proves nothing about the other log.
    let both = [keys(), vec![key(5, "log.example.com/globex").verifier().clone()]].concat();
    let asked = Asked { keys: &both, since: &[kept], head: None, witnesses: None };
    let found = audit(asked, |path, max| Ok(fetch(&log(3), path, max))).fault.unwrap();
    assert_eq!(found.file, "kept");
    assert!(found.reason.contains("not to `log.example.com/acme`"), "{found:?}");
    let head = Frontier::default().checkpoint("log.example.com/globex").to_string();
    assert_eq!(fault(&log(3), &[], Some(&head)).1, HEAD);
    failed(&log(3), &[since(&mallory)], "kept", "no signature of");
}

#[test]
fn what_cannot_be_looked_at_is_no_fault() {
    let nobody = audit(Asked { keys: &[], since: &[], head: None, witnesses: None }, |p, m| {
        Ok(fetch(&log(3), p, m))
    });
    assert_eq!(nobody.verdict, Verdict::Unverifiable);
    let away = |path: &str, max| match path {
        "tile/0/000.p/3" => Err("connection refused".to_owned()),
        _ => Ok(fetch(&log(3), path, max)),
    };
    let away = audit(Asked { keys: &keys(), since: &[], head: None, witnesses: None }, away);
    assert_eq!(away.verdict, Verdict::Unverifiable);
    assert!(away.fault.unwrap().reason.contains("connection refused"));
    let none = fault(&Files::new(), &[], Some(&Frontier::default().checkpoint(ORIGIN).to_string()));
    assert_eq!(none.0, Verdict::Unverifiable, "{none:?}");
    failed(&Files::new(), &[since(&log(1))], CHECKPOINT, "rolled back");
}

#[test]
fn a_proof_is_made_of_the_tiles_and_not_of_the_entries() {
    // The tiles are correct while the entries are read, but differ when the proof is built.
    let (files, mut reads) = (log(300), BTreeMap::<String, u32>::new());
    let lying = |path: &str, max| {
        let count = reads.entry(path.to_owned()).or_default();
        *count += 1;
        Ok(match fetch(&files, path, max) {
            Fetched::Bytes(bytes) if *count > 1 => Fetched::Bytes(vec![0; bytes.len()]),
            found => found,
        })
    };
    let kept = [since(&log(200))];
    let found = audit(Asked { keys: &keys(), since: &kept, head: None, witnesses: None }, lying);
    assert_eq!(found.verdict, Verdict::Failed);
    assert!(found.fault.unwrap().reason.contains("do not prove"));
}
