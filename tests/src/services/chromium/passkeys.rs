//! A virtual authenticator of the browser, which makes passkeys and signs with them. It confirms that the person is
//! present and verified, unless a test says otherwise.

use serde_json::{Value, json};

use super::Session;
use crate::services::Result;

/// An authenticator that is built into the machine of the browser.
#[derive(Debug)]
pub struct Authenticator<'a> {
    session: &'a Session,
    id: String,
}

impl Session {
    /// Adds an authenticator without passkeys to the browser.
    pub fn authenticator(&self) -> Result<Authenticator<'_>> {
        let options = json!({
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": true,
            "hasUserVerification": true,
            "isUserConsenting": true,
            "isUserVerified": true,
        });
        let id = self.call("POST", "/webauthn/authenticator", &options)?;
        let id = id.as_str().ok_or("the authenticator has no id")?.to_owned();
        Ok(Authenticator { session: self, id })
    }
}

impl Authenticator<'_> {
    /// The passkeys, each with `credentialId`, `rpId`, `userHandle`, `privateKey` (PKCS#8) and `signCount`.
    pub fn passkeys(&self) -> Result<Vec<Value>> {
        let all = self.call("GET", "/credentials", &Value::Null)?;
        Ok(all.as_array().cloned().unwrap_or_default())
    }

    /// Adds a passkey for this relying party. The id, the private key in PKCS#8 DER and the handle of the person are in
    /// base64url without padding.
    pub fn add(&self, rp_id: &str, id: &str, private_key: &str, person: &str) -> Result<()> {
        let passkey = json!({
            "credentialId": id,
            "isResidentCredential": true,
            "rpId": rp_id,
            "privateKey": private_key,
            "userHandle": person,
            "signCount": 0,
        });
        self.call("POST", "/credential", &passkey).map(drop)
    }

    /// Removes all passkeys, as if the authenticator had been lost.
    pub fn lose(&self) -> Result<()> {
        self.call("DELETE", "/credentials", &Value::Null).map(drop)
    }

    /// Whether the authenticator verifies the person from now on, for example by a fingerprint.
    pub fn verifies(&self, verifies: bool) -> Result<()> {
        self.call("POST", "/uv", &json!({ "isUserVerified": verifies })).map(drop)
    }

    fn call(&self, method: &str, what: &str, body: &Value) -> Result<Value> {
        let path = format!("/webauthn/authenticator/{}{what}", self.id);
        self.session.call(method, &path, body)
    }
}
