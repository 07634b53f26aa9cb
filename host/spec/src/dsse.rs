//! DSSE v1.0.2 envelopes with exactly one signature over the pre-authentication encoding: a pure Ed25519 signature
//! (RFC 8032), or the assertion of a passkey (WebAuthn) whose challenge is derived from the encoding.
//!
//! The payload is signed as bytes, and [`Envelope::open`] returns it only after checking the signature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePublicKey, EncodePublicKey};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::webauthn::{Assertion, Fault, Passkey, PublicKey};

/// `payloadType` of every envelope (in-toto attestation v1).
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

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

/// A pure Ed25519 signature (RFC 8032) over the DSSE pre-authentication encoding, or the signature of a passkey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EnvelopeSignature {
    /// Hex SHA-256 of the key's SPKI DER.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9a-f]{64}$")))]
    pub keyid: String,
    #[cfg_attr(feature = "schema", schemars(extend("contentEncoding" = "base64")))]
    pub sig: String,
    /// What the signature of a passkey covers; absent for a signature over the encoding itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Assertion"))]
    pub webauthn: Option<Assertion>,
}

impl Envelope {
    /// Signs a payload.
    ///
    /// # Errors
    ///
    /// Fails when the id of the key cannot be computed.
    pub fn sign(payload: &[u8], key: &SigningKey) -> Result<Self, DsseError> {
        let signature = key.sign(&pae(payload));
        Ok(Self {
            payload: STANDARD.encode(payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![EnvelopeSignature {
                keyid: key_id(&key.verifying_key())?,
                sig: STANDARD.encode(signature.to_bytes()),
                webauthn: None,
            }],
        })
    }

    /// Decodes the payload. Only standard base64 is accepted, so that each payload has only one encoding.
    ///
    /// # Errors
    ///
    /// Fails when the payload is not standard base64.
    pub fn payload_bytes(&self) -> Result<Vec<u8>, DsseError> {
        STANDARD
            .decode(&self.payload)
            .map_err(|_| DsseError::Malformed("the payload is not standard base64"))
    }

    /// The SHA-256 digest of the payload, by which log entries and other statements refer to this envelope.
    ///
    /// # Errors
    ///
    /// Fails when the payload is not standard base64.
    pub fn payload_digest(&self) -> Result<Digest, DsseError> {
        Ok(Digest::of(&self.payload_bytes()?))
    }

    /// The key ID that the envelope claims. This key ID is only a hint, because the signature does not cover it.
    pub fn key_hint(&self) -> Option<&str> {
        self.signatures.first().map(|s| s.keyid.as_str())
    }

    /// Checks payload type, key ID and signature, in this order, and returns the payload.
    ///
    /// # Errors
    ///
    /// Fails when the payload type, the key ID or the signature is wrong.
    pub fn open(&self, key: &VerifyingKey) -> Result<Vec<u8>, DsseError> {
        let signature = self.signature_of(&key_id(key)?)?;
        if signature.webauthn.is_some() {
            return Err(DsseError::Assertion);
        }
        let bytes =
            STANDARD.decode(&signature.sig).ok().and_then(|b| Signature::from_slice(&b).ok());
        let sig = bytes.ok_or(DsseError::Malformed("the signature is not 64 bytes of base64"))?;
        let payload = self.payload_bytes()?;
        // Verifies by the strict rules for RFC 8032 signatures: canonical S, no small-order key, cofactorless equation.
        key.verify_strict(&pae(&payload), &sig).map_err(|_| DsseError::Signature)?;
        Ok(payload)
    }

    /// Like [`Envelope::open`], for a signature by a passkey. `domain` separates the challenges of one purpose from
    /// those of any other.
    ///
    /// # Errors
    ///
    /// Fails when the payload type, the key ID, the assertion or the signature is wrong.
    pub fn open_assertion(&self, passkey: &Passkey, domain: &[u8]) -> Result<Vec<u8>, DsseError> {
        let signature = self.signature_of(&passkey.key.id()?)?;
        let assertion = signature.webauthn.as_ref().ok_or(DsseError::NoAssertion)?;
        let payload = self.payload_bytes()?;
        let sig = STANDARD.decode(&signature.sig).map_err(|_| Fault::SignatureForm)?;
        passkey.verify(&challenge(domain, &payload), assertion, &sig)?;
        Ok(payload)
    }

    /// The same envelope with the signature of a passkey in its stored form.
    ///
    /// # Errors
    ///
    /// Fails when the envelope does not have one signature of this key's algorithm.
    pub fn normalised(mut self, key: &PublicKey) -> Result<Self, DsseError> {
        let [signature] = self.signatures.as_mut_slice() else {
            return Err(DsseError::Malformed(ONE));
        };
        let sig = STANDARD.decode(&signature.sig).map_err(|_| Fault::SignatureForm)?;
        signature.sig = STANDARD.encode(key.normalised(&sig)?);
        Ok(self)
    }

    /// The assertion of the passkey that signed; `None` if a key file signed.
    pub fn assertion(&self) -> Option<&Assertion> {
        self.signatures.first().and_then(|one| one.webauthn.as_ref())
    }

    /// The only signature, if payload type and key ID are right.
    fn signature_of(&self, keyid: &str) -> Result<&EnvelopeSignature, DsseError> {
        if self.payload_type != PAYLOAD_TYPE {
            return Err(DsseError::PayloadType(self.payload_type.clone()));
        }
        let [signature] = self.signatures.as_slice() else {
            return Err(DsseError::Malformed(ONE));
        };
        if signature.keyid == keyid { Ok(signature) } else { Err(DsseError::OtherKey) }
    }
}

const ONE: &str = "an envelope must have exactly one signature";

/// The challenge that a passkey signs for a payload: SHA-256 of `domain` and the pre-authentication encoding.
pub fn challenge(domain: &[u8], payload: &[u8]) -> Digest {
    Digest::of(&[domain, &pae(payload)].concat())
}

/// DSSE v1.0.2 pre-authentication encoding.
fn pae(payload: &[u8]) -> Vec<u8> {
    let mut out =
        format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

/// Lower-case hex SHA-256 of the key's `SubjectPublicKeyInfo` DER (RFC 8410).
///
/// # Errors
///
/// Fails when the key has no DER form.
pub fn key_id(key: &VerifyingKey) -> Result<String, DsseError> {
    let der = key.to_public_key_der().map_err(|_| DsseError::Key)?;
    Ok(Digest::of(der.as_bytes()).hex())
}

/// The public key in PEM SPKI form, which common tools can read.
///
/// # Errors
///
/// Fails when the key has no PEM form.
pub fn to_pem(key: &VerifyingKey) -> Result<String, DsseError> {
    key.to_public_key_pem(LineEnding::LF).map_err(|_| DsseError::Key)
}

/// Reads a public key from PEM SPKI form.
///
/// # Errors
///
/// Fails when the text is not an Ed25519 public key in that form.
pub fn from_pem(text: &str) -> Result<VerifyingKey, DsseError> {
    VerifyingKey::from_public_key_pem(text).map_err(|_| DsseError::Key)
}

/// Why an envelope is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DsseError {
    #[error("{0}")]
    Malformed(&'static str),
    #[error("the payload type is `{0}`; it must be `{PAYLOAD_TYPE}`")]
    PayloadType(String),
    #[error("the envelope names a different key from the one that it is checked with")]
    OtherKey,
    #[error("the signature does not match the payload and the key")]
    Signature,
    #[error("the key is not an Ed25519 public key in PEM form")]
    Key,
    #[error(
        "the signature has the member `webauthn`, but its key is a key file and not a passkey; sign again without it"
    )]
    Assertion,
    #[error(
        "the signature has no member `webauthn`, but its key is a passkey; sign again in a browser"
    )]
    NoAssertion,
    #[error(transparent)]
    Passkey(#[from] Fault),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed() -> (SigningKey, Envelope) {
        let key = SigningKey::from_bytes(&[7; 32]);
        let envelope = Envelope::sign(b"payload", &key).unwrap();
        (key, envelope)
    }

    #[test]
    fn opens_and_refuses_every_flipped_payload_byte() {
        let (key, envelope) = signed();
        let payload = envelope.open(&key.verifying_key()).unwrap();
        assert_eq!(payload, b"payload");
        assert_eq!(envelope.payload_digest(), Ok(Digest::of(b"payload")));
        for index in 0..payload.len() {
            let mut changed = payload.clone();
            changed[index] ^= 1;
            let forged = Envelope { payload: STANDARD.encode(changed), ..envelope.clone() };
            assert_eq!(forged.open(&key.verifying_key()), Err(DsseError::Signature));
        }
    }

    #[test]
    fn one_signature_by_the_key_that_is_named_is_wanted() {
        let (key, envelope) = signed();
        let other = SigningKey::from_bytes(&[8; 32]).verifying_key();
        assert_eq!(envelope.open(&other), Err(DsseError::OtherKey));
        let mut twice = envelope.clone();
        twice.signatures.push(envelope.signatures[0].clone());
        assert!(matches!(twice.open(&key.verifying_key()), Err(DsseError::Malformed(_))));
    }

    #[test]
    fn pae_matches_the_specification() {
        assert!(pae(b"hello").starts_with(b"DSSEv1 28 application/vnd.in-toto+json 5 hello"));
    }
}
