//! Decodes escapes in text: percent-encoding, backslash escapes, HTML entities and quoted-printable. Decoding cannot
//! fail; all other text is copied unchanged.

use zeroize::Zeroizing;

/// A kind of escape: the character that begins the escape, and the function that decodes it.
pub(super) type Kind = (char, Read);

/// Decodes the escape at the start of a text, appends the result, and returns the length of the escape in bytes.
type Read = fn(&[u8], &mut Vec<u8>) -> Option<usize>;

const PERCENT: Kind = ('%', percent);
const BACKSLASH: Kind = ('\\', backslash);
const ENTITY: Kind = ('&', entity);
/// Quoted-printable (RFC 2045 section 6.7). Quoted-printable is not combined with other kinds of escapes, because `=`
/// is an ordinary character in other texts.
const QUOTED: Kind = ('=', percent);

pub(super) const KINDS: [Kind; 4] = [PERCENT, BACKSLASH, ENTITY, QUOTED];

/// Kinds of escapes that servers nest.
pub(super) const NESTED: [Kind; 3] = [PERCENT, BACKSLASH, ENTITY];

/// Decodes one level of escapes of these kinds. Bytes that are not UTF-8 are replaced, because they cannot be part of a
/// secret.
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

/// Decodes a sign followed by two hex digits (RFC 3986 section 2.1).
fn percent(text: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    out.push(u8::try_from(number(text.get(1..3)?, 16)?).ok()?);
    Some(3)
}

/// Decodes `\uXXXX`, `\xXX`, escaped white space, or a backslash and the character that it escapes (RFC 8259 section
/// 7).
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

/// Decodes numeric entities such as `&#60;` and `&#x3c;`, and the five predefined entities of XML such as `&lt;`.
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
