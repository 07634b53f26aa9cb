//! Segments of a path.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All ASCII characters except the unreserved characters of RFC 3986 section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// RFC 3986 section 2.3: unreserved characters stay, every other byte becomes `%XX` in upper case.
pub(crate) fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Whether a segment is or contains a dot segment (RFC 3986 section 5.2.4) for a server that decodes the path before it
/// splits it: then `%2F` separates segments, and on some servers `%5C` as well.
pub(crate) fn has_dots(segment: &str) -> bool {
    let decoded = percent_encoding::percent_decode_str(segment).decode_utf8_lossy();
    decoded.split(['/', '\\']).any(|one| matches!(one, "." | ".."))
}
