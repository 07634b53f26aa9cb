//! Quoted-printable (RFC 2045 section 6.7): any text as short lines of ASCII characters.

use std::fmt::Write as _;

/// The longest line of an encoded text, without its line break.
const LINE_MAX: usize = 76;

/// Encodes lines. Each of them ends with CRLF, and none has a line break in it.
pub(super) fn encode<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut out = String::new();
    for line in lines {
        encode_line(line, &mut out);
        out.push_str("\r\n");
    }
    out
}

fn encode_line(line: &str, out: &mut String) {
    let (mut width, mut rest) = (0, line.bytes().peekable());
    while let Some(byte) = rest.next() {
        let mut unit = String::new();
        match byte {
            b'!'..=b'<' | b'>'..=b'~' => unit.push(char::from(byte)),
            // A space at the end of a line could get lost.
            b' ' if rest.peek().is_some() => unit.push(' '),
            // Writing to a String cannot fail.
            other => write!(unit, "={other:02X}").unwrap_or_default(),
        }
        // One more character must fit: the `=` of a soft line break.
        if width + unit.len() >= LINE_MAX {
            out.push_str("=\r\n");
            width = 0;
        }
        width += unit.len();
        out.push_str(&unit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_becomes_ascii_and_can_be_decoded() {
        assert_eq!(encode(["a=b ", "Grüße"].into_iter()), "a=3Db=20\r\nGr=C3=BC=C3=9Fe\r\n");
        assert_eq!(encode(["a\r\n.\r\nb"].into_iter()), "a=0D=0A.=0D=0Ab\r\n");
    }

    #[test]
    fn no_line_is_longer_than_76_characters() {
        for text in ["x".repeat(500), "ü".repeat(100), "= ".repeat(90)] {
            let encoded = encode([text.as_str()].into_iter());
            assert!(encoded.lines().all(|line| line.len() <= LINE_MAX), "{encoded}");
            assert!(encoded.is_ascii());
        }
    }
}
