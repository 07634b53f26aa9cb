//! Signatures in the form that cosign stores for a key: a simple-signing payload as a layer, with the signature over
//! its bytes in an annotation.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_spec::digest::Digest;
use deed_spec::json;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::Deserialize;
use serde_json::Value;

use super::short;

/// The annotation with the signature in base64.
pub(super) const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const TYPE: &str = "cosign container image signature";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    critical: Critical,
    /// Annotations of the signer, which decide nothing here.
    #[serde(rename = "optional", default)]
    _optional: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Critical {
    /// The name under which the package was signed. A package may be copied, so the digest decides.
    #[serde(rename = "identity")]
    _identity: Value,
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: Digest,
}

/// Whether the signature over the payload is by this key, by the strict rules for Ed25519.
pub(super) fn is_by(payload: &[u8], signature: &str, key: &VerifyingKey) -> bool {
    let bytes = STANDARD.decode(signature).ok();
    let signature = bytes.and_then(|bytes| Signature::from_slice(&bytes).ok());
    signature.is_some_and(|signature| key.verify_strict(payload, &signature).is_ok())
}

/// Checks that a payload, whose signature was checked before, is about this package.
pub(super) fn check(payload: &[u8], package: &Digest) -> Result<(), String> {
    let value = json::parse(payload).map_err(|error| format!("the payload: {error}"))?;
    let payload: Payload =
        json::from_value(value).map_err(|error| format!("the payload: {error}"))?;
    let Critical { image, kind, .. } = payload.critical;
    if kind != TYPE {
        let kind = short::part(&kind);
        return Err(format!("the type of the payload is `{kind}`; it must be `{TYPE}`"));
    }
    if image.digest != *package {
        return Err(format!("it is a signature of another package, {}", image.digest));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    fn payload(package: &Digest) -> String {
        format!(
            "{{\"critical\":{{\"identity\":{{\"docker-reference\":\"registry.example/titles\"}},\
             \"image\":{{\"docker-manifest-digest\":\"{package}\"}},\"type\":\"{TYPE}\"}},\"optional\":null}}"
        )
    }

    #[test]
    fn the_payload_names_the_package() {
        let package = Digest::of(b"manifest");
        let good = payload(&package);
        assert_eq!(check(good.as_bytes(), &package), Ok(()));
        let other = check(good.as_bytes(), &Digest::of(b"other"));
        assert!(other.unwrap_err().contains("another package"));
        for (from, to) in
            [(TYPE, "atomic container signature"), ("\"image\"", "\"more\":1,\"image\""), ("}", "")]
        {
            assert!(check(good.replace(from, to).as_bytes(), &package).is_err(), "{to}");
        }
    }

    #[test]
    fn the_signature_is_over_the_bytes_of_the_payload() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let payload = payload(&Digest::of(b"manifest"));
        let text = STANDARD.encode(key.sign(payload.as_bytes()).to_bytes());
        let public = key.verifying_key();
        assert!(is_by(payload.as_bytes(), &text, &public));
        assert!(!is_by(payload.trim_end_matches('}').as_bytes(), &text, &public));
        assert!(!is_by(
            payload.as_bytes(),
            &text,
            &SigningKey::from_bytes(&[8; 32]).verifying_key()
        ));
        for bad in ["", "AAAA", "not base64"] {
            assert!(!is_by(payload.as_bytes(), bad, &public));
        }
    }
}
