//! Tests of hostile envelopes and parts: some can be read in two ways, some would be accepted without a key, and some
//! are expensive to process.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use deed_record::bundle::CHAIN;
use deed_spec::dsse::{DsseError, Envelope, key_id};
use deed_spec::json;
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use serde_json::{Value, json};

use super::*;

/// The order of the base point, little-endian (RFC 8032 section 5.1).
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn receipt(world: &World) -> Envelope {
    let files = bundle::read(&world.bundle()).unwrap();
    let chain = std::str::from_utf8(&files[CHAIN]).unwrap();
    serde_json::from_str(chain.lines().last().unwrap()).unwrap()
}

/// The bundle with another receipt, in both places where a bundle contains the receipt.
fn with_receipt(world: &World, envelope: &Envelope) -> Vec<u8> {
    world.forged(|files| {
        let chain = String::from_utf8(files.remove(CHAIN).unwrap()).unwrap();
        let mut lines: Vec<&str> = chain.lines().collect();
        let line = String::from_utf8(json::to_canonical(envelope).unwrap()).unwrap();
        *lines.last_mut().unwrap() = &line;
        files.insert(CHAIN.to_owned(), (lines.join("\n") + "\n").into_bytes());
        files.insert(bundle::RECEIPT.to_owned(), bundle::sigstore(envelope).unwrap());
    })
}

fn signature(envelope: &Envelope) -> [u8; 64] {
    STANDARD.decode(&envelope.signatures[0].sig).unwrap().try_into().unwrap()
}

fn signed_with(envelope: &Envelope, signature: &[u8]) -> Envelope {
    let mut other = envelope.clone();
    other.signatures[0].sig = STANDARD.encode(signature);
    other
}

fn pae(envelope: &Envelope) -> Vec<u8> {
    let payload = envelope.payload_bytes().unwrap();
    let kind = &envelope.payload_type;
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    [head.as_bytes(), &payload].concat()
}

#[test]
fn a_scalar_that_was_not_reduced_is_no_signature() {
    let world = approved();
    let good = receipt(&world);
    let key = world.trust().receipt_keys[0].key;
    let mut other = signature(&good);
    let mut carry = 0;
    for (byte, add) in other[32..].iter_mut().zip(L) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
    }
    let forged = signed_with(&good, &other);
    assert_eq!(forged.open(&key), Err(DsseError::Signature));
    assert_eq!(failing(&world, &with_receipt(&world, &forged)), SIGNATURE);
}

/// Under non-strict verification, if the public key is the neutral point, one signature is valid for every text.
#[test]
fn a_key_of_small_order_signs_nothing() {
    let world = approved();
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let key = VerifyingKey::from_bytes(&neutral).unwrap();
    let mut anything = [0; 64];
    anything[0] = 1;
    let mut forged = signed_with(&receipt(&world), &anything);
    forged.signatures[0].keyid = key_id(&key).unwrap();
    assert!(key.verify(&pae(&forged), &Signature::from_bytes(&anything)).is_ok());
    assert_eq!(forged.open(&key), Err(DsseError::Signature));
    let mut trust = world.trust();
    trust.receipt_keys.push(ReceiptKey { key, from_index: None, until_index: None });
    let report = verify(&with_receipt(&world, &forged), Some(&trust));
    assert_eq!(report.verdict, Verdict::Failed, "{report:#?}");
    assert_eq!(line(&report, SIGNATURE).status, Status::Fail);
}

#[test]
fn base64_that_is_not_canonical_is_refused() {
    let world = approved();
    let good = receipt(&world);
    let payload = good.payload_bytes().unwrap();
    let sig = signature(&good);
    let mut bits = STANDARD.encode(sig).into_bytes();
    // The last base64 digit before `==` has four unused bits.
    let at = bits.len() - 3;
    bits[at] += 1;
    let sigs = [
        String::from_utf8(bits).unwrap(),
        STANDARD_NO_PAD.encode(sig),
        URL_SAFE.encode(sig).replace(['-', '_'], "-"),
        format!("{}\n", STANDARD.encode(sig)),
        format!(" {}", STANDARD.encode(sig)),
        format!("{}====", STANDARD.encode(sig)),
        format!("{}{}", STANDARD.encode(&sig[..31]), STANDARD.encode(&sig[31..])),
        String::new(),
    ];
    for sig in sigs.into_iter().filter(|sig| *sig != good.signatures[0].sig) {
        let mut other = good.clone();
        other.signatures[0].sig.clone_from(&sig);
        assert_eq!(failing(&world, &with_receipt(&world, &other)), SIGNATURE, "{sig:?}");
    }
    for payload in [
        STANDARD_NO_PAD.encode([payload.as_slice(), b" "].concat()),
        format!("{}\n", good.payload),
        format!("{}{}", STANDARD.encode(&payload[..4]), STANDARD.encode(&payload[4..])),
        format!("{}AAA=", good.payload),
    ] {
        let other = Envelope { payload, ..good.clone() };
        let report = verify(&with_receipt(&world, &other), Some(&world.trust()));
        assert_eq!(report.verdict, Verdict::Failed, "{report:#?}");
    }
}

type Change = fn(&str) -> String;

/// A line of the chain is refused if other readers could interpret it differently.
#[test]
fn a_line_of_the_chain_has_one_text() {
    let world = approved();
    let changes: [(&str, Change); 8] = [
        ("a key twice", |line| line.replacen('{', "{\"payload\":\"e30=\",", 1)),
        ("the same key twice", |line| {
            line.replacen(
                "{\"payload\"",
                "{\"payloadType\":\"application/vnd.in-toto+json\",\"payload\"",
                1,
            )
        }),
        ("an unknown field", |line| line.replacen('{', "{\"a\":1,", 1)),
        ("a space", |line| line.replacen(':', ": ", 1)),
        ("an escape", |line| line.replacen("\"keyid\"", "\"\\u006beyid\"", 1)),
        ("two signatures", |line| {
            let mut value: Value = serde_json::from_str(line).unwrap();
            let first = value["signatures"][0].clone();
            value["signatures"].as_array_mut().unwrap().push(first);
            String::from_utf8(json::canonical(&value).unwrap()).unwrap()
        }),
        ("no signature", |line| {
            let mut value: Value = serde_json::from_str(line).unwrap();
            value["signatures"] = json!([]);
            String::from_utf8(json::canonical(&value).unwrap()).unwrap()
        }),
        ("a carriage return", |line| format!("{line}\r")),
    ];
    for (what, change) in changes {
        let bytes = world.forged(|files| {
            let chain = String::from_utf8(files.remove(CHAIN).unwrap()).unwrap();
            let changed: String = chain.lines().map(|line| change(line) + "\n").collect();
            assert_ne!(chain, changed, "{what}");
            files.insert(CHAIN.to_owned(), changed.into_bytes());
        });
        let report = verify(&bytes, Some(&world.trust()));
        assert_eq!(report.verdict, Verdict::Failed, "{what}: {report:#?}");
    }
}

/// Verification fails quickly if a part of the bundle is replaced by a mebibyte of brackets, by one long string, by
/// nothing, and by bytes that are not text.
#[test]
fn parts_that_are_deep_long_or_no_text_fail_and_cost_little() {
    let world = approved();
    let names: Vec<String> = bundle::read(&world.bundle()).unwrap().into_keys().collect();
    let deep = |open: &str| open.repeat(1 << 19).into_bytes();
    let long = format!("\"{}\"", "a".repeat(1 << 20)).into_bytes();
    for name in names {
        for content in
            [deep("["), deep("{\"a\":"), long.clone(), vec![], vec![0xff; 64], b"null".to_vec()]
        {
            let bytes = world.forged(|files| {
                files.insert(name.clone(), content);
            });
            for trust in [Some(&world.trust()), None] {
                let report = verify(&bytes, trust);
                assert!(!report.verdict.holds(), "`{name}`: {report:#?}");
                assert!(
                    trust.is_none() || report.verdict == Verdict::Failed,
                    "`{name}`: {report:#?}"
                );
            }
        }
    }
}
