//! DSSE envelopes around in-toto statements: what every signed record of `deed` is.
//!
//! Exactly one pure Ed25519 signature, over the pre-authentication encoding (DSSE v1.0.2). The
//! payload is signed as bytes and never parsed again after the check.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_spec::digest::Digest;
use deed_spec::json as canonical;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePublicKey, EncodePublicKey};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::memo::Memo;

/// `payloadType` of every envelope (in-toto attestation v1).
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// The kinds of statement. People sign approvals, and reconciliations that resolve an open outcome; the host's receipt key
/// signs everything else. The kind stands inside of the signed bytes, so none of them passes for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Approval,
    /// Signed before the first byte of an attempt can leave.
    Decision,
    Receipt,
    /// What a later look settled that the receipt had to leave open.
    Reconciliation,
    Activated,
    KeyAdded,
    KeyRetired,
}

impl Kind {
    pub fn predicate_type(self) -> &'static str {
        match self {
            Self::Approval => "urn:deed:approval:v1",
            Self::Decision => "urn:deed:decision:v1",
            Self::Receipt => "urn:deed:receipt:v1",
            Self::Reconciliation => "urn:deed:reconciliation:v1",
            Self::Activated => "urn:deed:activated:v1",
            Self::KeyAdded => "urn:deed:key-added:v1",
            Self::KeyRetired => "urn:deed:key-retired:v1",
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Decision => "decision",
            Self::Receipt => "receipt",
            Self::Reconciliation => "reconciliation",
            Self::Activated => "activated",
            Self::KeyAdded => "key-added",
            Self::KeyRetired => "key-retired",
        }
    }

    /// The name of what the statement is about: an action, a predicate of its own, or a key by its SPKI DER.
    fn subject(self) -> &'static str {
        match self {
            Self::Approval | Self::Decision | Self::Receipt | Self::Reconciliation => "action.json",
            Self::Activated => "activation.json",
            Self::KeyAdded | Self::KeyRetired => "key.der",
        }
    }
}

/// A DSSE v1.0.2 envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Envelope {
    /// Standard base64 of an in-toto Statement v1 in RFC 8785 form.
    #[cfg_attr(feature = "schema", schemars(extend("contentEncoding" = "base64")))]
    pub payload: String,
    #[cfg_attr(feature = "schema", schemars(extend("const" = PAYLOAD_TYPE)))]
    pub payload_type: String,
    #[cfg_attr(feature = "schema", schemars(length(equal = 1)))]
    pub signatures: Vec<EnvelopeSignature>,
}

/// An envelope with the digest of its payload, once somebody asked for it.
pub type Signed = Memo<Envelope, Digest>;

/// Pure Ed25519 (RFC 8032) over the pre-authentication encoding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EnvelopeSignature {
    /// Hex SHA-256 of the key's SPKI DER.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9a-f]{64}$")))]
    pub keyid: String,
    #[cfg_attr(feature = "schema", schemars(extend("contentEncoding" = "base64")))]
    pub sig: String,
}

/// An in-toto Statement v1 about one thing, most often `action.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement<P = Value> {
    pub kind: Kind,
    /// SHA-256 of the subject: of the canonical bytes of `action.json`, where it is about an action.
    pub action: Digest,
    /// A value where it was read, the record itself where it is signed.
    pub predicate: P,
}

impl Statement {
    pub fn value(&self) -> Value {
        json!({
            "_type": STATEMENT_TYPE,
            "subject": [{"name": self.kind.subject(), "digest": {"sha256": self.action.hex()}}],
            "predicateType": self.kind.predicate_type(),
            "predicate": self.predicate,
        })
    }
}

impl<P: Serialize> Statement<P> {
    /// The canonical bytes of [`Statement::value`], whose predicate may be large: no value is made of it.
    fn canonical(&self) -> Result<Vec<u8>, canonical::NotCanonical> {
        let (kind, subject) = (self.kind.predicate_type(), self.kind.subject());
        let mut out = format!("{{\"_type\":\"{STATEMENT_TYPE}\",\"predicate\":").into_bytes();
        out.extend(canonical::to_readable(&self.predicate)?);
        let hex = self.action.hex();
        let digest = format!("{{\"digest\":{{\"sha256\":\"{hex}\"}},\"name\":\"{subject}\"}}");
        let rest = format!(",\"predicateType\":\"{kind}\",\"subject\":[{digest}]}}");
        out.extend_from_slice(rest.as_bytes());
        Ok(out)
    }

    /// Signs the statement's canonical bytes.
    pub fn sign(&self, key: &SigningKey) -> Result<Envelope, EnvelopeError> {
        Ok(self.seal(key)?.into_record())
    }

    /// The same for what goes on with the envelope: the digest of its payload is known while the bytes are at hand.
    pub fn seal(&self, key: &SigningKey) -> Result<Signed, EnvelopeError> {
        let payload = self.canonical()?;
        let signature = key.sign(&pae(&payload));
        let envelope = Envelope {
            payload: STANDARD.encode(&payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![EnvelopeSignature {
                keyid: key_id(&key.verifying_key())?,
                sig: STANDARD.encode(signature.to_bytes()),
            }],
        };
        Ok(Signed::with(envelope, Digest::of(&payload)))
    }
}

impl Envelope {
    /// The payload's bytes; standard base64 only, so that one envelope has one text.
    pub fn payload_bytes(&self) -> Result<Vec<u8>, EnvelopeError> {
        STANDARD
            .decode(&self.payload)
            .map_err(|_| EnvelopeError::Malformed("payload is no standard base64"))
    }

    /// What log leaves and links name: SHA-256 of the payload.
    pub fn payload_digest(&self) -> Result<Digest, EnvelopeError> {
        Ok(Digest::of(&self.payload_bytes()?))
    }

    /// The key that the envelope says signed it: a hint, never a proof.
    pub fn key_hint(&self) -> Option<&str> {
        self.signatures.first().map(|s| s.keyid.as_str())
    }

    /// The statement as it stands there, whoever signed it: for what needs no proof of origin.
    pub fn unverified(&self, kind: Kind) -> Result<Statement, EnvelopeError> {
        parse(&self.payload_bytes()?, kind)
    }

    /// Checks signature, payload type, statement and kind, in that order, and gives the statement.
    pub fn verify(&self, key: &VerifyingKey, kind: Kind) -> Result<Statement, EnvelopeError> {
        if self.payload_type != PAYLOAD_TYPE {
            return Err(EnvelopeError::PayloadType(self.payload_type.clone()));
        }
        let [signature] = self.signatures.as_slice() else {
            return Err(EnvelopeError::Malformed("an envelope has exactly one signature"));
        };
        if signature.keyid != key_id(key)? {
            return Err(EnvelopeError::OtherKey);
        }
        let bytes =
            STANDARD.decode(&signature.sig).ok().and_then(|b| Signature::from_slice(&b).ok());
        let sig =
            bytes.ok_or(EnvelopeError::Malformed("the signature is not 64 bytes of base64"))?;
        let payload = self.payload_bytes()?;
        // RFC 8032 with the strict rules: canonical S, no small-order key, cofactorless equation.
        key.verify_strict(&pae(&payload), &sig).map_err(|_| EnvelopeError::Signature)?;
        parse(&payload, kind)
    }
}

impl Signed {
    /// As [`Envelope::payload_digest`].
    pub fn payload_digest(&self) -> Result<Digest, EnvelopeError> {
        self.known(Envelope::payload_digest)
    }
}

fn parse(payload: &[u8], kind: Kind) -> Result<Statement, EnvelopeError> {
    let mut value = canonical::parse(payload)?;
    let statement = Statement {
        kind,
        action: subject(&value)
            .ok_or(EnvelopeError::Malformed("the statement's subject has no SHA-256"))?,
        predicate: value.get_mut("predicate").map(Value::take).unwrap_or_default(),
    };
    let found = value.get("predicateType").and_then(Value::as_str).unwrap_or_default();
    if found != kind.predicate_type() {
        return Err(EnvelopeError::Kind { wanted: kind.predicate_type(), found: found.to_owned() });
    }
    // Rebuilding it byte for byte leaves no room for a field that nobody looked at.
    if statement.canonical()? != payload {
        return Err(EnvelopeError::Malformed(
            "the statement is not canonical or has unknown fields",
        ));
    }
    Ok(statement)
}

fn subject(value: &Value) -> Option<Digest> {
    let hex = value.pointer("/subject/0/digest/sha256")?.as_str()?;
    Digest::from_hex(hex).ok()
}

/// DSSE v1.0.2 pre-authentication encoding.
fn pae(payload: &[u8]) -> Vec<u8> {
    let mut out =
        format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

/// Lower-case hex SHA-256 of the key's `SubjectPublicKeyInfo` DER (RFC 8410).
pub fn key_id(key: &VerifyingKey) -> Result<String, EnvelopeError> {
    let der = key.to_public_key_der().map_err(|_| EnvelopeError::Key)?;
    Ok(Digest::of(der.as_bytes()).hex())
}

/// The key as PEM SPKI, which stock tools read.
pub fn to_pem(key: &VerifyingKey) -> Result<String, EnvelopeError> {
    key.to_public_key_pem(LineEnding::LF).map_err(|_| EnvelopeError::Key)
}

pub fn from_pem(text: &str) -> Result<VerifyingKey, EnvelopeError> {
    VerifyingKey::from_public_key_pem(text).map_err(|_| EnvelopeError::Key)
}

/// Why an envelope is no proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    #[error("{0}")]
    Malformed(&'static str),
    #[error("payload type is `{0}`; it must be `{PAYLOAD_TYPE}`")]
    PayloadType(String),
    #[error("it names another key than the one it is checked with")]
    OtherKey,
    #[error("the signature does not fit the payload and the key")]
    Signature,
    #[error("it is a `{found}`; here only a `{wanted}` counts")]
    Kind { wanted: &'static str, found: String },
    #[error("the key is no Ed25519 public key in PEM form")]
    Key,
    #[error("the statement is no strict JSON: {0}")]
    Json(#[from] canonical::ParseError),
    #[error(transparent)]
    Canonical(#[from] canonical::NotCanonical),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed() -> (SigningKey, Envelope) {
        let key = SigningKey::from_bytes(&[7; 32]);
        let statement = Statement {
            kind: Kind::Receipt,
            action: Digest::of(b"action"),
            predicate: json!({"a": 1}),
        };
        let envelope = statement.sign(&key).unwrap();
        (key, envelope)
    }

    #[test]
    fn verifies_and_refuses_every_flipped_payload_byte() {
        let (key, envelope) = signed();
        let statement = envelope.verify(&key.verifying_key(), Kind::Receipt).unwrap();
        assert_eq!(statement.action, Digest::of(b"action"));
        let bytes = envelope.payload_bytes().unwrap();
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            let forged = Envelope { payload: STANDARD.encode(changed), ..envelope.clone() };
            assert_eq!(
                forged.verify(&key.verifying_key(), Kind::Receipt),
                Err(EnvelopeError::Signature)
            );
        }
    }

    #[test]
    fn a_key_or_kind_of_another_purpose_is_refused() {
        let (key, envelope) = signed();
        let other = SigningKey::from_bytes(&[8; 32]).verifying_key();
        assert_eq!(envelope.verify(&other, Kind::Receipt), Err(EnvelopeError::OtherKey));
        assert!(matches!(
            envelope.verify(&key.verifying_key(), Kind::Approval),
            Err(EnvelopeError::Kind { .. })
        ));
        let mut twice = envelope.clone();
        twice.signatures.push(envelope.signatures[0].clone());
        assert!(twice.verify(&key.verifying_key(), Kind::Receipt).is_err());
    }

    #[test]
    fn the_signed_bytes_are_the_canonical_bytes_of_the_statement() {
        use Kind::{Activated, Approval, Decision, KeyAdded, KeyRetired, Receipt, Reconciliation};
        let kinds = [Approval, Decision, Receipt, Reconciliation, Activated, KeyAdded, KeyRetired];
        for kind in kinds {
            let predicate = json!({"z": [1, {"b": "\n", "a": null}], "_": "ü"});
            let statement = Statement { kind, action: Digest::of(b"x"), predicate };
            let wanted = canonical::canonical(&statement.value()).unwrap();
            assert_eq!(statement.canonical().unwrap(), wanted);
            let sealed = statement.seal(&SigningKey::from_bytes(&[7; 32])).unwrap();
            assert_eq!(sealed.payload_digest(), Envelope::payload_digest(&sealed));
            assert_eq!(sealed.payload_digest(), Ok(Digest::of(&wanted)));
            assert_eq!(parse(&wanted, kind).unwrap(), statement);
        }
    }

    #[test]
    fn pae_matches_the_specification() {
        assert!(pae(b"hello").starts_with(b"DSSEv1 28 application/vnd.in-toto+json 5 hello"));
    }
}
