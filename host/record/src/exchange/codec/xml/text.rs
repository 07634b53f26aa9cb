//! Functions for the characters, names and references of XML 1.0.
//!
//! No function resolves an entity that a document could have declared.

use super::XmlError;

/// Whether this is an XML character (`Char`, XML 1.0 section 2.2).
pub(super) fn is_char(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// Whether this is XML white space (`S`, XML 1.0 section 2.3).
pub(super) fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\n' | '\r')
}

/// Whether this is an XML name, with its prefix: `NameStartChar NameChar*`, but limited to Unicode letters and digits.
pub fn is_name(name: &str) -> bool {
    let starts = |letter: char| letter.is_alphabetic() || letter == '_';
    let goes_on = |letter: char| letter.is_alphanumeric() || "_-.:".contains(letter);
    name.starts_with(starts) && name.chars().all(goes_on)
}

/// The character that a reference `&name;` stands for.
pub(super) fn reference(name: &str) -> Result<char, XmlError> {
    match name {
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "amp" => return Ok('&'),
        "apos" => return Ok('\''),
        "quot" => return Ok('"'),
        _ => {}
    }
    let code = name
        .strip_prefix('#')
        .ok_or(XmlError::Forbidden("an entity other than the five predefined ones"))?;
    let (digits, radix) = code.strip_prefix('x').map_or((code, 10), |hex| (hex, 16));
    // The digits are also checked here, because `from_str_radix` would accept a sign.
    let plain = digits.chars().all(|letter| letter.is_digit(radix));
    let value = u32::from_str_radix(digits, radix).ok().filter(|_| plain);
    let letter = value.and_then(char::from_u32).filter(|letter| is_char(*letter));
    letter.ok_or_else(|| XmlError::Character(name.chars().take(20).collect()))
}

/// Normalises an attribute's value: resolves references and replaces literal white space by spaces (section 3.3.3).
pub(super) fn attribute(raw: &str) -> Result<String, XmlError> {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(&before.replace(is_space, " "));
        let unclosed = || XmlError::Syntax("a reference has no end".into());
        let (name, after) = after.split_once(';').ok_or_else(unclosed)?;
        out.push(reference(name)?);
        rest = after;
    }
    out.push_str(&rest.replace(is_space, " "));
    Ok(out)
}
