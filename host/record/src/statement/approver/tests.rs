use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use deed_spec::digest::Digest;
use deed_spec::dsse::challenge;
use deed_spec::webauthn::Assertion;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::json;

use super::*;
use crate::statement::approval::{self, Answer, OpenError, Terms};

const ORIGIN: &str = "https://deed.example";

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn passkey() -> ApproverKey {
    let relying_party =
        RelyingParty { rp_id: "deed.example".into(), origins: [ORIGIN.to_owned()].into() };
    let pem = dsse::to_pem(&key().verifying_key()).unwrap();
    ApproverKey::read(&pem, Some(relying_party)).unwrap()
}

fn terms(shown: Option<Digest>) -> Terms {
    let one = Digest::of(b"one");
    Terms {
        contract: one,
        adapter: one,
        binding: [].into(),
        pre_state: one,
        plan: None,
        policy_set: one,
        decision: Answer::Approve,
        person: "bob".into(),
        role: "lead".into(),
        nonce: "11".repeat(16),
        expires_ms: 1,
        reason: None,
        shown,
    }
}

/// Signs a payload as a browser with an Ed25519 passkey does, with a challenge of this domain.
fn asserted(payload: &[u8], domain: &[u8]) -> Envelope {
    let text = URL_SAFE_NO_PAD.encode(challenge(domain, payload).as_bytes());
    let client = json!({"type": "webauthn.get", "challenge": text, "origin": ORIGIN});
    let client = serde_json::to_vec(&client).unwrap();
    let rp_id_hash = Digest::of(b"deed.example");
    let authenticator = [rp_id_hash.as_bytes().as_slice(), &[0x05, 0, 0, 1, 0]].concat();
    let message = [authenticator.as_slice(), Digest::of(&client).as_bytes()].concat();
    let mut envelope = Envelope::sign(payload, &key()).unwrap();
    envelope.signatures[0].sig = STANDARD.encode(key().sign(&message).to_bytes());
    envelope.signatures[0].webauthn = Some(Assertion {
        authenticator_data: STANDARD.encode(&authenticator),
        client_data: STANDARD.encode(&client),
    });
    envelope
}

#[test]
fn an_approval_by_passkey_covers_what_was_shown() {
    let (action, shown) = (Digest::of(b"action"), Some(Digest::of(b"text")));
    let payload = approval::payload(action, &terms(shown)).unwrap();
    let envelope = asserted(&payload, CHALLENGE);
    assert_eq!(approval::open(&envelope, &passkey()).unwrap(), (action, terms(shown)));
    assert_eq!(counter(&envelope), Ok(Some(256)));
    let payload = approval::payload(action, &terms(None)).unwrap();
    let opened = approval::open(&asserted(&payload, CHALLENGE), &passkey());
    assert!(matches!(opened, Err(OpenError::NotShown)));
    // The same terms by a key file.
    let file = ApproverKey::from(key().verifying_key());
    let signed = approval::sign(action, &terms(None), &key()).unwrap();
    assert_eq!(approval::open(&signed, &file).unwrap(), (action, terms(None)));
    assert_eq!(counter(&signed), Ok(None));
    let signed = approval::sign(action, &terms(shown), &key()).unwrap();
    assert!(matches!(approval::open(&signed, &file), Err(OpenError::Shown)));
}

#[test]
fn terms_are_read_in_one_form_only() {
    use crate::statement::envelope::{Kind, Statement};

    let file = ApproverKey::from(key().verifying_key());
    let open = |predicate: serde_json::Value| {
        let statement =
            Statement { kind: Kind::Approval, action: Digest::of(b"action"), predicate };
        approval::open(&statement.sign(&key()).unwrap(), &file)
    };
    let plain = serde_json::to_value(terms(None)).unwrap();
    assert!(open(plain.clone()).is_ok());
    let mut with_null = plain.clone();
    with_null["plan"] = json!(null);
    let t = &plain;
    let listed = json!([
        t["contract"],
        t["adapter"],
        t["binding"],
        t["pre_state"],
        null,
        t["policy_set"],
        t["decision"],
        t["person"],
        t["role"],
        t["nonce"],
        t["expires_ms"],
        null,
        null
    ]);
    for predicate in [with_null, listed] {
        assert!(serde_json::from_value::<Terms>(predicate.clone()).is_ok(), "{predicate}");
        let opened = open(predicate);
        assert!(matches!(opened, Err(OpenError::Terms(_))), "{opened:?}");
    }
}

#[test]
fn a_signature_cannot_be_moved_between_a_key_file_and_a_passkey() {
    let file = ApproverKey::from(key().verifying_key());
    assert!(file.is_same_key(&passkey()));
    let plain = Envelope::sign(b"payload", &key()).unwrap();
    assert_eq!(passkey().open(&plain), Err(DsseError::NoAssertion));
    let mut bare = asserted(b"payload", CHALLENGE);
    assert_eq!(file.open(&bare), Err(DsseError::Assertion));
    bare.signatures[0].webauthn = None;
    assert_eq!(file.open(&bare), Err(DsseError::Signature));
    // The assertion around a signature over the encoding itself.
    let mut dressed = asserted(b"payload", CHALLENGE);
    dressed.signatures[0].sig.clone_from(&plain.signatures[0].sig);
    assert_eq!(passkey().open(&dressed), Err(DsseError::Passkey(Fault::Signature)));
}

#[test]
fn a_challenge_of_another_purpose_or_payload_is_refused() {
    let refused = Err(DsseError::Passkey(Fault::Challenge));
    for domain in [b"deed:sign-in:v1\0".as_slice(), b"deed:approve:v2", b""] {
        assert_eq!(passkey().open(&asserted(b"payload", domain)), refused);
    }
    let mut other = asserted(b"payload", CHALLENGE);
    other.payload = STANDARD.encode(b"another payload");
    assert_eq!(passkey().open(&other), refused);
    let mut other = asserted(b"payload", CHALLENGE);
    other.payload_type = "application/json".into();
    assert!(matches!(passkey().open(&other), Err(DsseError::PayloadType(_))));
}
