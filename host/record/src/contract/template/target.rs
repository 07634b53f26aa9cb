//! Path and query of a request: the checks of the literal text, and the rendering.
//!
//! A rendered value is percent-encoded, so it stays inside its segment or query value. No rendered value results in an
//! empty segment or a dot segment. In format 2 this also holds for a server that decodes a path before it splits it.

use std::fmt::Write as _;

use super::RenderError;
use super::text::{self, Format, Origins, Piece, Source};
use crate::exchange::segment::{self, has_dots};

/// Path and query of a target; the query is `None` without `?`.
pub(super) fn split(target: &str) -> (&str, Option<&str>) {
    target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)))
}

/// The pairs of a query. Fails for a pair without `=`.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = Result<(&str, &str), RenderError>> {
    let parts = query.split('&').filter(|pair| !pair.is_empty());
    parts.map(|pair| pair.split_once('=').ok_or_else(|| RenderError::Pair(pair.to_owned())))
}

/// The segments of a path. In format 2 the path may end in `/`.
pub(super) fn segments(path: &str, format: Format) -> impl Iterator<Item = &str> {
    let path = match format {
        Format::One => path,
        Format::Two => path.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(path),
    };
    path.split('/').skip(1)
}

pub(super) fn check_path(path: &str, format: Format) -> Result<(), RenderError> {
    // `/` alone is the base URL of the upstream, for APIs that name the operation in the query or body.
    if path == "/" {
        return Ok(());
    }
    segments(path, format).try_for_each(|segment| {
        let pieces = text::pieces(segment, format)?;
        match pieces.as_slice() {
            [] => Err(RenderError::Literal(segment.to_owned())),
            pieces => check_literals(pieces, segment, format),
        }
    })
}

pub(super) fn check_query(query: &str, format: Format) -> Result<(), RenderError> {
    pairs(query).try_for_each(|pair| {
        let (key, value) = pair?;
        check_literal(key, format)?;
        if value.is_empty() {
            return Ok(());
        }
        check_literals(&text::pieces(value, format)?, value, format)
    })
}

/// Checks the literal text of a segment or query value. Literal text is sent as written in format 1, and in its normal
/// form in format 2.
fn check_literals(pieces: &[Piece<'_>], whole: &str, format: Format) -> Result<(), RenderError> {
    pieces.iter().try_for_each(|piece| match piece {
        Piece::Literal(literal) if pieces.len() == 1 => check_literal(literal, format),
        // Whether a literal and a value together are a dot segment is checked when the request is rendered, because the
        // value is not known before.
        Piece::Literal(literal) => check_characters(literal, format)
            .then_some(())
            .ok_or_else(|| RenderError::Literal(whole.to_owned())),
        Piece::Value(_) => Ok(()),
    })
}

fn check_literal(literal: &str, format: Format) -> Result<(), RenderError> {
    let sent = match format {
        Format::One => literal.to_owned(),
        Format::Two => normal(literal),
    };
    if matches!(sent.as_str(), "" | "." | "..") || !check_characters(literal, format) {
        return Err(RenderError::Literal(literal.to_owned()));
    }
    Ok(())
}

/// In format 1, literal text may contain only RFC 3986 `pchar` characters other than `%`, `&`, `=` and `;`. In format
/// 2, the host encodes the characters that need it, and a literal may contain percent-encoded octets; `;` and `#` must
/// be percent-encoded.
fn check_characters(literal: &str, format: Format) -> bool {
    if format == Format::One {
        return literal
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~!$'()*+,:@".contains(&b));
    }
    let mut rest = literal;
    while let Some(at) = rest.find('%') {
        let octet = rest.get(at + 1..at + 3);
        if !octet.is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit())) {
            return false;
        }
        rest = rest.get(at + 3..).unwrap_or_default();
    }
    !literal.chars().any(|c| c.is_control() || matches!(c, ';' | '#'))
}

/// The path with every value in its place. Fails when a parameter is absent, or its value is empty, a dot segment, a list
/// or an object, or has control characters.
pub(super) fn render_path(path: &str, origins: &Origins<'_>) -> Result<String, RenderError> {
    let format = origins.format();
    let mut out = String::new();
    for segment in segments(path, format) {
        let filled = fill(segment, origins)?;
        if format == Format::Two && has_dots(&filled) {
            let pieces = text::pieces(segment, format)?;
            let source = pieces.iter().find_map(|piece| match piece {
                Piece::Value(source) => Some(*source),
                Piece::Literal(_) => None,
            });
            // A segment without a value is what the contract says.
            if let Some(source) = source {
                return Err(unfit(source));
            }
        }
        out.push('/');
        out.push_str(&filled);
    }
    if format == Format::Two && path.ends_with('/') && path.len() > 1 {
        out.push('/');
    }
    Ok(out)
}

/// The query with every value in its place, without the pairs whose optional parameter is absent. `None` if no pair is
/// left. Fails when a required parameter is absent, and for the same values as [`render_path`].
pub(super) fn render_query(
    query: &str,
    origins: &Origins<'_>,
) -> Result<Option<String>, RenderError> {
    // Format 1 refuses a query with an empty pair; format 2 leaves the pair out.
    if origins.format() == Format::One && query.split('&').any(str::is_empty) {
        return Err(RenderError::Pair(query.to_owned()));
    }
    let mut rendered = Vec::new();
    for pair in pairs(query) {
        let (key, value) = pair?;
        let pieces = text::pieces(value, origins.format())?;
        if let Some(source @ Source::Param { optional: true, .. }) = text::whole(&pieces)
            && origins.value(source).is_none()
        {
            continue;
        }
        let key = if origins.format() == Format::One { key.to_owned() } else { normal(key) };
        rendered.push(format!("{key}={}", fill(value, origins)?));
    }
    Ok((!rendered.is_empty()).then(|| rendered.join("&")))
}

/// A segment or query value with every value in its place, percent-encoded. Fails for the same values as
/// [`render_path`], and when values and text make a dot segment together.
fn fill(piece: &str, origins: &Origins<'_>) -> Result<String, RenderError> {
    let format = origins.format();
    if !piece.contains(['{', '}']) {
        return Ok(if format == Format::One { piece.to_owned() } else { normal(piece) });
    }
    let pieces = text::pieces(piece, format)?;
    let literal = |text: &str| if format == Format::One { text.to_owned() } else { normal(text) };
    filled(&pieces, origins, literal)
}

/// Like [`fill`], for a part of a resource name. The literals of a resource name are not sent, so they stay as they are
/// written.
pub(super) fn fill_name(
    pieces: &[Piece<'_>],
    origins: &Origins<'_>,
) -> Result<String, RenderError> {
    filled(pieces, origins, str::to_owned)
}

fn filled(
    pieces: &[Piece<'_>],
    origins: &Origins<'_>,
    literal: impl FnMut(&str) -> String,
) -> Result<String, RenderError> {
    let fits = |value: &str| !value.is_empty() && !value.chars().any(char::is_control);
    if let [Piece::Value(source)] = pieces {
        if let Source::Answer(_) = source {
            return Ok(source.written());
        }
        let value = text::plain(*source, origins)?;
        let sent = fits(&value) && !matches!(value.as_str(), "." | "..");
        return if sent { Ok(percent_encode(&value)) } else { Err(unfit(*source)) };
    }
    for piece in pieces {
        let Piece::Value(source) = piece else { continue };
        if !matches!(source, Source::Answer(_)) && !fits(&text::plain(*source, origins)?) {
            return Err(unfit(*source));
        }
    }
    let whole = text::render(pieces, origins, literal, percent_encode)?;
    // The dots of a value and of the text around the value can together form a dot segment.
    match pieces
        .iter()
        .find_map(|piece| if let Piece::Value(source) = piece { Some(*source) } else { None })
    {
        Some(source) if is_dots(&whole) => Err(unfit(source)),
        _ => Ok(whole),
    }
}

/// Whether a text is a dot segment once it is decoded (RFC 3986 §5.2.4).
fn is_dots(text: &str) -> bool {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
    matches!(decoded.as_ref(), "." | "..")
}

fn unfit(source: Source<'_>) -> RenderError {
    RenderError::Unfit(source.name())
}

/// RFC 3986 §2.3: unreserved characters stay, every other byte becomes `%XX` in upper case.
pub fn percent_encode(text: &str) -> String {
    segment::percent_encode(text)
}

/// The one form of literal text that is sent (RFC 3986 §6.2.2): unreserved characters are not encoded, other encoded
/// octets have upper-case digits, and characters that a target cannot have are encoded.
pub(crate) fn normal(literal: &str) -> String {
    let mut out = String::with_capacity(literal.len());
    let mut rest = literal;
    while let Some(at) = rest.find('%') {
        let (before, octet) = rest.split_at(at);
        out.push_str(&encode(before, b"-._~!$'()*+,;=:@/?"));
        let byte = octet.get(1..3).and_then(|hex| u8::from_str_radix(hex, 16).ok()).unwrap_or(b'%');
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else if write!(out, "%{byte:02X}").is_err() {
            // Writing to a string cannot fail.
            out.push('%');
        }
        rest = octet.get(3..).unwrap_or_default();
    }
    out.push_str(&encode(rest, b"-._~!$'()*+,;=:@/?"));
    out
}

fn encode(text: &str, kept: &[u8]) -> String {
    let is_kept = |byte: u8| byte.is_ascii_alphanumeric() || kept.contains(&byte);
    if text.bytes().all(is_kept) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_kept(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
        }
    }
    out
}
