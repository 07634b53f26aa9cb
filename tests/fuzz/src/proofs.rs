//! Fuzz targets for the input of a verifier: checkpoints, witness policies, inclusion proofs and bundles.

use std::sync::OnceLock;

use deed_record::bundle::{self, Files};
use deed_spec::note::{self, Checkpoint, LogKey, LogPolicy, LogProof, WitnessKey};
use deed_verify::{Trust, verify};

use crate::served;

/// The key of a public witness and its cosignature of a public log. This valid line cannot be produced again without
/// the witness's private key.
const WITNESS: &str =
    "witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G";
const COSIGNED: &str = "coachandhorses2026h1.staging.certificate.transparency.goog
185550722
YXAM0VmnrfvLaBCOOYSJhCaE5F10oGBOo+hkbDa1kng=

— witness.navigli.sunlight.geomys.org o+AP4gAAAABqb7DzNrGFRJnQ9vrJ8xpnwZytnr/ZYczDIsvwvouiSjwOjn7a72ccxBk+lKnZ7dKqkYKER1s/KxLTaVwQD7lJZTC/CQ==
";

/// A checkpoint has exactly one text, and an unsigned checkpoint never counts as signed.
pub(crate) fn note(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.to_string(), text);
    }
    if let Ok(checkpoint) = note::verify(text, log().verifier()) {
        // Ed25519 is deterministic: signing the same checkpoint gives the same signature.
        let own = note::sign(&checkpoint, log()).unwrap();
        let (body, signatures) = own.split_once("\n\n").unwrap();
        assert!(text.starts_with(body) && text.contains(signatures.trim_end()), "{text}");
    }
    if let Ok(proof) = LogProof::parse(text) {
        assert_eq!(proof.to_string(), text);
    }
    vouched(text);
}

/// The witness's private key is not available, so only its one known line may be valid, and only for one text.
fn vouched(text: &str) {
    let key: WitnessKey = WITNESS.parse().unwrap();
    if let Ok(Some(found)) = note::cosignature(text, &key) {
        assert!(text.starts_with(COSIGNED.split_inclusive("\n\n").next().unwrap()), "{text}");
        assert!(COSIGNED.ends_with(found.line), "{text}");
    }
}

/// A witness policy has the same meaning when its text is parsed again, and only lines that are present can meet its
/// quorum.
pub(crate) fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(policy) = LogPolicy::parse(text) else { return };
    assert_eq!(LogPolicy::parse(policy.text()).as_ref(), Ok(&policy));
    for note in [COSIGNED.to_owned(), note::only(COSIGNED, "nobody").unwrap()] {
        let Ok(found) = policy.check(&note) else { continue };
        assert!(!found.met || !policy.asks() || !found.by.is_empty(), "met without lines: {text}");
        assert!(found.met || !found.missing.is_empty(), "no line is missing: {text}");
    }
}

pub(crate) fn policy_seeds() -> Vec<Vec<u8>> {
    let log = log().verifier();
    let group = format!("# one\nlog {log}\nwitness w {WITNESS}\ngroup g all w\nquorum g\n");
    vec![b"quorum none\n".to_vec(), group.into_bytes()]
}

pub(crate) fn note_seeds() -> Vec<Vec<u8>> {
    let checkpoint = Checkpoint { origin: log().name().into(), size: 3, root: [1; 32] };
    let signed = note::sign(&checkpoint, log()).unwrap();
    let proof = format!("c2sp.org/tlog-proof@v1\nindex 1\n{}=\n\n{signed}", "A".repeat(43));
    vec![
        checkpoint.to_string().into_bytes(),
        signed.into_bytes(),
        proof.into_bytes(),
        COSIGNED.as_bytes().to_vec(),
    ]
}

/// If a container parses, its files must produce the same container again. The verifier must not verify any container
/// if it has no trusted keys.
pub(crate) fn bundle(data: &[u8]) {
    if let Ok(files) = bundle::read(data) {
        assert_eq!(bundle::write(&files).unwrap(), data, "two containers of the same files");
    }
    for trust in [None, Some(&Trust::default())] {
        assert!(!verify(data, trust).verdict.holds());
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
