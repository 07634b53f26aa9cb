use ed25519_dalek::SigningKey;

use super::*;
use crate::merkle::{inclusion_proof, leaf_hash, root};

mod vectors;

const ORIGIN: &str = "log.example.com/acme";

fn key(seed: u8, name: &str) -> LogKey {
    LogKey::new(name, SigningKey::from_bytes(&[seed; 32])).unwrap()
}

fn checkpoint() -> Checkpoint {
    Checkpoint { origin: ORIGIN.to_owned(), size: 3, root: root(&leaves()) }
}

fn leaves() -> Vec<Hash> {
    [b"a", b"b", b"c"].iter().map(|data| leaf_hash(*data)).collect()
}

#[test]
fn the_verifier_key_of_the_specification_reads_and_writes() {
    let text = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let key: VerifierKey = text.parse().unwrap();
    assert_eq!((key.name(), key.id()), ("example.com/foo", [0x53, 0x0d, 0x90, 0x3a]));
    assert_eq!(key.to_string(), text);
}

#[test]
fn verifier_keys_that_do_not_read_exactly_are_refused() {
    let data = "AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let bad = [
        ("example.com/foo".to_owned(), KeyError::Shape),
        (format!("example.com/foo+530d903b+{data}"), KeyError::Id),
        (format!("example.com/foo+530D903A+{data}"), KeyError::Id),
        (format!("example.com/bar+530d903a+{data}"), KeyError::Id),
        ("example.com/foo+530d903a+Aeky".to_owned(), KeyError::Key(1)),
        (format!("a b+530d903a+{data}"), KeyError::Name { name: "a b".to_owned() }),
        (format!("example.com/foo+530d903a+{}", data.replace("Aek", "Bek")), KeyError::Key(1)),
    ];
    for (text, expected) in bad {
        assert_eq!(text.parse::<VerifierKey>(), Err(expected), "{text}");
    }
    // The key is the point of order 4 with y = 0. One signature by a key of small order can be valid for every text.
    let weak = ed25519_dalek::VerifyingKey::from_bytes(&[0; 32]).unwrap();
    assert_eq!(VerifierKey::new("a", weak), Err(KeyError::Key(1)));
}

#[test]
fn a_signed_checkpoint_verifies_and_signing_is_deterministic() {
    let key = key(7, ORIGIN);
    let note = sign(&checkpoint(), &key).unwrap();
    assert_eq!(note, sign(&checkpoint(), &key).unwrap());
    assert!(note.starts_with(&format!("{ORIGIN}\n3\n")));
    let public: VerifierKey = key.verifier().to_string().parse().unwrap();
    assert_eq!(verify(&note, &public).unwrap(), checkpoint());
}

#[test]
fn every_flipped_bit_of_a_note_is_noticed() {
    let key = key(7, ORIGIN);
    let note = sign(&checkpoint(), &key).unwrap();
    for at in 0..note.len() {
        let mut bytes = note.clone().into_bytes();
        bytes[at] ^= 1;
        if let Ok(text) = String::from_utf8(bytes) {
            assert!(verify(&text, key.verifier()).is_err(), "byte {at}: {text}");
        }
    }
    for end in 0..note.len() {
        if let Some(part) = note.get(..end) {
            assert!(verify(part, key.verifier()).is_err());
        }
    }
}

#[test]
fn foreign_signatures_are_ignored_but_never_enough() {
    let (log, other) = (key(7, ORIGIN), key(8, "witness.example.com"));
    let note = sign(&checkpoint(), &log).unwrap();
    let text = checkpoint().to_string();
    let witnessed = format!("{note}{}", other.signature_line(&text));
    assert_eq!(verify(&witnessed, log.verifier()).unwrap(), checkpoint());
    let alone = format!("{text}\n{}", other.signature_line(&text));
    let missing = NoteError::NotSigned { name: ORIGIN.to_owned() };
    assert_eq!(verify(&alone, log.verifier()), Err(missing));
    // One valid and one invalid signature of the same key: the note is refused.
    let twice = format!("{note}{}", log.signature_line("another text\n"));
    let bad = NoteError::BadSignature { name: ORIGIN.to_owned() };
    assert_eq!(verify(&twice, log.verifier()), Err(bad));
    let many = note.clone() + &other.signature_line(&text).repeat(64);
    assert_eq!(verify(&many, log.verifier()), Err(NoteError::TooManySignatures));
}

#[test]
fn a_key_signs_only_its_own_log() {
    let other = key(7, "log.example.com/other");
    let error = sign(&checkpoint(), &other).unwrap_err();
    assert!(matches!(error, NoteError::OtherLog { .. }));
    let text = checkpoint().to_string();
    let note = format!("{text}\n{}", other.signature_line(&text));
    assert_eq!(verify(&note, other.verifier()), Err(error));
}

#[test]
fn checkpoints_read_exactly() {
    let good = checkpoint().to_string();
    assert_eq!(Checkpoint::parse(&good).unwrap(), checkpoint());
    let bad = [
        good.trim_end().to_owned(),
        format!("{good}extension\n"),
        good.replace("\n3\n", "\n03\n"),
        good.replace("\n3\n", "\n+3\n"),
        good.replace("\n3\n", "\n-3\n"),
        good.replace("\n3\n", "\n18446744073709551616\n"),
        good.replace("=\n", "\n"),
        good.replace(ORIGIN, ""),
        good.replace('/', " "),
        good.replace('\n', "\r\n"),
    ];
    for text in bad {
        assert!(Checkpoint::parse(&text).is_err(), "{text:?}");
    }
}

#[test]
fn proofs_read_write_and_verify() {
    let key = key(7, ORIGIN);
    let proof = LogProof {
        extra: None,
        index: 2,
        hashes: inclusion_proof(2, &leaves()).unwrap(),
        checkpoint: sign(&checkpoint(), &key).unwrap(),
    };
    let text = proof.to_string();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nindex 2\n"));
    assert_eq!(LogProof::parse(&text).unwrap(), proof);
    assert_eq!(proof.verify(&leaf_hash(b"c"), key.verifier()).unwrap(), checkpoint());
    let refused = Err(ProofError::NotIncluded { index: 2, size: 3 });
    assert_eq!(proof.verify(&leaf_hash(b"b"), key.verifier()), refused);
    let elsewhere = LogProof { index: 1, ..proof.clone() };
    assert!(elsewhere.verify(&leaf_hash(b"c"), key.verifier()).is_err());
    let with_extra = LogProof { extra: Some(b"more".to_vec()), ..proof };
    assert_eq!(LogProof::parse(&with_extra.to_string()).unwrap(), with_extra);
}

#[test]
fn proofs_that_do_not_read_exactly_are_refused() {
    let hash = "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n";
    let head = "c2sp.org/tlog-proof@v1\n";
    let bad = [
        (format!("{head}index 1\n{hash}"), ProofError::Shape),
        (format!("c2sp.org/tlog-proof@v2\nindex 1\n{hash}\nnote"), ProofError::Header),
        (format!("{head}index 01\n{hash}\nnote"), ProofError::Index),
        (format!("{head}index 1 \n{hash}\nnote"), ProofError::Index),
        (format!("{head}{hash}\nnote"), ProofError::Index),
        (format!("{head}extra !\nindex 1\n{hash}\nnote"), ProofError::Extra),
        (format!("{head}index 1\n{}\nnote", hash.repeat(64)), ProofError::TooLong),
    ];
    for (text, expected) in bad {
        assert_eq!(LogProof::parse(&text), Err(expected), "{text}");
    }
    let short = LogProof::parse(&format!("{head}index 1\nAAAA\n\nnote"));
    assert_eq!(short, Err(ProofError::Hash { line: "AAAA".to_owned() }));
}

#[test]
fn base64_has_one_text() {
    let hash = "A".repeat(43) + "=";
    assert_eq!(super::hash(&hash), Some([0; 32]));
    // Some decoders also accept base64 texts with padding in the middle, with unused bits that are not zero, or without
    // padding.
    for other in [format!("{}=AAAA", "A".repeat(39)), "A".repeat(42) + "B=", "A".repeat(43)] {
        assert_eq!(super::hash(&other), None, "{other}");
    }
    assert_eq!(super::base64("AA==AA=="), None);
}
