//! Decoding of escapes in text: percent-encoding, backslashes, HTML entities, quoted-printable. It does not fail:
//! anything else is copied unchanged.

use zeroize::Zeroizing;

/// A kind of escape: the character that begins it, and its reader.
pub(super) type Kind = (char, Read);

/// Reads an escape at the start of a text, appends what it decodes to, and returns how many bytes it has.
type Read = fn(&[u8], &mut Vec<u8>) -> Option<usize>;

const PERCENT: Kind = ('%', percent);
const BACKSLASH: Kind = ('\\', backslash);
const ENTITY: Kind = ('&', entity);
/// RFC 2045 section 6.7. A `=` is ordinary elsewhere, so this kind is not mixed with others.
const QUOTED: Kind = ('=', percent);

pub(super) const KINDS: [Kind; 4] = [PERCENT, BACKSLASH, ENTITY, QUOTED];

/// Kinds that servers nest.
pub(super) const NESTED: [Kind; 3] = [PERCENT, BACKSLASH, ENTITY];

/// Undoes escapes of these kinds once. Bytes that are not UTF-8 cannot be a secret.
pub(super) fn undo(text: &str, kinds: &[Kind]) -> Zeroizing<String> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let reader = kinds.iter().find(|(sign, _)| char::from(*first) == *sign);
        let taken = reader.and_then(|(_, read)| read(rest, &mut out));
        if taken.is_none() {
            out.push(*first);
        }
        rest = taken.and_then(|bytes| rest.get(bytes..)).unwrap_or(tail);
    }
    Zeroizing::new(String::from_utf8_lossy(&out).into_owned())
}

/// A sign and two hex digits (RFC 3986 section 2.1).
fn percent(text: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    out.push(u8::try_from(number(text.get(1..3)?, 16)?).ok()?);
    Some(3)
}

/// `\uXXXX`, `\xXX`, white space, or a backslash and the character that it escapes (RFC 8259 section 7).
fn backslash(text: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let next = *text.get(1)?;
    let digits = match next {
        b'u' => text.get(2..6),
        b'x' => text.get(2..4),
        _ => None,
    };
    if let Some(letter) = digits.and_then(|digits| number(digits, 16)).and_then(char::from_u32) {
        push(letter, out);
        return digits.map(|digits| digits.len() + 2);
    }
    out.push(if matches!(next, b'n' | b'r' | b't') { b' ' } else { next });
    Some(2)
}

/// `&#60;`, `&#x3c;`, `&lt;` and the other names that XML has.
fn entity(text: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let end = text.iter().take(10).position(|byte| *byte == b';')?;
    let letter = match text.get(1..end)? {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', b'x' | b'X', digits @ ..] => char::from_u32(number(digits, 16)?)?,
        [b'#', digits @ ..] => char::from_u32(number(digits, 10)?)?,
        _ => return None,
    };
    push(letter, out);
    Some(end + 1)
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let text = std::str::from_utf8(digits).ok().filter(|text| !text.starts_with(['+', '-']))?;
    u32::from_str_radix(text, radix).ok()
}

fn push(letter: char, out: &mut Vec<u8>) {
    out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
}
