//! What a reader of proofs is handed: checkpoints, inclusion proofs, bundles.

use std::sync::OnceLock;

use deed_record::bundle::{self, Files};
use deed_record::note::{self, Checkpoint, LogKey, LogProof};
use deed_record::verify::{Trust, Verdict, verify};

use crate::served;

/// A checkpoint has one text; nothing unsigned counts as signed.
pub(crate) fn note(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.to_string(), text);
    }
    if let Ok(checkpoint) = note::verify(text, log().verifier()) {
        // Ed25519 is deterministic: what we would sign is what was signed.
        let own = note::sign(&checkpoint, log()).unwrap();
        let (body, signatures) = own.split_once("\n\n").unwrap();
        assert!(text.starts_with(body) && text.contains(signatures.trim_end()), "{text}");
    }
    if let Ok(proof) = LogProof::parse(text) {
        assert_eq!(proof.to_string(), text);
    }
}

pub(crate) fn note_seeds() -> Vec<Vec<u8>> {
    let checkpoint = Checkpoint { origin: log().name().into(), size: 3, root: [1; 32] };
    let signed = note::sign(&checkpoint, log()).unwrap();
    let proof = format!("c2sp.org/tlog-proof@v1\nindex 1\n{}=\n\n{signed}", "A".repeat(43));
    vec![checkpoint.to_string().into_bytes(), signed.into_bytes(), proof.into_bytes()]
}

/// A container that is read is the one that its files make, and nobody's word makes it verified.
pub(crate) fn bundle(data: &[u8]) {
    if let Ok(files) = bundle::read(data) {
        assert_eq!(bundle::write(&files).unwrap(), data, "two containers of the same files");
    }
    for trust in [None, Some(&Trust::default())] {
        assert_ne!(verify(data, trust).verdict, Verdict::Verified);
    }
}

pub(crate) fn bundle_seeds() -> Vec<Vec<u8>> {
    let one = Files::from([("action.json".to_owned(), b"{}".to_vec())]);
    let two = Files::from([
        ("action.json".to_owned(), b"{\"v\":0}".to_vec()),
        ("receipt.dsse.json".to_owned(), b"{}".to_vec()),
    ]);
    [one, two].iter().filter_map(|files| bundle::write(files).ok()).collect()
}

pub(crate) fn log() -> &'static LogKey {
    static KEY: OnceLock<LogKey> = OnceLock::new();
    KEY.get_or_init(|| LogKey::new("deed.example/logs/acme", served::bob()).unwrap())
}
