//! Fuzz targets for signed and logged data: envelopes, statements, checkpoints, proofs and tiles.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use deed_record::lifecycle::event::entry;
use deed_record::statement::approval;
use deed_record::statement::envelope::{Kind, Statement};
use deed_record::statement::receipt::Receipt;
use deed_spec::digest::Digest;
use deed_spec::dsse::Envelope;
use deed_spec::json;
use deed_spec::merkle::{Hash, inclusion_proof, leaf_hash, root};
use deed_spec::note::{self, Checkpoint, LogProof};
use deed_spec::tlog::frontier::Frontier;
use deed_spec::tlog::{CHECKPOINT, tile};
use deed_verify::Verdict;
use deed_verify::audit::{self, Asked, Fetched};
use serde_json::json;

use crate::{answers, proofs, served};

const KINDS: [Kind; 4] = [Kind::Approval, Kind::Decision, Kind::Receipt, Kind::Reconciliation];

/// An envelope by the test key must equal the envelope that signing its statement again produces, so it has only one
/// text.
pub(crate) fn envelope(data: &[u8]) {
    let Some(envelope) = json::parse(data).ok().and_then(|value| json::from_value(value).ok())
    else {
        return;
    };
    let envelope: Envelope = envelope;
    let key = served::bob();
    for kind in KINDS {
        if let Ok(statement) = Statement::open(&envelope, &key.verifying_key(), kind) {
            assert_eq!(statement.sign(&key).unwrap(), envelope);
        }
        if let Ok(statement) = Statement::unverified(&envelope, kind) {
            let payload = envelope.payload_bytes().unwrap();
            assert_eq!(json::canonical(&statement.value()).unwrap(), payload);
        }
    }
}

pub(crate) fn envelope_seeds() -> Vec<Vec<u8>> {
    let signed = statements().map(|statement| statement.sign(&served::bob()).unwrap());
    signed.map(|envelope| json::to_canonical(&envelope).unwrap()).collect()
}

/// A payload signed by the test key is at most one kind of statement and has exactly one text.
pub(crate) fn statement(data: &[u8]) {
    let envelope = answers::signed(data);
    let key = served::bob().verifying_key();
    let read: Vec<Statement> =
        KINDS.iter().filter_map(|kind| Statement::open(&envelope, &key, *kind).ok()).collect();
    assert!(read.len() < 2, "one payload is two kinds of statement");
    let Some(statement) = read.first() else { return };
    assert_eq!(json::canonical(&statement.value()).unwrap(), data);
    if statement.kind == Kind::Receipt {
        let receipt: Result<Receipt, _> = json::from_value(statement.predicate.clone());
        receipt.ok().map(|receipt| json::to_canonical(&receipt).unwrap());
    }
    if let Ok((action, terms)) = approval::open(&envelope, &key.into()) {
        assert_eq!(approval::sign(action, &terms, &served::bob()).unwrap(), envelope);
    }
}

pub(crate) fn statement_seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> =
        statements().map(|statement| json::canonical(&statement.value()).unwrap()).collect();
    // The seeds of the `approval` target are complete answers of an approver.
    let answers = answers::seeds().into_iter();
    seeds.extend(answers.filter_map(|seed| seed.strip_prefix(b"+").map(<[u8]>::to_vec)));
    seeds
}

fn statements() -> impl Iterator<Item = Statement> {
    let about = |kind| Statement {
        kind,
        action: Digest::of(b"action"),
        predicate: json!({"outcome": "verified", "list": [1, {"a": null}], "text": "é\u{1}\""}),
    };
    KINDS.into_iter().map(about)
}

/// A tree head has exactly one text, and a signed tree head can be read back.
pub(crate) fn checkpoint(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(tree) = Checkpoint::parse(text) else { return };
    assert_eq!(tree.to_string(), text);
    let own = Checkpoint { origin: proofs::log().name().to_owned(), ..tree };
    let signed = note::sign(&own, proofs::log()).unwrap();
    assert_eq!(note::verify(&signed, proofs::log().verifier()), Ok(own));
}

pub(crate) fn checkpoint_seeds() -> Vec<Vec<u8>> {
    let tree = |size, root| Checkpoint { origin: "log.example/acme".into(), size, root };
    let trees = [tree(0, deed_spec::merkle::empty_root()), tree(u64::MAX, [255; 32])];
    trees.iter().map(|tree| tree.to_string().into_bytes()).collect()
}

/// The input is the text of a log proof up to its checkpoint; the target adds a valid checkpoint. If the result proves
/// that a leaf is in the log, it must be the only possible proof for this leaf.
pub(crate) fn proof(data: &[u8]) {
    const SIZE: u64 = 5;
    let Ok(lines) = std::str::from_utf8(data) else { return };
    let leaves: Vec<Hash> = (0..SIZE).map(|n| leaf_hash(&n.to_be_bytes())).collect();
    let tree = Checkpoint { origin: proofs::log().name().into(), size: SIZE, root: root(&leaves) };
    let text = format!("{lines}\n{}", note::sign(&tree, proofs::log()).unwrap());
    let Ok(proof) = LogProof::parse(&text) else { return };
    assert_eq!(proof.to_string(), text);
    for (index, leaf) in (0..).zip(&leaves) {
        if proof.verify(leaf, proofs::log().verifier()).is_ok() {
            assert_eq!(proof.index, index);
            assert_eq!(proof.hashes, inclusion_proof(index, &leaves).unwrap());
        }
    }
}

pub(crate) fn proof_seeds() -> Vec<Vec<u8>> {
    let leaves: Vec<Hash> = (0..5_u64).map(|n| leaf_hash(&n.to_be_bytes())).collect();
    let seed = |index: u64, extra: Option<&[u8]>| {
        let hashes = inclusion_proof(index, &leaves).unwrap();
        let extra = extra.map(<[u8]>::to_vec);
        let proof = LogProof { extra, index, hashes, checkpoint: String::new() };
        proof.to_string().trim_end_matches('\n').to_owned().into_bytes()
    };
    [seed(0, None), seed(4, Some(b"more")), seed(2, None)]
        .map(|s| [s, b"\n".to_vec()].concat())
        .into()
}

/// An entry bundle has exactly one encoding. If one file of a log is replaced, the audit must not accept the log.
pub(crate) fn tile(data: &[u8]) {
    if let Some(entries) = tile::split_entries(data) {
        let mut again = Vec::new();
        for entry in entries {
            tile::push_entry(&mut again, entry);
        }
        assert_eq!(again, data);
    }
    if let Some(hashes) = tile::hashes(data) {
        assert_eq!(hashes.concat(), data);
    }
    let Some((which, content)) = data.split_first() else { return };
    let (files, keys) = (logged(), [proofs::log().verifier().clone()]);
    let Some((changed, original)) = files.iter().nth(usize::from(*which) % files.len()) else {
        return;
    };
    let fetch = |path: &str, max: u64| {
        let bytes =
            if path == changed { Some(content) } else { files.get(path).map(Vec::as_slice) };
        Ok(match bytes {
            Some(bytes) if bytes.len() as u64 > max => Fetched::TooLong,
            Some(bytes) => Fetched::Bytes(bytes.to_vec()),
            None => Fetched::Absent,
        })
    };
    let found = audit::audit(Asked { keys: &keys, since: &[], head: None, witnesses: None }, fetch);
    // The checkpoint may contain signatures by other keys, but its content must not differ.
    let own = content == original || changed == CHECKPOINT && found.tree.is_some();
    assert_eq!(found.verdict == Verdict::Verified, own, "`{changed}`");
}

pub(crate) fn tile_seeds() -> Vec<Vec<u8>> {
    let files = (0..).zip(logged().values());
    files.map(|(which, bytes)| [&[which], bytes.as_slice()].concat()).collect()
}

/// A log of 260 entries: two entry bundles, two tiles of leaves, one tile above them, and the checkpoint.
fn logged() -> &'static BTreeMap<String, Vec<u8>> {
    static FILES: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
    FILES.get_or_init(|| {
        let (mut edge, mut made) = (Frontier::default(), Vec::new());
        for n in 0..260_u32 {
            edge.push(&entry("receipt", &Digest::of(&n.to_be_bytes())), &mut made);
        }
        edge.finish(&mut made);
        let note = note::sign(&edge.checkpoint(proofs::log().name()), proofs::log()).unwrap();
        let mut files: BTreeMap<_, _> =
            made.into_iter().map(|file| (file.path, file.bytes)).collect();
        files.insert(CHECKPOINT.to_owned(), note.into_bytes());
        files
    })
}
