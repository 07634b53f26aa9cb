//! The public key of a passkey, and its signatures: ES256 (ECDSA on P-256 with SHA-256) or Ed25519.
//!
//! A signature of ES256 is 64 bytes, r and s. Its s is in the lower half of the range, because for each signature with
//! s there is a second one with n - s, and a record has only one form.

use ed25519_dalek::VerifyingKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePublicKey as _, EncodePublicKey as _};
use p256::ecdsa::signature::Verifier as _;

use super::fault::Fault;
use crate::digest::Digest;

/// The length of a signature in its stored form, for both algorithms.
const SIGNATURE_LEN: usize = 64;

/// The public key of a passkey. Keys of any other algorithm are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicKey {
    Es256(p256::ecdsa::VerifyingKey),
    Ed25519(VerifyingKey),
}

impl PublicKey {
    /// Reads a public key from PEM SPKI form.
    ///
    /// # Errors
    ///
    /// Fails when the text is not a P-256 or Ed25519 public key in that form.
    pub fn from_pem(text: &str) -> Result<Self, Fault> {
        let es256 = p256::ecdsa::VerifyingKey::from_public_key_pem(text).map(Self::Es256);
        es256
            .or_else(|_| VerifyingKey::from_public_key_pem(text).map(Self::Ed25519))
            .map_err(|_| Fault::Key)
    }

    /// Reads a public key from DER SPKI form, as browsers return it.
    ///
    /// # Errors
    ///
    /// Fails when the bytes are not a P-256 or Ed25519 public key in that form, or are another form of the key than the
    /// one over which [`Self::id`] is computed.
    pub fn from_der(der: &[u8]) -> Result<Self, Fault> {
        let es256 = p256::ecdsa::VerifyingKey::from_public_key_der(der).map(Self::Es256);
        let key = es256
            .or_else(|_| VerifyingKey::from_public_key_der(der).map(Self::Ed25519))
            .map_err(|_| Fault::Der)?;
        if key.der()? == der { Ok(key) } else { Err(Fault::Der) }
    }

    /// The key in PEM SPKI form.
    ///
    /// # Errors
    ///
    /// Fails when the key has no PEM form.
    pub fn to_pem(&self) -> Result<String, Fault> {
        let pem = match self {
            Self::Es256(key) => key.to_public_key_pem(LineEnding::LF),
            Self::Ed25519(key) => key.to_public_key_pem(LineEnding::LF),
        };
        pem.map_err(|_| Fault::Key)
    }

    /// Lower-case hex SHA-256 of the key's `SubjectPublicKeyInfo` DER, with an uncompressed point for P-256.
    ///
    /// # Errors
    ///
    /// Fails when the key has no DER form.
    pub fn id(&self) -> Result<String, Fault> {
        Ok(Digest::of(&self.der()?).hex())
    }

    fn der(&self) -> Result<Vec<u8>, Fault> {
        let der = match self {
            Self::Es256(key) => key.to_public_key_der(),
            Self::Ed25519(key) => key.to_public_key_der(),
        };
        Ok(der.map_err(|_| Fault::Key)?.as_bytes().to_vec())
    }

    /// The stored form of a signature that an authenticator made: 64 bytes, and for ES256 with the lower s.
    /// Authenticators write signatures of ES256 in DER form (WebAuthn, section 6.5.5).
    ///
    /// # Errors
    ///
    /// Fails when the bytes are not a signature of this key's algorithm.
    pub fn normalised(&self, signature: &[u8]) -> Result<Vec<u8>, Fault> {
        let stored = signature.len() == SIGNATURE_LEN;
        match self {
            Self::Ed25519(_) if stored => Ok(signature.to_vec()),
            Self::Ed25519(_) => Err(Fault::SignatureForm),
            Self::Es256(_) => {
                let parsed = if stored {
                    p256::ecdsa::Signature::from_slice(signature)
                } else {
                    p256::ecdsa::Signature::from_der(signature)
                };
                let parsed = parsed.map_err(|_| Fault::SignatureDer)?;
                Ok(parsed.normalize_s().to_bytes().to_vec())
            }
        }
    }

    /// Checks a signature in its stored form.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Fault> {
        match self {
            Self::Es256(key) => {
                let signature = p256::ecdsa::Signature::from_slice(signature);
                let signature = signature.map_err(|_| Fault::SignatureForm)?;
                if signature.normalize_s() != signature {
                    return Err(Fault::HighS);
                }
                key.verify(message, &signature).map_err(|_| Fault::Signature)
            }
            Self::Ed25519(key) => {
                let signature = ed25519_dalek::Signature::from_slice(signature);
                let signature = signature.map_err(|_| Fault::SignatureForm)?;
                // The strict rules of RFC 8032: canonical S, no small-order key or R, cofactorless equation.
                key.verify_strict(message, &signature).map_err(|_| Fault::Signature)
            }
        }
    }
}
