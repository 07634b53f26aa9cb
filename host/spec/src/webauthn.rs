//! Assertions of passkeys (WebAuthn Level 3): the signature of an authenticator over a challenge, checked offline.
//!
//! The checks are those of section 7.2 that need no ceremony. The signature counter is not checked here, because only
//! the party that saw all earlier assertions can check it.

mod authenticator_data;
mod client_data;
mod fault;
mod public_key;
mod relying_party;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

pub use self::authenticator_data::AuthenticatorData;
pub use self::fault::Fault;
pub use self::public_key::PublicKey;
pub use self::relying_party::RelyingParty;
use crate::digest::Digest;

/// What an authenticator and a browser say about a signature, each as standard base64 of the exact bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Assertion {
    #[cfg_attr(feature = "schema", schemars(extend("contentEncoding" = "base64")))]
    pub authenticator_data: String,
    /// The bytes of `clientDataJSON`.
    #[cfg_attr(feature = "schema", schemars(extend("contentEncoding" = "base64")))]
    pub client_data: String,
}

/// A public key with the relying party for which its authenticator made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    pub key: PublicKey,
    pub relying_party: RelyingParty,
}

impl Assertion {
    /// The parsed authenticator data. The caller must have verified the assertion if it relies on the result.
    ///
    /// # Errors
    ///
    /// Fails when the member is not base64 of authenticator data.
    pub fn authenticator(&self) -> Result<AuthenticatorData, Fault> {
        AuthenticatorData::parse(&self.authenticator_bytes()?)
    }

    fn authenticator_bytes(&self) -> Result<Vec<u8>, Fault> {
        STANDARD.decode(&self.authenticator_data).map_err(|_| Fault::Base64("authenticator_data"))
    }

    fn client_bytes(&self) -> Result<Vec<u8>, Fault> {
        STANDARD.decode(&self.client_data).map_err(|_| Fault::Base64("client_data"))
    }
}

impl Passkey {
    /// Checks client data, authenticator data and signature, in this order. The signature is in its stored form, and
    /// covers the authenticator data and the SHA-256 of the client data (section 6.3.3).
    ///
    /// # Errors
    ///
    /// Fails at the first check that does not pass.
    pub fn verify(
        &self,
        challenge: &Digest,
        assertion: &Assertion,
        signature: &[u8],
    ) -> Result<(), Fault> {
        let (authenticator, client) = (assertion.authenticator_bytes()?, assertion.client_bytes()?);
        let RelyingParty { rp_id, origins } = &self.relying_party;
        client_data::check(&client, challenge, origins)?;
        AuthenticatorData::parse(&authenticator)?.check(rp_id)?;
        let hash = Digest::of(&client);
        let message = [authenticator.as_slice(), hash.as_bytes()].concat();
        self.key.verify(&message, signature)
    }
}

#[cfg(test)]
mod tests;
