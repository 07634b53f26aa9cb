//! Reads the files of passkeys, which hold public keys only.

use std::collections::BTreeSet;

use data_encoding::BASE64URL_NOPAD;
use deed_record::statement::approver::ApproverKey;
use deed_spec::json;
use deed_spec::webauthn::RelyingParty;
use deed_system::files::Files;
use serde::{Deserialize, Serialize};

/// The largest file of a passkey in bytes.
const PASSKEY_MAX: u64 = 8 << 10;

/// The lengths of a credential ID in bytes (WebAuthn, section 4).
const CREDENTIAL_LEN: std::ops::RangeInclusive<usize> = 16..=1023;

/// A passkey with the ID by which its authenticator finds it.
#[derive(Debug)]
pub(in crate::config) struct Enrolment {
    pub(in crate::config) credential_id: String,
    pub(in crate::config) key: ApproverKey,
}

/// The content of a file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PasskeyFile {
    /// Base64url without padding.
    pub credential_id: String,
    /// Public key in PEM SPKI form.
    pub key: String,
    pub rp_id: String,
    pub origins: BTreeSet<String>,
    /// Unix milliseconds.
    pub created_ms: i64,
}

impl PasskeyFile {
    /// The key of a file whose members are valid.
    ///
    /// # Errors
    ///
    /// Fails with a text that says which member is wrong.
    pub fn approver_key(&self) -> Result<ApproverKey, String> {
        let id = BASE64URL_NOPAD.decode(self.credential_id.as_bytes());
        if !id.is_ok_and(|id| CREDENTIAL_LEN.contains(&id.len())) {
            let what = "`credential_id` is not 16 to 1023 bytes of base64url without padding";
            return Err(what.to_owned());
        }
        if self.created_ms <= 0 {
            return Err("`created_ms` is not a time in Unix milliseconds".to_owned());
        }
        let party = RelyingParty { rp_id: self.rp_id.clone(), origins: self.origins.clone() };
        ApproverKey::read(self.key.trim(), Some(party)).map_err(|e| e.to_string())
    }
}

/// Reads one file. Fails with a text that names the file and what is wrong in it.
pub(in crate::config) fn read(files: &Files, path: &str) -> Result<Enrolment, String> {
    let text = files.text(path, PASSKEY_MAX).map_err(|e| e.to_string())?;
    let value = json::parse_exact(text.as_bytes()).map_err(|e| format!("`{path}`, {e}"))?;
    let file: PasskeyFile = json::from_value(value).map_err(|e| format!("`{path}` {e}"))?;
    let key = file.approver_key().map_err(|e| format!("`{path}`: {e}"))?;
    Ok(Enrolment { credential_id: file.credential_id, key })
}
