//! Takes a value, gives its one canonical byte string (RFC 8785) or says why it has none.
//!
//! Never relies on the order of a map: another crate of the build may turn on insertion order.

use std::cmp::Ordering;

use serde::Serialize;
use serde_json::{Map, Value};

use super::parse::MAX_DEPTH;
use super::write::write;
use super::{MAX_INTEGER, child, depth};

/// RFC 8785 bytes: keys sorted by UTF-16 code units, no space, integers only.
///
/// Refuses floats and integers beyond ±(2^53 − 1): their text differs between readers.
pub fn canonical(value: &Value) -> Result<Vec<u8>, NotCanonical> {
    let mut out = Vec::with_capacity(256);
    write_value(value, &mut out)?;
    Ok(out)
}

/// `canonical` of anything that serialises to JSON.
pub fn to_canonical<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, NotCanonical> {
    write(value).map_or_else(|| canonical(&to_value(value)?), |(bytes, _)| Ok(bytes))
}

/// The same of what is signed inside of another record, which [`super::parse`] has to read again: what is nested
/// too deep for that is refused.
pub fn to_readable<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, NotCanonical> {
    let Some((bytes, levels)) = write(value) else {
        let value = to_value(value)?;
        readable(depth(&value))?;
        return canonical(&value);
    };
    readable(levels)?;
    Ok(bytes)
}

fn readable(levels: usize) -> Result<(), NotCanonical> {
    if levels < MAX_DEPTH {
        return Ok(());
    }
    Err(refuse(format!(
        "it is nested {MAX_DEPTH} levels deep or more, and could not be read again"
    )))
}

fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, NotCanonical> {
    serde_json::to_value(value).map_err(|error| refuse(error.to_string()))
}

/// Why a value has no canonical form, and the RFC 6901 pointer of the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pointer}` has no canonical form: {reason}")]
pub struct NotCanonical {
    pub pointer: String,
    pub reason: String,
}

fn write_value(value: &Value, out: &mut Vec<u8>) -> Result<(), NotCanonical> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => {
            match number.as_i64().filter(|found| found.unsigned_abs() <= MAX_INTEGER.unsigned_abs())
            {
                Some(integer) => write_integer(integer, out),
                None => {
                    return Err(refuse(format!(
                        "`{number}` is no integer within ±(2^53 − 1); write it as a string"
                    )));
                }
            }
        }
        Value::String(text) => write_string(text, out),
        Value::Array(items) => return write_array(items, out),
        Value::Object(map) => return write_object(map, out),
    }
    Ok(())
}

fn write_array(items: &[Value], out: &mut Vec<u8>) -> Result<(), NotCanonical> {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_value(item, out).map_err(|error| nested(error, &index.to_string()))?;
    }
    out.push(b']');
    Ok(())
}

fn write_object(map: &Map<String, Value>, out: &mut Vec<u8>) -> Result<(), NotCanonical> {
    let mut entries: Vec<(&String, &Value)> = map.iter().collect();
    entries.sort_unstable_by(|(left, _), (right, _)| by_code_units(left, right));
    out.push(b'{');
    for (index, (key, value)) in entries.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(key, out);
        out.push(b':');
        write_value(value, out).map_err(|error| nested(error, key))?;
    }
    out.push(b'}');
    Ok(())
}

/// The order of UTF-16 code units. It is that of the bytes up to U+E000, so for nearly every key.
pub(super) fn by_code_units(left: &str, right: &str) -> Ordering {
    if left.is_ascii() && right.is_ascii() {
        return left.cmp(right);
    }
    left.encode_utf16().cmp(right.encode_utf16())
}

/// Its digits, the last one first: an integer needs no text of its own.
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

/// RFC 8785 section 3.2.2.2: two-letter escapes where JSON has them, `\u00xx` for other controls, the rest as it is.
pub(super) fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    // What is escaped is ASCII, and no byte of another character is.
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

/// Where the first byte stands that is escaped.
fn special(text: &[u8]) -> Option<usize> {
    let (words, _) = text.as_chunks::<8>();
    let quiet = words.iter().take_while(|word| !may_be_special(u64::from_le_bytes(**word)));
    let from = quiet.count() * 8;
    let rest = text.get(from..).unwrap_or_default();
    let at = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20))?;
    Some(from + at)
}

/// Whether a text is ASCII and nothing of it is escaped.
pub(super) fn is_plain(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
}

/// Whether one of eight bytes is escaped. What it says of a byte beside such a one may be wrong, but never that
/// there is none.
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

/// The pointer is put together only when something is refused, from the inside out.
fn nested(error: NotCanonical, token: &str) -> NotCanonical {
    NotCanonical { pointer: format!("{}{}", child("", token), error.pointer), reason: error.reason }
}

fn refuse(reason: String) -> NotCanonical {
    NotCanonical { pointer: String::new(), reason }
}
