//! Headers of an upstream: those that the operator adds to every request, and those that contracts may set.

use std::collections::BTreeMap;

use deed_record::contract::template::Rule;
use deed_record::contract::template::headers::{is_allowed, is_name, is_never, is_value};

use super::{Wrong, sigv4};
use crate::config::raw;
use crate::config::tenant::credentials::shown;

/// The operator's headers by lower-case name. Fails for a header that the host sets itself, or that changes what a
/// request means.
pub(super) fn own(raw: &raw::Upstream) -> Result<BTreeMap<String, String>, Wrong> {
    for name in &raw.allow_headers {
        check_name("allow_headers", name, raw)?;
    }
    let mut headers = BTreeMap::new();
    for (name, value) in &raw.headers {
        check_name("headers", name, raw)?;
        if !is_value(value) {
            let what = format!(
                "the value of header `{}` must be 1 to 256 visible ASCII characters",
                shown(name)
            );
            return Err(("headers", what));
        }
        if headers.insert(name.to_ascii_lowercase(), value.clone()).is_some() {
            return Err((
                "headers",
                format!("header `{}` is written twice; keep one", shown(name)),
            ));
        }
    }
    Ok(headers)
}

fn check_name(key: &'static str, name: &str, raw: &raw::Upstream) -> Result<(), Wrong> {
    let lower = name.to_ascii_lowercase();
    if !is_name(name) || is_never(&lower) {
        // Headers that are never allowed have well-known names.
        let name = if is_never(&lower) { name } else { shown(name) };
        let what = format!(
            "header `{name}` cannot be set: the host sets it, it changes what a request means, or it is not a name"
        );
        return Err((key, what));
    }
    let mut slots = raw.read.iter().chain(&raw.write).filter_map(|one| one.slot.as_ref());
    if sigv4::is_set(&lower) && slots.any(sigv4::signs) {
        let what = format!("header `{name}` cannot be set: the signature by `sigv4` sets it");
        return Err((key, what));
    }
    let slots = raw.read.iter().chain(&raw.write).flat_map(raw::Credential::header_names);
    let key_header = raw.idempotency.iter().map(|one| one.header.as_str());
    // Servers that pass headers on as environment variables do not distinguish `_` from `-`.
    let plain = |name: &str| name.to_ascii_lowercase().replace('_', "-");
    if slots.chain(key_header).any(|taken| plain(taken) == plain(name)) {
        let what = format!(
            "header `{}` already holds a credential or the idempotency key of this upstream",
            shown(name)
        );
        return Err((key, what));
    }
    Ok(())
}

/// The first header of a contract's rule that the contract may not set for this upstream, and why.
pub(in crate::config::tenant) fn unallowed(
    rule: &Rule,
    upstream: &raw::Upstream,
    table: &str,
) -> Option<String> {
    for name in rule.headers.keys() {
        let is_same = |other: &String| other.eq_ignore_ascii_case(name);
        if upstream.headers.keys().any(is_same) {
            return Some(format!(
                "sets header `{name}`, which {table} sets already; remove one of them"
            ));
        }
        let known = is_allowed(&name.to_ascii_lowercase());
        if !known && !upstream.allow_headers.iter().any(is_same) {
            return Some(format!(
                "sets header `{name}`; if contracts may set it there, write `allow_headers = [\"{name}\"]` in {table}"
            ));
        }
    }
    None
}
