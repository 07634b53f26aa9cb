//! in-toto statements in DSSE envelopes, the format of every signed record of `deed`.
//!
//! The payload of an envelope is signed as bytes. The statement in the payload is read only after the signature check.

use deed_spec::digest::Digest;
use deed_spec::dsse::{DsseError, Envelope};
use deed_spec::json as canonical;
use ed25519_dalek::{SigningKey, VerifyingKey};
use serde::Serialize;
use serde_json::{Value, json};

use crate::memo::Memo;
use crate::statement::approver::ApproverKey;

const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// The kinds of statement. People sign approvals, and reconciliations that resolve an open outcome; authors sign the
/// adapters that they publish; the host's receipt key signs everything else. The kind is part of the signed bytes, so a statement of one kind cannot be passed off as
/// another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Approval,
    /// The decision about an attempt, signed before the attempt can send a byte.
    Decision,
    Receipt,
    /// The settlement of an outcome that the receipt left open.
    Reconciliation,
    Activated,
    KeyAdded,
    KeyRetired,
    /// The content of a published adapter, signed by its author. No bundle and no log contains such a statement.
    Adapter,
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
            Self::Adapter => "urn:deed:adapter:v1",
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
            Self::Adapter => "adapter",
        }
    }

    /// The name of the statement's subject: an action, the statement's own predicate, a key as SPKI DER, or the manifest
    /// of a published adapter.
    fn subject(self) -> &'static str {
        match self {
            Self::Approval | Self::Decision | Self::Receipt | Self::Reconciliation => "action.json",
            Self::Activated => "activation.json",
            Self::KeyAdded | Self::KeyRetired => "key.der",
            Self::Adapter => "manifest.json",
        }
    }
}

/// An envelope with the digest of its payload, which is computed on first use.
pub type Signed = Memo<Envelope, Digest>;

/// An in-toto Statement v1 about one subject, usually `action.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement<P = Value> {
    pub kind: Kind,
    /// SHA-256 of the subject. If the subject is an action, this is the SHA-256 of the canonical bytes of
    /// `action.json`.
    pub action: Digest,
    /// The predicate: a JSON value in a statement that was read, or the record itself in a statement to be signed.
    pub predicate: P,
}

impl Statement {
    /// Checks payload type, key, signature, statement and kind, in that order, and returns the statement.
    ///
    /// # Errors
    ///
    /// Fails at the first check that does not pass.
    pub fn open(
        envelope: &Envelope,
        key: &VerifyingKey,
        kind: Kind,
    ) -> Result<Self, EnvelopeError> {
        parse(&envelope.open(key)?, kind)
    }

    /// Like [`Statement::open`], for a statement that a person signed with a key file or a passkey.
    ///
    /// # Errors
    ///
    /// Fails at the first check that does not pass.
    pub fn open_by(
        envelope: &Envelope,
        key: &ApproverKey,
        kind: Kind,
    ) -> Result<Self, EnvelopeError> {
        parse(&key.open(envelope)?, kind)
    }

    /// Reads the statement without checking its signature, for uses that need no proof of origin.
    ///
    /// # Errors
    ///
    /// Fails when the payload is not a statement of this kind.
    pub fn unverified(envelope: &Envelope, kind: Kind) -> Result<Self, EnvelopeError> {
        parse(&envelope.payload_bytes()?, kind)
    }

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
    /// The canonical bytes of [`Statement::value`]. The predicate may be large, so it is not converted to a JSON value.
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

    /// The bytes that a signature covers: the payload of the envelope.
    ///
    /// # Errors
    ///
    /// Fails when the statement has no canonical form.
    pub fn payload(&self) -> Result<Vec<u8>, canonical::NotCanonical> {
        self.canonical()
    }

    /// Signs the statement's canonical bytes.
    ///
    /// # Errors
    ///
    /// Fails when the statement has no canonical form.
    pub fn sign(&self, key: &SigningKey) -> Result<Envelope, EnvelopeError> {
        Ok(self.seal(key)?.into_record())
    }

    /// Like [`Statement::sign`], but also stores the digest of the payload, for callers that need both.
    ///
    /// # Errors
    ///
    /// Fails as [`Statement::sign`] does.
    pub fn seal(&self, key: &SigningKey) -> Result<Signed, EnvelopeError> {
        let payload = self.canonical()?;
        Ok(Signed::with(Envelope::sign(&payload, key)?, Digest::of(&payload)))
    }
}

impl Signed {
    /// Like [`Envelope::payload_digest`], but computes the digest only once.
    ///
    /// # Errors
    ///
    /// Fails when the payload is not base64.
    pub fn payload_digest(&self) -> Result<Digest, DsseError> {
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
    // Rebuilding the statement byte for byte ensures that the payload contains no unknown fields.
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

/// Why an envelope does not contain a valid statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    #[error("{0}")]
    Malformed(&'static str),
    #[error(transparent)]
    Dsse(#[from] DsseError),
    #[error("the type of the statement is `{found}`, but only `{wanted}` is accepted")]
    Kind { wanted: &'static str, found: String },
    #[error("the statement is not strict JSON: {0}")]
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
    fn a_key_or_kind_of_another_purpose_is_refused() {
        let (key, envelope) = signed();
        let own = key.verifying_key();
        let statement = Statement::open(&envelope, &own, Kind::Receipt).unwrap();
        assert_eq!(statement.action, Digest::of(b"action"));
        let other = SigningKey::from_bytes(&[8; 32]).verifying_key();
        let opened = Statement::open(&envelope, &other, Kind::Receipt);
        assert_eq!(opened, Err(EnvelopeError::Dsse(DsseError::OtherKey)));
        let opened = Statement::open(&envelope, &own, Kind::Approval);
        assert!(matches!(opened, Err(EnvelopeError::Kind { .. })));
    }

    #[test]
    fn the_signed_bytes_are_the_canonical_bytes_of_the_statement() {
        use Kind::{
            Activated, Adapter, Approval, Decision, KeyAdded, KeyRetired, Receipt, Reconciliation,
        };
        let kinds =
            [Approval, Decision, Receipt, Reconciliation, Activated, KeyAdded, KeyRetired, Adapter];
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
}
