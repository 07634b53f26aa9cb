//! Access tokens in the form of a JWS (RFC 7515, compact serialization), as RFC 9068 and RFC 8725 require.

use data_encoding::BASE64URL_NOPAD;
use deed_spec::json;
use serde_json::Value;

use super::{Members, Refusal};
use crate::config::Algorithm;

/// The longest encoded header in bytes. A header may contain certificates, which are ignored.
const HEADER_MAX: usize = 4 * 1024;
const KEY_ID_MAX: usize = 512;

/// Members of a header that the host refuses. `crit` and `b64` would change how the token is read. The others name or
/// contain a key, and a key that comes with a token proves nothing.
const REFUSED: [&str; 5] = ["crit", "b64", "jwk", "jku", "x5u"];
/// The types of a token that may be an access token. Other types, such as `logout+jwt`, are for other purposes.
const TYPES: [&str; 3] = ["at+jwt", "application/at+jwt", "JWT"];

/// A token whose signature is not yet checked.
#[derive(Debug)]
pub(super) struct Jws {
    pub(super) header: Header,
    pub(super) payload: Members,
    /// What the signature covers.
    pub(super) signed: String,
    pub(super) signature: Vec<u8>,
}

/// How a token is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<String>,
}

/// Whether a token has the form of a JWS. Such a token is never shown to an issuer that it does not name.
pub(super) fn is_one(token: &str) -> bool {
    token.split_once('.').is_some_and(|(header, _)| object(header).is_some())
}

impl Jws {
    pub(super) fn parse(token: &str) -> Result<Self, Refusal> {
        let invalid = Refusal::Invalid;
        let parts = token.rsplit_once('.').and_then(|(signed, signature)| {
            let (header, payload) = signed.split_once('.')?;
            Some((signed, header, payload, signature))
        });
        let Some((signed, header, payload, signature)) = parts else {
            return Err(invalid("an access token in the form of a JWS has three parts"));
        };
        if header.len() > HEADER_MAX {
            return Err(invalid("the header of the access token is too long"));
        }
        let unreadable = invalid("a part of the access token is not base64url of strict JSON");
        let members = object(header).ok_or_else(|| unreadable.clone())?;
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes());
        Ok(Self {
            header: Header::of(&members)?,
            // A fourth part would be in `payload`, with a dot that base64url does not have.
            payload: object(payload).ok_or(unreadable)?,
            signed: signed.to_owned(),
            signature: signature.map_err(|_| invalid("the signature is not base64url"))?,
        })
    }
}

impl Header {
    fn of(members: &Members) -> Result<Self, Refusal> {
        let invalid = |what| Err(Refusal::Invalid(what));
        if REFUSED.iter().any(|name| members.contains_key(*name)) {
            return invalid("the header has crit, b64, jwk, jku or x5u, which are not accepted");
        }
        let is_type = |text: &str| TYPES.iter().any(|one| text.eq_ignore_ascii_case(one));
        if !members.get("typ").is_none_or(|typ| typ.as_str().is_some_and(is_type)) {
            return invalid("the type of the token is not that of an access token");
        }
        let word = members.get("alg").and_then(Value::as_str);
        let Some(algorithm) = word.and_then(Algorithm::from_word) else {
            return invalid("the algorithm of the signature is not accepted");
        };
        let key_id = match members.get("kid") {
            None => None,
            Some(Value::String(id)) if id.len() <= KEY_ID_MAX => Some(id.clone()),
            Some(_) => return invalid("the key id is not a text, or is too long"),
        };
        Ok(Self { algorithm, key_id })
    }
}

/// The JSON object in a part of a token: base64url without padding and without stray bits, and strict JSON.
fn object(part: &str) -> Option<Members> {
    let bytes = BASE64URL_NOPAD.decode(part.as_bytes()).ok()?;
    match json::parse(&bytes).ok()? {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
