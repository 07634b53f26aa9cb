//! Strings, integers and the order of members in canonical JSON (RFC 8785 section 3.2).

use std::cmp::Ordering;

/// Compares keys by their UTF-16 code units. For characters below U+E000, and so for nearly every key, the order of the
/// code units is also the order of the UTF-8 bytes.
pub(super) fn by_code_units(left: &str, right: &str) -> Ordering {
    if left.is_ascii() && right.is_ascii() {
        return left.cmp(right);
    }
    left.encode_utf16().cmp(right.encode_utf16())
}

/// Appends an integer in decimal. The digits are written in reverse and then reversed in place, which needs no
/// temporary string.
pub(super) fn write_integer(integer: i64, out: &mut Vec<u8>) {
    if integer < 0 {
        out.push(b'-');
    }
    let start = out.len();
    let mut rest = integer.unsigned_abs();
    loop {
        out.extend(u8::try_from(rest % 10).map(|digit| b'0' + digit));
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.get_mut(start..).unwrap_or_default().reverse();
}

/// Appends a string (RFC 8785 section 3.2.2.2): two-character escapes where JSON has them, `\u00xx` for other control
/// characters, and all other characters unchanged.
pub(super) fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    // Only ASCII characters are escaped, and no byte of a multi-byte UTF-8 character is ASCII.
    while let Some(at) = special(rest) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, after)) = special.split_first() else { break };
        write_escape(*byte, out);
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// The position of the first byte that needs an escape.
fn special(text: &[u8]) -> Option<usize> {
    let (words, _) = text.as_chunks::<8>();
    let quiet = words.iter().take_while(|word| !may_be_special(u64::from_le_bytes(**word)));
    let from = quiet.count() * 8;
    let rest = text.get(from..).unwrap_or_default();
    let at = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20))?;
    Some(from + at)
}

/// Whether a text is printable ASCII and needs no escapes.
pub(super) fn is_plain(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
}

/// Whether one of eight bytes may need an escape. The computed bits may also mark a neighbour of a byte that needs an
/// escape, but the result is never false if a byte needs an escape.
fn may_be_special(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES << 7;
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word & HIGH;
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    below(word, 0x20) | is(b'"') | is(b'\\') != 0
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        0x08 => out.extend_from_slice(b"\\b"),
        b'\t' => out.extend_from_slice(b"\\t"),
        b'\n' => out.extend_from_slice(b"\\n"),
        0x0c => out.extend_from_slice(b"\\f"),
        b'\r' => out.extend_from_slice(b"\\r"),
        control => out.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
    }
}
