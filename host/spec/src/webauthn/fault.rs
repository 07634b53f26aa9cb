//! Why an assertion of a passkey is refused.

use crate::json::ParseError;
use crate::text::safe;

/// How many characters of a text from outside an error quotes.
const QUOTED_MAX: usize = 100;

/// Why a key, a relying party or an assertion is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the key is not a P-256 or Ed25519 public key in PEM form")]
    Key,
    #[error(
        "the key is not a P-256 or Ed25519 public key in DER SPKI form, with an uncompressed point for P-256"
    )]
    Der,
    #[error(
        "`rp_id` is `{0}`; it must be a domain in lower case, such as `example.org` or `localhost`"
    )]
    RpIdForm(String),
    #[error("`origins` has {0} entries; from 1 to 8 are allowed")]
    Origins(usize),
    #[error(
        "`{origin}` is not an origin for the RP ID `{rp_id}`; write `https://`, the RP ID or a name below it, and a \
         port if it is not 443"
    )]
    OriginForm { origin: String, rp_id: String },
    #[error("`{0}` of the assertion is not standard base64")]
    Base64(&'static str),
    #[error("the client data has {0} bytes; at most 4096 are accepted")]
    ClientDataSize(usize),
    #[error("the client data is not strict JSON: {0}")]
    ClientData(#[from] ParseError),
    #[error("the client data has no text `{0}`")]
    Member(&'static str),
    #[error("`type` of the client data is `{0}`; it must be `webauthn.get`")]
    Type(String),
    #[error("the challenge is not that of this statement; the passkey signed something else")]
    Challenge,
    #[error("the assertion was made on `{0}`, which is not an origin of this passkey")]
    Origin(String),
    #[error("the assertion was made in a frame of a page of another origin (`{0}`)")]
    CrossOrigin(&'static str),
    #[error(
        "the authenticator data has {0} bytes; it must have 37, without credential data and extensions"
    )]
    Length(usize),
    #[error("the authenticator data is for another RP ID than `{0}`")]
    RpId(String),
    #[error("the authenticator did not test that a person is present (flag UP)")]
    NotPresent,
    #[error("the authenticator did not verify the person (flag UV)")]
    NotVerified,
    #[error(
        "the authenticator data states a backup of a key that cannot be backed up (flags BE and BS)"
    )]
    Backup,
    #[error("the authenticator data has the flag `{0}`, which an approval must not have")]
    Flag(&'static str),
    #[error("the signature of the passkey is not 64 bytes of base64")]
    SignatureForm,
    #[error("the signature of the passkey is neither 64 bytes nor an ECDSA signature in DER form")]
    SignatureDer,
    #[error(
        "S of the signature is in the upper half of its range; only the lower half is accepted"
    )]
    HighS,
    #[error("the signature does not match the assertion and the key")]
    Signature,
}

/// A text from outside, escaped and cut for an error.
pub(super) fn quoted(text: &str) -> String {
    let end = text.char_indices().nth(QUOTED_MAX).map(|(at, _)| at);
    match end.and_then(|end| text.get(..end)) {
        Some(start) => safe(start) + "…",
        None => safe(text),
    }
}
