//! The bodies of the requests that the script of the page sends, and of their answers. Types with an invitation are not
//! formatted for logs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The credential of a person without a session.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::console) struct PasskeyInvitation {
    /// The fragment of the link that an operator gave to the person.
    pub(super) invitation: String,
}

/// For what a passkey is made.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::console) struct PasskeyOptions {
    /// 32 random bytes in base64url. The statement that the passkey signs has this text as `nonce`.
    pub(super) challenge: String,
    pub(super) rp_id: String,
    pub(super) rp_name: String,
    /// 32 random bytes in base64url, so that a new passkey does not replace another one in the authenticator.
    pub(super) user_id: String,
    /// The name of the person.
    pub(super) user_name: String,
    /// The tenant of the person.
    pub(super) tenant: String,
}

/// A public key, and the signature by which the person shows that the authenticator has the private key.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::console) struct OfferedPasskey {
    pub(super) invitation: String,
    /// Base64url without padding.
    pub(super) credential_id: String,
    /// DER SPKI in base64.
    pub(super) public_key: String,
    /// In base64, as in an approval.
    pub(super) authenticator_data: String,
    /// In base64, as in an approval.
    pub(super) client_data: String,
    /// In base64, as the authenticator wrote it.
    pub(super) signature: String,
}

/// A passkey that waits for an operator.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::console) struct ReceivedPasskey {
    /// The ID of the key: 64 lower-case hex digits.
    pub(super) fingerprint: String,
}
