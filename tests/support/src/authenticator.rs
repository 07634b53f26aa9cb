//! An authenticator in software, with the browser around it: signs approvals as a passkey does, from the bytes that
//! WebAuthn specifies and not with the code of the host.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use deed_record::statement::approval::{self, Answer as Said, ApprovalRequest, Terms};
use deed_spec::dsse::{Envelope, EnvelopeSignature, PAYLOAD_TYPE};
use deed_spec::webauthn::Assertion;
use deed_tests::client::Client;
use deed_tests::services::Result;
use deed_tests::world::edit;
use ed25519_dalek::Signer as _;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub const RP_ID: &str = "deed.example";
pub const ORIGIN: &str = "https://deed.example";

/// User present and user verified.
const UP_UV: u8 = 0x05;

/// PKCS#8 DER before the 32 bytes of a private key for Ed25519 (RFC 8410 section 7).
const ED25519_HEAD: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// The key of an authenticator.
#[derive(Debug)]
pub enum Key {
    Es256(p256::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
}

/// What the browser and the authenticator write. Tests change it before it is signed.
#[derive(Debug)]
pub struct Ceremony {
    /// The text of the client data, as Chromium writes it.
    pub client: String,
    pub rp_id: String,
    pub flags: u8,
    pub counter: u32,
    /// Whether S of a signature with ES256 is in the upper half of its range.
    pub high_s: bool,
    /// Bytes after the fixed part of the authenticator data.
    pub rest: Vec<u8>,
}

/// The key for this seed, on P-256.
pub fn es256(seed: u8) -> Key {
    Key::Es256(p256::ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap())
}

/// The key for this seed, with Ed25519.
pub fn ed25519(seed: u8) -> Key {
    Key::Ed25519(ed25519_dalek::SigningKey::from_bytes(&[seed; 32]))
}

impl Key {
    /// The public key in PEM SPKI form.
    pub fn pem(&self) -> String {
        match self {
            Self::Es256(key) => key.verifying_key().to_public_key_pem(LineEnding::LF).unwrap(),
            Self::Ed25519(key) => key.verifying_key().to_public_key_pem(LineEnding::LF).unwrap(),
        }
    }

    /// The public key in DER SPKI form, as a browser returns it.
    pub fn der(&self) -> Vec<u8> {
        let der = match self {
            Self::Es256(key) => key.verifying_key().to_public_key_der().unwrap(),
            Self::Ed25519(key) => key.verifying_key().to_public_key_der().unwrap(),
        };
        der.as_bytes().to_vec()
    }

    /// The SHA-256 of the public key in SPKI DER.
    pub fn id(&self) -> String {
        data_encoding::HEXLOWER.encode(&Sha256::digest(self.der()))
    }

    /// The private key in PKCS#8 DER and base64url, as the virtual authenticator of a browser takes it: in the first
    /// version of the format, without the public key.
    pub fn private(&self) -> String {
        let der = match self {
            Self::Es256(key) => key.to_pkcs8_der().unwrap().as_bytes().to_vec(),
            Self::Ed25519(key) => [&ED25519_HEAD[..], &key.to_bytes()[..]].concat(),
        };
        URL_SAFE_NO_PAD.encode(der)
    }

    /// The content of the file with which an operator enrols the passkey.
    pub fn file(&self) -> Value {
        json!({
            "credential_id": URL_SAFE_NO_PAD.encode([7_u8; 16]),
            "key": self.pem(),
            "rp_id": RP_ID,
            "origins": [ORIGIN],
            "created_ms": 1_700_000_000_000_i64,
        })
    }

    /// Writes the passkey of a person who has a key file, and names it in `deed.toml`.
    ///
    /// # Errors
    ///
    /// Fails when a file cannot be written, or the person has no key file.
    pub fn enrol(&self, dir: &Path, person: &str) -> Result<()> {
        let path = format!("approvers/{person}-laptop.json");
        fs::write(dir.join(&path), self.file().to_string())?;
        let keys = format!("keys = [\"approvers/{person}.pub\"]\n");
        edit(dir, "deed.toml", &keys, &format!("{keys}passkeys = [\"{path}\"]\n"))
    }

    /// The signature as an authenticator writes it: DER for ES256.
    fn signature(&self, message: &[u8], high_s: bool) -> Vec<u8> {
        match self {
            Self::Es256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                let low = signature.normalize_s();
                (if high_s { negated(&low) } else { low }).to_der().as_bytes().to_vec()
            }
            Self::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
        }
    }

    /// The envelope of this payload with the assertion of an honest ceremony, after `change`.
    pub fn sign(&self, payload: &[u8], change: impl FnOnce(&mut Ceremony)) -> Envelope {
        let mut one = Ceremony::of(&challenge(b"deed:approve:v2\0", payload));
        change(&mut one);
        let (assertion, sig) = self.assertion(&one);
        Envelope {
            payload: STANDARD.encode(payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![EnvelopeSignature {
                keyid: self.id(),
                sig,
                webauthn: Some(assertion),
            }],
        }
    }

    /// What the browser returns after this ceremony, and the signature in base64.
    pub fn assertion(&self, one: &Ceremony) -> (Assertion, String) {
        let authenticator = one.authenticator_data();
        let message = [&authenticator[..], &Sha256::digest(one.client.as_bytes())[..]].concat();
        let assertion = Assertion {
            authenticator_data: STANDARD.encode(authenticator),
            client_data: STANDARD.encode(&one.client),
        };
        (assertion, STANDARD.encode(self.signature(&message, one.high_s)))
    }
}

impl Ceremony {
    /// An honest ceremony for a challenge in base64url.
    pub fn of(challenge: &str) -> Self {
        let client = format!(
            "{{\"type\":\"webauthn.get\",\"challenge\":\"{challenge}\",\"origin\":\"{ORIGIN}\",\"crossOrigin\":false,\
             \"other_keys_can_be_added_here\":\"do not compare clientDataJSON against a template\"}}"
        );
        Self {
            client,
            rp_id: RP_ID.to_owned(),
            flags: UP_UV,
            counter: 0,
            high_s: false,
            rest: vec![],
        }
    }

    fn authenticator_data(&self) -> Vec<u8> {
        let counter = self.counter.to_be_bytes();
        let hash = Sha256::digest(self.rp_id.as_bytes());
        [&hash[..], &[self.flags], &counter, &self.rest].concat()
    }

    /// Replaces a text of the client data, which must be there.
    pub fn replace(&mut self, from: &str, to: &str) {
        assert!(self.client.contains(from), "{}", self.client);
        self.client = self.client.replacen(from, to, 1);
    }
}

/// The signature with n - s in place of s, which an ordinary verifier of ECDSA accepts as well.
fn negated(signature: &p256::ecdsa::Signature) -> p256::ecdsa::Signature {
    let (r, s) = signature.split_scalars();
    p256::ecdsa::Signature::from_scalars(r, -s).unwrap()
}

/// A stored signature with ES256, in base64, with the other S.
pub fn with_other_s(sig: &str) -> String {
    let signature = p256::ecdsa::Signature::from_slice(&STANDARD.decode(sig).unwrap()).unwrap();
    STANDARD.encode(negated(&signature).to_bytes())
}

/// The challenge for a payload, as client data contains it.
pub fn challenge(domain: &[u8], payload: &[u8]) -> String {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len());
    URL_SAFE_NO_PAD.encode(Sha256::digest([domain, head.as_bytes(), payload].concat()))
}

/// What a person with a passkey is shown of an action that waits.
pub fn fetched(client: &Client, id: &str) -> ApprovalRequest {
    let shown = client.get(&format!("/v1/actions/{id}/approval_request")).unwrap();
    deed_spec::json::from_value(shown.json()).unwrap()
}

/// The terms of an answer by passkey, with the digest of the text that was shown.
pub fn terms(request: &ApprovalRequest, said: Said, person: &str) -> Terms {
    let mut terms = request.terms(said, person, "support-lead").unwrap();
    // The host shows a text to persons who may answer with a passkey.
    let shown = request.shown.as_ref().unwrap();
    terms.shown = Some(deed_spec::digest::Digest::of(shown.as_bytes()));
    terms
}

/// The payload of an answer with these terms.
pub fn payload(request: &ApprovalRequest, terms: &Terms) -> Vec<u8> {
    approval::payload(request.action.digest().unwrap(), terms).unwrap()
}
