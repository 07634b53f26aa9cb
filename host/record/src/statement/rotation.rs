//! Key rotation. A rotation statement, signed with the host's receipt key, says that a new key is valid from a log
//! index on, or that an old key is no longer valid after a log index.
//!
//! Each tenant's log has its own rotation statements. A rotation statement names an index of the log, and is itself an
//! entry of that log.

use deed_spec::digest::{Digest, DigestError};
use deed_spec::dsse::{self, DsseError, Envelope, key_id};
use deed_spec::json;
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};

use crate::statement::envelope::{EnvelopeError, Kind, Statement};

/// The predicate of a `key-added` or `key-retired` statement; its subject is the key, `key.der`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyChange {
    pub tenant: String,
    pub purpose: Purpose,
    pub keyid: String,
    /// The public key in PEM SPKI form.
    pub key: String,
    /// The first log index at which an added key is valid, or the last log index at which a retired key is valid.
    pub index: u64,
    /// The operating-system user who changed the key.
    pub by_uid: u32,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// The purpose of a key of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    Receipt,
    Log,
}

impl Purpose {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Log => "log",
        }
    }
}

impl KeyChange {
    /// The statement to sign; `kind` is `key-added` or `key-retired`.
    ///
    /// # Errors
    ///
    /// Fails when the key id is not valid or the statement has no canonical form.
    pub fn statement(&self, kind: Kind) -> Result<Statement, ChangeError> {
        let predicate = json::parse(&json::to_canonical(self).map_err(EnvelopeError::from)?)
            .map_err(EnvelopeError::from)?;
        Ok(Statement { kind, action: Digest::from_hex(&self.keyid)?, predicate })
    }

    /// Parses the public key.
    ///
    /// # Errors
    ///
    /// Fails when the PEM is not valid.
    pub fn public(&self) -> Result<VerifyingKey, DsseError> {
        dsse::from_pem(&self.key)
    }
}

/// Verifies an envelope and returns its key change.
///
/// # Errors
///
/// Fails when the signature, kind or fields are wrong, or when key, key id and subject differ.
pub fn open(envelope: &Envelope, by: &VerifyingKey, kind: Kind) -> Result<KeyChange, ChangeError> {
    let statement = Statement::open(envelope, by, kind)?;
    let change: KeyChange = json::from_exact(statement.predicate)?;
    let named = key_id(&change.public()?)?;
    if named == change.keyid && statement.action.hex() == named {
        Ok(change)
    } else {
        Err(ChangeError::OtherKey)
    }
}

/// Why an envelope is not a key change.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    #[error(transparent)]
    Dsse(#[from] DsseError),
    #[error("the predicate is not a key rotation: {0}")]
    Shape(#[from] json::ShapeError),
    #[error("the key id is not valid: {0}")]
    Digest(#[from] DigestError),
    #[error("the public key, the key id and the subject of the key rotation do not match")]
    OtherKey,
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;

    fn change(key: &VerifyingKey) -> KeyChange {
        KeyChange {
            tenant: "acme".into(),
            purpose: Purpose::Receipt,
            keyid: key_id(key).unwrap(),
            key: dsse::to_pem(key).unwrap(),
            index: 7,
            by_uid: 1000,
            at_ms: 5,
        }
    }

    #[test]
    fn a_change_names_one_key_and_passes_for_its_kind_only() {
        let (old, new) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
        let by = old.verifying_key();
        let added = change(&new.verifying_key());
        let envelope = added.statement(Kind::KeyAdded).unwrap().sign(&old).unwrap();
        assert_eq!(open(&envelope, &by, Kind::KeyAdded).unwrap(), added);
        assert!(open(&envelope, &by, Kind::KeyRetired).is_err());
        assert!(open(&envelope, &new.verifying_key(), Kind::KeyAdded).is_err());
        let mixed = KeyChange { key: dsse::to_pem(&by).unwrap(), ..added };
        let envelope = mixed.statement(Kind::KeyAdded).unwrap().sign(&old).unwrap();
        assert!(matches!(open(&envelope, &by, Kind::KeyAdded), Err(ChangeError::OtherKey)));
    }
}
