//! Mutations of the log: other checkpoints, other leaves, and the log's own files.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_record::bundle::proof_name;
use deed_spec::digest::Digest;
use deed_spec::note::{self, Checkpoint, LogKey};
use deed_spec::tlog::frontier::Frontier;
use deed_spec::tlog::{CHECKPOINT, HEAD, tile};
use deed_verify::Verdict;
use deed_verify::audit::{self, Asked, Fetched, Since};

use crate::class::Sink;
use crate::forge::{chain, kind, proof, relog, relog_as};
use crate::samples::Sample;

pub(super) fn checkpoints(sink: &mut Sink<'_>, sample: &Sample) {
    let bench = sink.bench;
    let count = chain(&sample.files).len();
    let own = proof(&sample.files, 0).checkpoint;
    let text = |note: &str| note.split("\n\n").next().map(|text| format!("{text}\n")).unwrap();
    let right = Checkpoint::parse(&text(&own)).unwrap();
    let key = |name: &str, key: &ed25519_dalek::SigningKey| LogKey::new(name, key.clone()).unwrap();
    let signed = |origin: &str, size: u64, root: [u8; 32], key: &LogKey| {
        note::sign(&Checkpoint { origin: origin.to_owned(), size, root }, key).unwrap()
    };
    let log_key = &bench.keys.log_signing;
    let origin = right.origin.as_str();
    let mut notes: Vec<(String, String)> = bench
        .checkpoints
        .iter()
        .enumerate()
        .map(|(n, note)| (format!("checkpoint {n}"), note.clone()))
        .collect();
    let globex = "deed.example/logs/globex";
    notes.extend([
        ("of another tenant".to_owned(), bench.foreign.clone()),
        (
            "of another tenant with this root".to_owned(),
            signed(globex, right.size, right.root, &key(globex, log_key)),
        ),
        (
            "of another log".to_owned(),
            signed("elsewhere/acme", right.size, right.root, &key("elsewhere/acme", log_key)),
        ),
        (
            "by a stranger".to_owned(),
            signed(origin, right.size, right.root, &key(origin, &bench.keys.stranger)),
        ),
        (
            "by the receipt key".to_owned(),
            signed(origin, right.size, right.root, &key(origin, &bench.keys.receipt)),
        ),
        (
            "of a larger tree".to_owned(),
            signed(origin, right.size + 1, right.root, &bench.keys.log),
        ),
        (
            "of a smaller tree".to_owned(),
            signed(origin, right.size - 1, right.root, &bench.keys.log),
        ),
        ("of another root".to_owned(), signed(origin, right.size, [7; 32], &bench.keys.log)),
        (
            "of no tree".to_owned(),
            signed(origin, 0, deed_spec::merkle::empty_root(), &bench.keys.log),
        ),
        ("unsigned".to_owned(), format!("{}\n", text(&own))),
        ("renamed".to_owned(), own.replace(origin, globex)),
    ]);
    for (what, note) in notes.into_iter().filter(|(_, note)| *note != own) {
        let mut all = sample.files.clone();
        for n in 0..count {
            let mut changed = proof(&sample.files, n);
            changed.checkpoint.clone_from(&note);
            let mut one = sample.files.clone();
            one.insert(proof_name(n), changed.to_string().into_bytes());
            sink.files(&format!("{}: {n} {what}", sample.kind), &one);
            all.insert(proof_name(n), changed.to_string().into_bytes());
        }
        sink.files(&format!("{}: all {what}", sample.kind), &all);
    }
}

pub(super) fn leaves(sink: &mut Sink<'_>, sample: &Sample) {
    let keys = &sink.bench.keys;
    let digest = |payload: &str| Digest::of(&STANDARD.decode(payload).unwrap());
    let right: Vec<(String, Digest)> =
        chain(&sample.files).iter().map(|line| (kind(line), digest(&line.payload))).collect();
    let mut made = Vec::new();
    for n in 0..right.len() {
        for other in
            ["receipt", "approval", "decision", "reconciliation", "activated", "key-added", ""]
        {
            if other != right[n].0 {
                let mut leaves = right.clone();
                other.clone_into(&mut leaves[n].0);
                made.push((format!("{n} as `{other}`"), leaves));
            }
        }
        let mut leaves = right.clone();
        leaves[n].1 = Digest::of(b"another");
        made.push((format!("{n} is another"), leaves));
        for other in n + 1..right.len() {
            let mut leaves = right.clone();
            leaves.swap(n, other);
            made.push((format!("{n} and {other} exchanged"), leaves));
        }
    }
    for (what, leaves) in made {
        let mut files = sample.files.clone();
        relog_as(&mut files, &leaves, &keys.log);
        sink.files(&format!("{}: {what}", sample.kind), &files);
    }
    for (what, signing) in [("a stranger's", &keys.stranger), ("the receipt key's", &keys.receipt)]
    {
        let mut files = sample.files.clone();
        relog(&mut files, &LogKey::new(keys.log.name(), signing.clone()).unwrap());
        sink.files(&format!("{}: in {what} log", sample.kind), &files);
    }
}

type Log = BTreeMap<String, Vec<u8>>;

/// Mutates the log's files only once, because they are the same for every sample.
pub(super) fn files(sink: &mut Sink<'_>, sample: &Sample) {
    if sample.kind != sink.bench.samples[0].kind {
        return;
    }
    let log = sink.bench.log.clone();
    assert_eq!(audited(sink, &log), Verdict::Verified, "the log is in order");
    // A partial file may be absent once a larger file has replaced it (C2SP tlog-tiles). The audit does not read such a
    // partial file.
    for (name, content) in
        log.iter().filter(|(name, _)| is_published(name) && !is_spare(&log, name))
    {
        for at in 0..content.len() {
            if sink.picks(40, content.len()) {
                let mut changed = log.clone();
                changed.get_mut(name).unwrap()[at] ^= 1 << sink.rng.index(8);
                note_audit(sink, &format!("{name} byte {at}"), &changed);
            }
        }
        let mut gone = log.clone();
        gone.remove(name);
        note_audit(sink, &format!("without {name}"), &gone);
        let mut cut = log.clone();
        cut.get_mut(name).unwrap().pop();
        note_audit(sink, &format!("{name} cut"), &cut);
    }
    for (n, older) in sink.bench.checkpoints.clone().into_iter().enumerate() {
        if log[CHECKPOINT] != older.as_bytes() {
            let mut back = log.clone();
            back.insert(CHECKPOINT.to_owned(), older.into_bytes());
            note_audit(sink, &format!("rolled back to checkpoint {n}"), &back);
        }
    }
    for changed in [1, entries(&log).len() / 2, entries(&log).len() - 1] {
        note_audit(sink, &format!("forked at {changed}"), &forked(sink, &log, changed));
    }
}

fn note_audit(sink: &mut Sink<'_>, what: &str, log: &Log) {
    match audited(sink, log) {
        Verdict::Verified => sink.found.through(&format!("log: {what}")),
        _ => sink.found.caught_by("deed log audit"),
    }
}

/// The verdict of an auditor who kept the last checkpoint and has the host's `HEAD` file.
fn audited(sink: &Sink<'_>, log: &Log) -> Verdict {
    let kept = Since { name: "kept".to_owned(), note: text(&sink.bench.log[CHECKPOINT]) };
    let head = sink.bench.log.get(HEAD).map(|bytes| text(bytes));
    let keys = [sink.bench.keys.log.verifier().clone()];
    let asked = Asked { keys: &keys, since: &[kept], head: head.as_deref(), witnesses: None };
    let fetch = |path: &str, max: u64| {
        Ok(match log.get(path) {
            None => Fetched::Absent,
            Some(bytes) if bytes.len() as u64 > max => Fetched::TooLong,
            Some(bytes) => Fetched::Bytes(bytes.clone()),
        })
    };
    audit::audit(asked, fetch).verdict
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn is_published(name: &str) -> bool {
    name == CHECKPOINT || name.starts_with("tile/")
}

/// Whether the current tree does not need this file.
fn is_spare(log: &Log, name: &str) -> bool {
    let size = entries(log).len();
    name != CHECKPOINT && !name.ends_with(&format!(".p/{}", size % 256))
}

/// The entries of a log with fewer than 256 entries, taken from its largest entry bundle.
fn entries(log: &Log) -> Vec<Vec<u8>> {
    let bundles = log.iter().filter(|(name, _)| name.starts_with("tile/entries/"));
    let lists = bundles.filter_map(|(_, bytes)| tile::split_entries(bytes));
    let widest = lists.max_by_key(Vec::len).unwrap_or_default();
    widest.into_iter().map(<[u8]>::to_vec).collect()
}

/// A log with a different entry at one index, in which every file is generated again and signed with the log's key.
fn forked(sink: &Sink<'_>, log: &Log, at: usize) -> Log {
    let (mut edge, mut files) = (Frontier::default(), Vec::new());
    for (n, entry) in entries(log).iter().enumerate() {
        edge.push(if n == at { b"urn:deed:entry:v1\nreceipt 00\n" } else { entry }, &mut files);
    }
    edge.finish(&mut files);
    let mut out: Log = files.into_iter().map(|file| (file.path, file.bytes)).collect();
    let key = &sink.bench.keys.log;
    let note = note::sign(&edge.checkpoint(key.name()), key).unwrap();
    out.insert(CHECKPOINT.to_owned(), note.into_bytes());
    out
}
