//! Warnings about the secrets and keys with which the host proves to authorization servers which client it is.

use std::collections::BTreeMap;

use deed_spec::digest::Digest;
use deed_system::files::Files;

use super::super::fault::{Fault, Source};
use super::super::{raw, secret};

/// Maximum size of a file with a key, which was read before.
const KEY_MAX: u64 = 64 << 10;

/// Warns about a secret or key with which the tokens of two tenants are obtained. What is asked for may differ, but
/// whoever has the secret can ask for the tokens of both.
pub(super) fn shared(raw: &raw::Host, files: &Files, here: &Source, found: &mut Vec<Fault>) {
    let mut owners: BTreeMap<Digest, &String> = BTreeMap::new();
    for (tenant, tables) in &raw.tenant {
        for (name, token) in &tables.token {
            for (key, digest) in proofs(tables, token, files) {
                let owner = *owners.entry(digest).or_insert(tenant);
                if owner != tenant {
                    let what = format!(
                        "tenants `{owner}` and `{tenant}` obtain tokens with the same `{key}`, so each can do what the \
                         other can; use a client of its own for each"
                    );
                    found.push(here.fault_in(
                        &format!("[tenant.{tenant}.token.{name}]"),
                        key,
                        &what,
                    ));
                }
            }
        }
    }
}

/// The secret and the key of a token, each with the name of its field. One that cannot be read was reported before.
fn proofs(
    tables: &raw::Tenant,
    token: &raw::Token,
    files: &Files,
) -> impl Iterator<Item = (&'static str, Digest)> + use<> {
    let secret = token.secret.as_ref().and_then(|name| {
        let value = secret::load(name, files, &tables.secret.get(name)?.source()).ok()?;
        Some(("secret", Digest::of(value.reveal().as_bytes())))
    });
    let key = token.key.as_ref().and_then(|path| {
        let pem = files.private(path, KEY_MAX).ok()?;
        Some(("key", Digest::of(&pem)))
    });
    secret.into_iter().chain(key)
}
