//! Encoding of one value as a path segment, with the same bytes that the host renders for it.

use std::fmt::Write as _;

/// Percent-encodes everything but the unreserved characters (RFC 3986 section 2.3) in upper-case hex, so that a value
/// is always exactly one segment.
pub fn segment(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            write!(out, "%{byte:02X}").ok();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn unreserved_characters_stay() {
        assert_eq!(segment("aZ09-._~"), "aZ09-._~");
    }

    #[test]
    fn everything_else_is_one_segment() {
        assert_eq!(segment("a/b?c#d%e f"), "a%2Fb%3Fc%23d%25e%20f");
        assert_eq!(segment("é+:@"), "%C3%A9%2B%3A%40");
    }
}
