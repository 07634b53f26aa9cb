mod published;

use std::collections::BTreeSet;

use ed25519_dalek::Signer as _;
use serde_json::{Value, json};

use super::*;

const RP_ID: &str = "deed.example";
const ORIGIN: &str = "https://deed.example";

/// A challenge, and what a browser and an authenticator make of it. Tests change the parts before they are signed.
struct Ceremony {
    challenge: Digest,
    client: Vec<u8>,
    authenticator: Vec<u8>,
}

fn ceremony() -> Ceremony {
    let challenge = Digest::of(b"challenge");
    let text = data_encoding::BASE64URL_NOPAD.encode(challenge.as_bytes());
    let client =
        json!({"type": "webauthn.get", "challenge": text, "origin": ORIGIN, "crossOrigin": false});
    let rp_id_hash = Digest::of(RP_ID.as_bytes());
    let authenticator = [rp_id_hash.as_bytes().as_slice(), &[0x05, 0, 0, 0, 9]].concat();
    Ceremony { challenge, client: bytes(&client), authenticator }
}

fn bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

fn relying_party(rp_id: &str, origins: &[&str]) -> RelyingParty {
    let origins = origins.iter().map(|origin| (*origin).to_owned());
    RelyingParty { rp_id: rp_id.to_owned(), origins: origins.collect::<BTreeSet<_>>() }
}

fn passkey(key: PublicKey) -> Passkey {
    Passkey { key, relying_party: relying_party(RP_ID, &[ORIGIN]) }
}

fn es256() -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap()
}

fn ed25519() -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[7; 32])
}

impl Ceremony {
    fn message(&self) -> Vec<u8> {
        [self.authenticator.as_slice(), Digest::of(&self.client).as_bytes()].concat()
    }

    fn assertion(&self) -> Assertion {
        Assertion {
            authenticator_data: STANDARD.encode(&self.authenticator),
            client_data: STANDARD.encode(&self.client),
        }
    }

    /// Signs with both algorithms. Both must give the same result.
    fn verify(&self) -> Result<(), Fault> {
        let signature: p256::ecdsa::Signature = es256().sign(&self.message());
        let key = PublicKey::Es256(*es256().verifying_key());
        let stored = key.normalised(signature.to_der().as_bytes()).unwrap();
        let one = passkey(key).verify(&self.challenge, &self.assertion(), &stored);
        let signature = ed25519().sign(&self.message()).to_bytes();
        let key = PublicKey::Ed25519(ed25519().verifying_key());
        let other = passkey(key).verify(&self.challenge, &self.assertion(), &signature);
        assert_eq!(one, other);
        one
    }
}

/// The signature with n - s in place of s, which verifies as well.
fn other_s(signature: &[u8]) -> Vec<u8> {
    let signature = p256::ecdsa::Signature::from_slice(signature).unwrap();
    let (r, s) = signature.split_scalars();
    p256::ecdsa::Signature::from_scalars(r, -s).unwrap().to_bytes().to_vec()
}

#[test]
fn an_assertion_of_either_algorithm_is_verified() {
    assert_eq!(ceremony().verify(), Ok(()));
    assert_eq!(ceremony().assertion().authenticator().unwrap().counter(), 9);
}

#[test]
fn members_that_a_browser_adds_are_allowed() {
    let mut one = ceremony();
    let mut client: Value = serde_json::from_slice(&one.client).unwrap();
    client["other_keys_can_be_added_here"] = "do not compare clientDataJSON".into();
    client["a_number"] = json!(1.5);
    client.as_object_mut().unwrap().remove("crossOrigin");
    one.client = bytes(&client);
    assert_eq!(one.verify(), Ok(()));
}

#[test]
fn client_data_of_another_ceremony_is_refused() {
    let with = |name: &str, value: Value| {
        let mut one = ceremony();
        let mut client: Value = serde_json::from_slice(&one.client).unwrap();
        client[name] = value;
        one.client = bytes(&client);
        one.verify().unwrap_err()
    };
    assert_eq!(with("type", "webauthn.create".into()), Fault::Type("webauthn.create".into()));
    assert_eq!(with("type", Value::Null), Fault::Member("type"));
    let padded = data_encoding::BASE64URL.encode(Digest::of(b"challenge").as_bytes());
    for challenge in [padded, data_encoding::BASE64URL_NOPAD.encode(&[0; 32]), String::new()] {
        assert_eq!(with("challenge", challenge.into()), Fault::Challenge);
    }
    for origin in ["https://deed.example/", "https://evil.example", "http://deed.example", ""] {
        assert_eq!(with("origin", origin.into()), Fault::Origin(origin.to_owned()));
    }
    for value in [json!(true), json!(0), Value::Null, json!("false")] {
        assert_eq!(with("crossOrigin", value), Fault::CrossOrigin("crossOrigin"));
    }
    assert_eq!(with("topOrigin", ORIGIN.into()), Fault::CrossOrigin("topOrigin"));
}

#[test]
fn client_data_that_two_readers_could_read_differently_is_refused() {
    let changed = |change: &dyn Fn(&str) -> String| {
        let mut one = ceremony();
        one.client = change(std::str::from_utf8(&one.client).unwrap()).into_bytes();
        one.verify().unwrap_err()
    };
    let twice = |text: &str| text.replacen('{', "{\"origin\":\"https://evil.example\",", 1);
    for fault in [
        changed(&twice),
        changed(&|text| format!("\u{feff}{text}")),
        changed(&|text| format!("{text}{text}")),
        changed(&|_| String::new()),
    ] {
        assert!(matches!(fault, Fault::ClientData(_)), "{fault}");
    }
    let long =
        changed(&|text| text.replacen('{', &format!("{{\"a\":\"{}\",", "x".repeat(4096)), 1));
    assert!(matches!(long, Fault::ClientDataSize(4097..)), "{long}");
}

#[test]
fn authenticator_data_without_the_person_or_for_another_site_is_refused() {
    let with = |flags: u8| {
        let mut one = ceremony();
        one.authenticator[32] = flags;
        one.verify()
    };
    assert_eq!(with(0x04), Err(Fault::NotPresent));
    assert_eq!(with(0x01), Err(Fault::NotVerified));
    assert_eq!(with(0x15), Err(Fault::Backup));
    assert_eq!(with(0x45), Err(Fault::Flag("AT")));
    assert_eq!(with(0x85), Err(Fault::Flag("ED")));
    // Backup eligible, backed up, and the reserved flags.
    for flags in [0x0d, 0x1d, 0x27] {
        assert_eq!(with(flags), Ok(()));
    }
    let mut one = ceremony();
    one.authenticator[0] ^= 1;
    assert_eq!(one.verify(), Err(Fault::RpId(RP_ID.to_owned())));
    for length in [0, 32, 36, 38, 77] {
        let mut one = ceremony();
        one.authenticator.resize(length, 0);
        assert_eq!(one.verify(), Err(Fault::Length(length)));
    }
}

#[test]
fn only_one_form_of_a_signature_is_verified() {
    let one = ceremony();
    let signature: p256::ecdsa::Signature = es256().sign(&one.message());
    let key = PublicKey::Es256(*es256().verifying_key());
    let verify = |bytes: &[u8]| passkey(key).verify(&one.challenge, &one.assertion(), bytes);
    let low = key.normalised(&signature.to_bytes()).unwrap();
    let high = other_s(&low);
    assert_eq!(verify(&low), Ok(()));
    assert_eq!(verify(&high), Err(Fault::HighS));
    let der = signature.to_der();
    assert_eq!(key.normalised(&high).as_deref(), Ok(low.as_slice()));
    assert_eq!(key.normalised(der.as_bytes()).as_deref(), Ok(low.as_slice()));
    let longer = [low.as_slice(), &[0]].concat();
    for bytes in [der.as_bytes(), &low[..63], &longer, &[0; 64]] {
        assert_eq!(verify(bytes), Err(Fault::SignatureForm));
    }
    let mut flipped = low.clone();
    flipped[5] ^= 1;
    assert_eq!(verify(&flipped), Err(Fault::Signature));
    for bytes in [[der.as_bytes(), &[0]].concat(), low[..63].to_vec(), vec![], vec![0x30; 4096]] {
        assert_eq!(key.normalised(&bytes), Err(Fault::SignatureDer));
    }
}

#[test]
fn a_signature_of_another_algorithm_or_key_is_refused() {
    let one = ceremony();
    let (es256, ed25519) = (es256(), ed25519());
    let signed = ed25519.sign(&one.message()).to_bytes();
    let key = PublicKey::Es256(*es256.verifying_key());
    let verified = passkey(key).verify(&one.challenge, &one.assertion(), &signed);
    assert!(matches!(verified, Err(Fault::Signature | Fault::HighS | Fault::SignatureForm)));
    let other = PublicKey::Ed25519(ed25519_dalek::SigningKey::from_bytes(&[8; 32]).verifying_key());
    let verified = passkey(other).verify(&one.challenge, &one.assertion(), &signed);
    assert_eq!(verified, Err(Fault::Signature));
    assert_eq!(other.normalised(&[0; 70]), Err(Fault::SignatureForm));
}

#[test]
fn keys_have_one_id_and_only_two_algorithms() {
    let key = PublicKey::Es256(*es256().verifying_key());
    assert_eq!(PublicKey::from_pem(&key.to_pem().unwrap()), Ok(key));
    let key = PublicKey::Ed25519(ed25519().verifying_key());
    assert_eq!(PublicKey::from_pem(&key.to_pem().unwrap()), Ok(key));
    assert_eq!(key.id().unwrap(), crate::dsse::key_id(&ed25519().verifying_key()).unwrap());
    // A key on P-384.
    let p384 =
        "-----BEGIN PUBLIC KEY-----\nMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE\n-----END PUBLIC KEY-----\n";
    for text in ["", "key", p384] {
        assert_eq!(PublicKey::from_pem(text), Err(Fault::Key));
    }
}

#[test]
fn a_key_has_one_der_form() {
    use ed25519_dalek::pkcs8::EncodePublicKey as _;
    let es256 = es256().verifying_key().to_public_key_der().unwrap().as_bytes().to_vec();
    let ed25519 = ed25519().verifying_key().to_public_key_der().unwrap().as_bytes().to_vec();
    for der in [&es256, &ed25519] {
        let key = PublicKey::from_der(der).unwrap();
        assert_eq!(key.id().unwrap(), Digest::of(der).hex());
        let longer = [der.as_slice(), &[0]].concat();
        let shorter = &der[..der.len() - 1];
        for bad in [longer.as_slice(), shorter, &[], &[0x30, 0x00]] {
            assert_eq!(PublicKey::from_der(bad), Err(Fault::Der));
        }
    }
    // The same key with a compressed point.
    let mut compressed = es256[..59].to_vec();
    (compressed[1], compressed[24], compressed[26]) = (0x39, 0x22, 2 + (es256[90] & 1));
    assert_eq!(PublicKey::from_der(&compressed), Err(Fault::Der));
}

#[test]
fn a_relying_party_has_origins_of_its_own_domain() {
    for (rp_id, origin) in [
        (RP_ID, ORIGIN),
        (RP_ID, "https://console.deed.example:8443"),
        ("localhost", "http://localhost:8080"),
    ] {
        assert_eq!(relying_party(rp_id, &[origin]).check(), Ok(()), "{origin}");
    }
    for rp_id in ["", "Deed.example", "127.0.0.1", "a b", "deed..example", "-a.example"] {
        let fault = relying_party(rp_id, &[ORIGIN]).check().unwrap_err();
        assert_eq!(fault, Fault::RpIdForm(rp_id.to_owned()));
    }
    for origin in [
        "http://deed.example",
        "https://evil.example",
        "https://evildeed.example",
        "https://deed.example/",
        "https://deed.example:443",
        "https://deed.example:0443",
        "https://user@deed.example",
        "https://.deed.example",
        "https://DEED.example",
        "deed.example",
    ] {
        let fault = relying_party(RP_ID, &[origin]).check();
        assert!(matches!(fault, Err(Fault::OriginForm { .. })), "{origin}");
    }
    assert_eq!(relying_party(RP_ID, &[]).check(), Err(Fault::Origins(0)));
}
