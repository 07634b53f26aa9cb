//! Names of members and parameters whose values are usually secret.

use super::names::snake;
use super::walk::Flat;

/// Words that name secrets, in the singular.
const WORDS: [&str; 9] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "apikey",
    "privatekey",
    "accesskey",
];
/// Words that make a key a secret.
const KEYS: [&str; 5] = ["api", "private", "access", "signing", "encryption"];
/// Last words of names that say something about a secret, but do not contain it, in the singular.
const ABOUT: [&str; 24] = [
    "name",
    "id",
    "type",
    "kind",
    "url",
    "uri",
    "at",
    "on",
    "in",
    "count",
    "ttl",
    "expire",
    "expiry",
    "expiration",
    "length",
    "limit",
    "policy",
    "enabled",
    "required",
    "statu",
    "scope",
    "format",
    "scanning",
    "protection",
];
/// Words before `token` that make it a place in a list.
const PLACES: [&str; 5] = ["page", "next", "continuation", "sync", "cursor"];

/// Whether the name is one of a secret: `api_token` and `clientSecret`, but not `token_type` and `nextPageToken`.
pub(super) fn is_secret(name: &str) -> bool {
    let name = snake(name, "member");
    let singular = |word| str::strip_suffix(word, 's').unwrap_or(word);
    let words: Vec<&str> = name.split('_').map(singular).collect();
    let has = |list: &[&str]| words.iter().any(|word| list.contains(word));
    if words.last().is_some_and(|last| ABOUT.contains(last)) || has(&PLACES) {
        return false;
    }
    let is_key = |pair: &[&str]| matches!(pair, [kind, "key"] if KEYS.contains(kind));
    has(&WORDS) || words.windows(2).any(is_key)
}

/// Whether a member with this name and schema is a secret. Numbers and booleans are not.
pub(super) fn is_member(name: &str, flat: &Flat<'_>) -> bool {
    let types = flat.types();
    let is_plain = |one: &&str| matches!(*one, "boolean" | "integer" | "number");
    let can_be = types.is_empty() || !types.iter().all(is_plain);
    flat.get("format").is_some_and(|one| one == "password") || can_be && is_secret(name)
}

/// Whether a member is a secret, or is never read.
pub(super) fn hides(name: &str, flat: &Flat<'_>) -> bool {
    flat.is("writeOnly") || is_member(name, flat)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_names() {
        for name in [
            "password",
            "api_secret",
            "clientSecret",
            "accessToken",
            "tokens",
            "private_key",
            "privateKey",
            "X-Api-Key",
            "password_hash",
            "credentials",
            "passwd",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "token_type",
            "secret_name",
            "tokenId",
            "nextPageToken",
            "password_updated_at",
            "key",
            "secretary",
            "secret_scanning",
            "passwordExpires",
            "address",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
