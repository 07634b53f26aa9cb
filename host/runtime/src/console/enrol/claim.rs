//! Checks that an authenticator has the private key of an offered passkey, and that its person made it for this host.
//!
//! The passkey signs a statement as it signs approvals later, with another beginning of the challenge. So the offline
//! check of assertions covers enrolment, and the host reads no attestation.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_spec::digest::Digest;
use deed_spec::json::to_canonical;
use deed_spec::webauthn::{Assertion, Passkey, PublicKey, RelyingParty};
use serde::Serialize;

use super::wire::OfferedPasskey;
use crate::config::{Invitation, PasskeyFile};

/// What every challenge of an enrolment starts with. An assertion for anything else is never an enrolment.
const CHALLENGE: &[u8] = b"deed:enrol:v1\0";

/// What the passkey signs, in canonical JSON.
#[derive(Debug, Serialize)]
struct Claim<'a> {
    credential_id: &'a str,
    /// DER SPKI in base64.
    key: &'a str,
    nonce: &'a str,
    origin: &'a str,
    person: &'a str,
    rp_id: &'a str,
    tenant: &'a str,
}

/// What the host asked the authenticator to sign.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) nonce: &'a str,
    pub(super) party: &'a RelyingParty,
    pub(super) invitation: &'a Invitation,
}

/// The file of an offered passkey whose signature is valid. Fails with a text that says what is wrong.
pub(super) fn checked(
    asked: &Asked<'_>,
    sent: &OfferedPasskey,
    now_ms: i64,
) -> Result<PasskeyFile, String> {
    let key = PublicKey::from_der(&decoded("public_key", &sent.public_key)?).map_err(text)?;
    let signature = decoded("signature", &sent.signature)?;
    let signature = key.normalised(&signature).map_err(text)?;
    let assertion = Assertion {
        authenticator_data: sent.authenticator_data.clone(),
        client_data: sent.client_data.clone(),
    };
    let passkey = Passkey { key, relying_party: asked.party.clone() };
    let challenge = challenge(asked, sent)?;
    passkey.verify(&challenge, &assertion, &signature).map_err(text)?;
    Ok(PasskeyFile {
        credential_id: sent.credential_id.clone(),
        key: key.to_pem().map_err(text)?,
        rp_id: asked.party.rp_id.clone(),
        origins: asked.party.origins.clone(),
        created_ms: now_ms,
    })
}

fn challenge(asked: &Asked<'_>, sent: &OfferedPasskey) -> Result<Digest, String> {
    let Asked { nonce, party, invitation } = *asked;
    let claim = Claim {
        credential_id: &sent.credential_id,
        key: &sent.public_key,
        nonce,
        origin: party.origins.first().map_or("", String::as_str),
        person: &invitation.person,
        rp_id: &party.rp_id,
        tenant: &invitation.tenant,
    };
    let statement = to_canonical(&claim).map_err(text)?;
    Ok(Digest::of(&[CHALLENGE, statement.as_slice()].concat()))
}

fn decoded(name: &str, value: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(value).map_err(|_| format!("`{name}` is not standard base64"))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
