//! The keys with which people answer: key files and passkeys.
//!
//! A key is one or the other. A signature by a key file has no assertion, and a signature by a passkey has one, so an
//! answer cannot be moved from one kind to the other.

use deed_spec::dsse::{self, DsseError, Envelope};
use deed_spec::webauthn::{Fault, Passkey, PublicKey, RelyingParty};
use ed25519_dalek::VerifyingKey;

/// What every challenge of an approval starts with. No other use of a passkey has this start, so an assertion for
/// signing in is never an approval.
pub const CHALLENGE: &[u8] = b"deed:approve:v2\0";

/// A person's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApproverKey {
    /// An Ed25519 key in a file, for the command line.
    File(VerifyingKey),
    Passkey(Passkey),
}

impl ApproverKey {
    /// Reads a key from PEM SPKI form. With a relying party, it is the key of a passkey.
    ///
    /// # Errors
    ///
    /// Fails when the key is not of an accepted algorithm, or the relying party is not valid.
    pub fn read(pem: &str, relying_party: Option<RelyingParty>) -> Result<Self, DsseError> {
        let Some(relying_party) = relying_party else {
            return dsse::from_pem(pem).map(Self::File);
        };
        relying_party.check()?;
        Ok(Self::Passkey(Passkey { key: PublicKey::from_pem(pem)?, relying_party }))
    }

    /// The key in PEM SPKI form.
    ///
    /// # Errors
    ///
    /// Fails when the key has no PEM form.
    pub fn to_pem(&self) -> Result<String, DsseError> {
        match self {
            Self::File(key) => dsse::to_pem(key),
            Self::Passkey(passkey) => Ok(passkey.key.to_pem()?),
        }
    }

    /// Lower-case hex SHA-256 of the key's `SubjectPublicKeyInfo` DER.
    ///
    /// # Errors
    ///
    /// Fails when the key has no DER form.
    pub fn id(&self) -> Result<String, DsseError> {
        match self {
            Self::File(key) => dsse::key_id(key),
            Self::Passkey(passkey) => Ok(passkey.key.id()?),
        }
    }

    /// The passkey; `None` for a key file.
    pub fn passkey(&self) -> Option<&Passkey> {
        match self {
            Self::File(_) => None,
            Self::Passkey(passkey) => Some(passkey),
        }
    }

    /// The key if it is an Ed25519 key, of either kind, for comparison with the keys of hosts, logs and witnesses.
    pub fn ed25519(&self) -> Option<&VerifyingKey> {
        match self {
            Self::File(key) | Self::Passkey(Passkey { key: PublicKey::Ed25519(key), .. }) => {
                Some(key)
            }
            Self::Passkey(_) => None,
        }
    }

    /// Whether two persons or entries have the same key, of whatever kind.
    pub fn is_same_key(&self, other: &Self) -> bool {
        matches!((self.id(), other.id()), (Ok(one), Ok(other)) if one == other)
    }

    /// Checks payload type, key ID and signature of an approval, and returns the payload.
    ///
    /// # Errors
    ///
    /// Fails when one of them is wrong, or the signature is of the other kind.
    pub fn open(&self, envelope: &Envelope) -> Result<Vec<u8>, DsseError> {
        match self {
            Self::File(key) => envelope.open(key),
            Self::Passkey(passkey) => envelope.open_assertion(passkey, CHALLENGE),
        }
    }
}

impl From<VerifyingKey> for ApproverKey {
    fn from(key: VerifyingKey) -> Self {
        Self::File(key)
    }
}

/// The counter of the passkey that signed an envelope; `None` if a key file signed. The caller must have opened the
/// envelope.
///
/// # Errors
///
/// Fails when the assertion has no authenticator data.
pub fn counter(envelope: &Envelope) -> Result<Option<u32>, Fault> {
    let assertion = envelope.assertion();
    assertion.map(|one| one.authenticator().map(|data| data.counter())).transpose()
}

#[cfg(test)]
mod tests;
