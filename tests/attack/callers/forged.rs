//! Signed answers that are built by hand: valid answers, and invalid answers that resemble them.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use deed_record::statement::approval::{self, Answer as Said, ApprovalRequest, Terms};
use deed_record::statement::envelope::{Kind, Statement};
use deed_spec::digest::Digest;
use deed_spec::dsse::{Envelope, EnvelopeSignature, PAYLOAD_TYPE, key_id};
use deed_spec::json::{canonical, to_canonical};
use deed_tests::client::Answer;
use deed_tests::world::{BOB, World};
use ed25519_dalek::pkcs8::DecodePrivateKey;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};

/// A waiting action and its approval request.
pub(super) struct Asked {
    pub(super) id: String,
    pub(super) subject: Digest,
    request: ApprovalRequest,
}

/// Proposes to restore this user and fetches what an approver would be shown.
pub(super) fn asked(world: &World, user: &str) -> Asked {
    let answer = world.propose(&World::proposal("idp.restore_access", user)).unwrap();
    assert_eq!(answer.text("/status"), "waiting", "{}", answer.json());
    fetched(world, &answer.text("/id"))
}

/// Fetches what an approver would be shown about this action, which waits.
pub(super) fn fetched(world: &World, id: &str) -> Asked {
    let shown = world.client(BOB).get(&format!("/v1/actions/{id}/approval_request")).unwrap();
    let request: ApprovalRequest = deed_spec::json::from_value(shown.json()).unwrap();
    Asked { id: id.to_owned(), subject: request.action.digest().unwrap(), request }
}

impl Asked {
    /// The terms that `bob` would sign to approve this action.
    pub(super) fn terms(&self) -> Terms {
        self.request.terms(Said::Approve, "bob", "support-lead").unwrap()
    }

    pub(super) fn signed(&self, key: &SigningKey, change: impl FnOnce(&mut Terms)) -> Envelope {
        let mut terms = self.terms();
        change(&mut terms);
        approval::sign(self.subject, &terms, key).unwrap()
    }

    fn statement(&self) -> Value {
        let predicate = serde_json::from_slice(&to_canonical(&self.terms()).unwrap()).unwrap();
        Statement { kind: Kind::Approval, action: self.subject, predicate }.value()
    }
}

pub(super) fn key(world: &World, person: &str) -> SigningKey {
    read_key(&world.dir.join(format!("approvers/{person}.key")))
}

pub(super) fn read_key(path: &Path) -> SigningKey {
    SigningKey::from_pkcs8_pem(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub(super) fn send(world: &World, id: &str, envelope: &Envelope) -> Answer {
    world.client(BOB).post(&format!("/v1/actions/{id}/approvals"), &json!(envelope)).unwrap()
}

/// Checks that the answer is refused for this reason, that the action still waits, and that nothing was written.
pub(super) fn refused(world: &World, asked: &Asked, envelope: &Envelope, reason: &str) {
    let answer = send(world, &asked.id, envelope);
    let problem = (answer.status, answer.content_type.as_str());
    assert_eq!(problem, (409, "application/problem+json"), "{}", answer.json());
    let detail = answer.text("/detail");
    assert!(detail.contains(reason), "`{detail}` does not say `{reason}`");
    assert_eq!(world.show(&asked.id).unwrap()["status"], "waiting");
    assert_eq!(world.proxy.count("PATCH"), 0);
}

/// Puts a payload of any type into an envelope with a valid signature.
fn seal(payload: &[u8], payload_type: &str, key: &SigningKey) -> Envelope {
    let mut pae =
        format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    pae.extend_from_slice(payload);
    Envelope {
        payload: STANDARD.encode(payload),
        payload_type: payload_type.to_owned(),
        signatures: vec![EnvelopeSignature {
            keyid: key_id(&key.verifying_key()).unwrap(),
            sig: STANDARD.encode(key.sign(&pae).to_bytes()),
            webauthn: None,
        }],
    }
}

/// Envelopes that are invalid in one part, each with a fragment of the refusal.
pub(super) fn unsound(world: &World, asked: &Asked) -> Vec<(&'static str, Envelope, &'static str)> {
    let bob = key(world, "bob");
    let good = asked.signed(&bob, |_| ());
    let with = |change: &dyn Fn(&mut Envelope)| {
        let mut envelope = good.clone();
        change(&mut envelope);
        envelope
    };
    let signature = STANDARD.decode(&good.signatures[0].sig).unwrap();
    let sig = |bytes: &[u8]| {
        let text = STANDARD.encode(bytes);
        with(&move |e| e.signatures[0].sig.clone_from(&text))
    };
    let payload = STANDARD.decode(&good.payload).unwrap();
    let (cut, spaced) = (good.payload.len() - 4, format!("{} ", good.payload));
    let carol = asked.signed(&key(world, "carol"), |_| ()).signatures;
    let mut receipt = asked.statement();
    receipt["predicateType"] = json!(Kind::Receipt.predicate_type());
    vec![
        ("no signature", with(&|e| e.signatures.clear()), "not enrolled for a person"),
        ("the same twice", with(&|e| e.signatures.extend(e.signatures.clone())), "exactly one"),
        ("one more", with(&|e| e.signatures.extend(carol.clone())), "exactly one"),
        ("cut signature", sig(&signature[..63]), "not 64 bytes"),
        ("longer signature", sig(&[&signature[..], &[0]].concat()), "not 64 bytes"),
        ("zero signature", sig(&[0; 64]), "does not match"),
        ("S beyond the order", sig(&beyond_the_order(&signature)), "does not match"),
        ("cut payload", with(&|e| e.payload.truncate(cut)), "does not match"),
        ("empty payload", with(&|e| e.payload.clear()), "does not match"),
        ("payload with a space", with(&|e| e.payload.clone_from(&spaced)), "not standard base64"),
        (
            "payload in another alphabet",
            with(&|e| e.payload = URL_SAFE.encode([&payload[..], &[0xff; 3]].concat())),
            "not standard base64",
        ),
        (
            "another payload type",
            with(&|e| e.payload_type = "application/json".into()),
            "payload type",
        ),
        (
            "another payload type, signed",
            seal(&payload, "application/vnd.in-toto+json ", &bob),
            "payload type",
        ),
        (
            "another predicate type, signed",
            seal(&canonical(&receipt).unwrap(), PAYLOAD_TYPE, &bob),
            "only `urn:deed:approval:v1` is accepted",
        ),
        (
            "bytes that are no statement",
            seal(b"approve", PAYLOAD_TYPE, &bob),
            "the signed statement is not an approval",
        ),
    ]
}

/// The signature with the group order added to its scalar S. A lenient verifier would accept the result as a second
/// encoding of the original signature.
fn beyond_the_order(signature: &[u8]) -> Vec<u8> {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut bytes = signature.to_vec();
    let mut carry = 0;
    for (byte, order) in bytes[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    bytes
}

/// Statements that a reader could take for the valid answer, because they have its content, or more, in other bytes.
/// `bob` signed each of them correctly.
pub(super) fn not_canonical(world: &World, asked: &Asked) -> Vec<(&'static str, Envelope)> {
    let (bob, good) = (key(world, "bob"), asked.statement());
    let text = String::from_utf8(canonical(&good).unwrap()).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut statement = good.clone();
        let (place, name) = pointer.rsplit_once('/').unwrap();
        statement.pointer_mut(place).unwrap()[name] = value;
        canonical(&statement).unwrap()
    };
    let subject = good["subject"][0].clone();
    let mut without = good.clone();
    without["predicate"].as_object_mut().unwrap().remove("nonce");
    let statements = vec![
        ("with spaces", serde_json::to_vec_pretty(&good).unwrap()),
        ("with a space behind", format!("{text} ").into_bytes()),
        ("a key twice", text.replacen('{', "{\"_type\":\"x\",", 1).into_bytes()),
        ("an escape", text.replacen("bob", "\\u0062ob", 1).into_bytes()),
        ("one more field", with("/note", json!("x"))),
        ("one more field in the predicate", with("/predicate/admin", json!(true))),
        ("one field less", canonical(&without).unwrap()),
        ("one more subject", with("/subject", json!([subject, subject]))),
        ("a subject of another name", with("/subject/0/name", json!("other.json"))),
        ("one more digest", with("/subject/0/digest/sha512", json!("0"))),
        ("another statement type", with("/_type", json!("https://in-toto.io/Statement/v0.1"))),
        ("another decision", with("/predicate/decision", json!("APPROVE"))),
        ("a time that is text", with("/predicate/expires_ms", json!("9999999999999"))),
        ("no predicate", with("/predicate", json!(null))),
    ];
    let seal = |(what, bytes): (&'static str, Vec<u8>)| (what, seal(&bytes, PAYLOAD_TYPE, &bob));
    statements.into_iter().map(seal).collect()
}
