//! Credentials that sign requests by AWS Signature Version 4.

use deed_record::action::Slot;

/// Headers that a signature sets, or that belong to its credential.
const HEADERS: [&str; 3] = ["x-amz-content-sha256", "x-amz-date", "x-amz-security-token"];

/// Whether a signature sets the header with this lower-case name. Servers that pass headers on as environment variables
/// do not distinguish `_` from `-`.
pub(super) fn is_set(name: &str) -> bool {
    HEADERS.contains(&name.replace('_', "-").as_str())
}

/// Whether a signature computes the header with this name. The session token is not computed: a credential may send it
/// as a further header.
pub(super) fn is_computed(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    is_set(&lower) && !lower.ends_with("token")
}

pub(super) fn signs(slot: &Slot) -> bool {
    matches!(slot, Slot::Sigv4 { .. })
}

/// Checks the fields of the slot. A faulty value is not shown, because it may be the secret.
pub(super) fn fits(key_id: &str, region: &str, service: &str) -> Result<(), String> {
    let is_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !(16..=128).contains(&key_id.len()) || !key_id.bytes().all(is_id) {
        return Err("`key_id` of `sigv4` must be the id of an access key: 16 to 128 letters and digits, such as \
                    `AKIAIOSFODNN7EXAMPLE`"
            .to_owned());
    }
    for (field, value, example) in [("region", region, "us-east-1"), ("service", service, "iam")] {
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=32).contains(&value.len()) || !value.bytes().all(is_name) {
            return Err(format!(
                "`{field}` of `sigv4` must be 1 to 32 lower-case letters, digits and `-`, such as `{example}`"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_region_or_service_is_refused_without_showing_it() {
        const ID: &str = "AKIAIOSFODNN7EXAMPLE";
        assert_eq!(fits(ID, "us-east-1", "iam"), Ok(()));
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        for (key_id, region, service, field) in [
            (secret, "us-east-1", "iam", "`key_id`"),
            ("AKIA", "us-east-1", "iam", "`key_id`"),
            (ID, secret, "iam", "`region`"),
            (ID, "", "iam", "`region`"),
            (ID, "us-east-1/x", "iam", "`region`"),
            (ID, "us-east-1", "IAM", "`service`"),
            (ID, "us-east-1", secret, "`service`"),
        ] {
            let why = fits(key_id, region, service).unwrap_err();
            assert!(why.starts_with(field) && !why.contains(secret), "{why}");
        }
    }

    #[test]
    fn the_headers_of_a_signature_are_known_in_both_spellings() {
        assert!(is_set("x-amz-date") && is_set("x_amz_date") && is_set("x-amz-security-token"));
        assert!(!is_set("x-amz-target"));
    }
}
