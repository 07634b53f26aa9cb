//! Segments of a path.

/// Whether a segment is or contains a dot segment (RFC 3986 section 5.2.4) for a server that decodes the path before it
/// splits it: then `%2F` separates segments, and on some servers `%5C` as well.
pub(crate) fn has_dots(segment: &str) -> bool {
    let decoded = percent_encoding::percent_decode_str(segment).decode_utf8_lossy();
    decoded.split(['/', '\\']).any(|one| matches!(one, "." | ".."))
}
