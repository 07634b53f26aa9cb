//! Client data: what the browser says about the ceremony (WebAuthn, section 5.8.1).
//!
//! Unknown members are allowed, because the standard lets browsers add members. Every known member is checked.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::fault::{Fault, quoted};
use crate::digest::Digest;
use crate::json;

/// The largest accepted client data in bytes. Browsers write a few hundred bytes.
const CLIENT_DATA_MAX: usize = 4096;

/// Checks that the ceremony was an assertion for this challenge, on a page of one of these origins that is not in a
/// frame of another origin.
pub(super) fn check(
    bytes: &[u8],
    challenge: &Digest,
    origins: &BTreeSet<String>,
) -> Result<(), Fault> {
    if bytes.len() > CLIENT_DATA_MAX {
        return Err(Fault::ClientDataSize(bytes.len()));
    }
    let data = json::parse(bytes)?;
    let kind = text(&data, "type")?;
    if kind != "webauthn.get" {
        return Err(Fault::Type(quoted(kind)));
    }
    if text(&data, "challenge")? != URL_SAFE_NO_PAD.encode(challenge.as_bytes()) {
        return Err(Fault::Challenge);
    }
    let origin = text(&data, "origin")?;
    if !origins.contains(origin) {
        return Err(Fault::Origin(quoted(origin)));
    }
    if data.get("crossOrigin").is_some_and(|value| *value != Value::Bool(false)) {
        return Err(Fault::CrossOrigin("crossOrigin"));
    }
    if data.get("topOrigin").is_some() {
        return Err(Fault::CrossOrigin("topOrigin"));
    }
    Ok(())
}

fn text<'a>(data: &'a Value, name: &'static str) -> Result<&'a str, Fault> {
    data.get(name).and_then(Value::as_str).ok_or(Fault::Member(name))
}
