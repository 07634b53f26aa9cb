//! Headers that a contract may set, and their rendering.
//!
//! A contract may set headers that select a representation or a version of an API. For any other header, the operator
//! must list its name in `allow_headers`. Headers that frame a request, carry credentials or change the method are
//! never allowed.

use std::collections::BTreeMap;

use super::RenderError;
use super::text::{self, Format, Origins};

/// Names that a contract may set without the operator, besides those that end in `-version`.
const ALLOWED: [&str; 7] = [
    "accept",
    "accept-language",
    "consistencylevel",
    "content-language",
    "content-type",
    "from",
    "prefer",
];

/// Names that the host sets itself, that change the meaning of a request, or that hold credentials.
const NEVER: [&str; 27] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "origin",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-method-override",
];

/// The maximum size of a header's value in bytes.
const VALUE: usize = 256;
/// The maximum number of headers of one rule.
const MOST: usize = 16;

/// Whether a contract may set the header with this lower-case name without the operator's consent.
pub fn is_allowed(name: &str) -> bool {
    ALLOWED.contains(&name) || name.ends_with("-version") && !is_never(name)
}

/// Whether the header with this lower-case name may be set neither by a contract nor by an operator. Servers that pass
/// headers on as environment variables (RFC 3875 section 4.1.18) do not distinguish `_` from `-`.
pub fn is_never(name: &str) -> bool {
    let name = name.replace('_', "-");
    NEVER.contains(&name.as_str())
        || ["proxy-", "sec-", "x-forwarded-", "x-http-method"]
            .iter()
            .any(|one| name.starts_with(one))
}

/// Whether a text is the name of a header (RFC 9110 section 5.1, `token`).
pub fn is_name(name: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.len() <= 64 && name.bytes().all(token)
}

/// Checks the headers of a rule, and fails at the first header that no contract may set or whose value is not visible
/// ASCII.
pub(super) fn check(headers: &BTreeMap<String, String>) -> Result<(), RenderError> {
    if headers.len() > MOST {
        return Err(RenderError::ManyHeaders);
    }
    let mut seen: Vec<String> = Vec::new();
    for (name, value) in headers {
        let lower = name.to_ascii_lowercase();
        if !is_name(name) || is_never(&lower) {
            return Err(RenderError::Header(name.clone()));
        }
        if seen.contains(&lower) {
            return Err(RenderError::HeaderTwice(name.clone()));
        }
        seen.push(lower);
        text::pieces(value, Format::Two)?;
        if !is_value(value) {
            return Err(RenderError::HeaderValue(name.clone()));
        }
    }
    Ok(())
}

/// Whether a text is a valid header value: visible ASCII, with spaces only between other characters (RFC 9110 section
/// 5.5, without `obs-text`).
pub fn is_value(value: &str) -> bool {
    let fits = |b: u8| b.is_ascii_graphic() || b == b' ';
    !value.is_empty() && value.len() <= VALUE && value.trim() == value && value.bytes().all(fits)
}

/// The headers by lower-case name, with every value in its place. Fails when a parameter is absent, or a header would not
/// be visible ASCII.
pub(super) fn render(
    headers: &BTreeMap<String, String>,
    origins: &Origins<'_>,
) -> Result<BTreeMap<String, String>, RenderError> {
    let one = |(name, value): (&String, &String)| {
        let pieces = text::pieces(value, origins.format())?;
        let same = |text: &str| text.to_owned();
        let text = text::render(&pieces, origins, same, same)?;
        if !is_value(&text) {
            return Err(RenderError::HeaderValue(name.clone()));
        }
        Ok((name.to_ascii_lowercase(), text))
    };
    headers.iter().map(one).collect()
}
