//! Maps `application/x-www-form-urlencoded` (WHATWG URL Standard, section 5) to a flat object of strings.
//!
//! A body with a duplicate name, or with a syntax other than exactly `name=value&…`, is refused.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// Converts scalars into strings, because a form-urlencoded body contains only strings.
///
/// # Errors
///
/// Fails for a value that is not a flat object.
pub fn texts(body: Value) -> Result<Value, FormError> {
    let Value::Object(members) = body else { return Err(FormError::NotFlat) };
    let texts: Result<Map<String, Value>, FormError> =
        members.into_iter().map(|(name, value)| Ok((name, Value::String(text(value)?)))).collect();
    texts.map(Value::Object)
}

fn text(value: Value) -> Result<String, FormError> {
    match value {
        Value::String(text) => Ok(text),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Number(number) if !number.is_f64() => Ok(number.to_string()),
        _ => Err(FormError::NotFlat),
    }
}

/// Encodes a flat object of strings, sorted by name so that an object has only one encoding.
///
/// # Errors
///
/// Fails for any other value.
pub fn encode(body: &Value) -> Result<String, FormError> {
    let members = body.as_object().ok_or(FormError::NotFlat)?;
    let mut pairs: Vec<(&String, &Value)> = members.iter().collect();
    pairs.sort_by_key(|(name, _)| *name);
    let mut out = String::new();
    for (name, value) in pairs {
        let value = value.as_str().ok_or(FormError::NotFlat)?;
        if !out.is_empty() {
            out.push('&');
        }
        escape(name, &mut out);
        out.push('=');
        escape(value, &mut out);
    }
    Ok(out)
}

/// Decodes a form-urlencoded body into a flat object.
///
/// # Errors
///
/// Fails when the body is malformed or repeats a name.
pub fn decode(bytes: &[u8]) -> Result<Value, FormError> {
    let mut members = Map::new();
    if bytes.is_empty() {
        return Ok(Value::Object(members));
    }
    for pair in bytes.split(|byte| *byte == b'&') {
        let at = pair.iter().position(|byte| *byte == b'=').ok_or(FormError::Pair)?;
        let (name, value) = pair.split_at(at);
        let name = unescape(name)?;
        let value = unescape(value.get(1..).unwrap_or_default())?;
        if members.contains_key(&name) {
            return Err(FormError::Twice(name.chars().take(80).collect()));
        }
        members.insert(name, Value::String(value));
    }
    Ok(Value::Object(members))
}

/// Why a value cannot be form-urlencoded, or a form-urlencoded body cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    #[error("the body is not a flat object of texts")]
    NotFlat,
    #[error("the answer is not a form: a piece between `&` is not `name=value`")]
    Pair,
    #[error("the answer is not a form: `{0:#04x}` must be percent-encoded there")]
    Byte(u8),
    #[error("the answer is not a valid form: a name or value is not UTF-8")]
    Utf8,
    #[error("the answer contains `{0}` twice")]
    Twice(String),
}

/// The application/x-www-form-urlencoded percent-encode set: everything but ASCII letters, digits, `*-._`.
fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            _ if byte.is_ascii_alphanumeric() || b"*-._".contains(&byte) => {
                out.push(char::from(byte));
            }
            // Writing to a string never fails.
            _ => write!(out, "%{byte:02X}").unwrap_or_default(),
        }
    }
}

fn unescape(bytes: &[u8]) -> Result<String, FormError> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, after @ ..]) => {
                out.push(digit(*high)? << 4 | digit(*low)?);
                rest = after;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) if byte.is_ascii_graphic() && *byte != b'%' => out.push(*byte),
            (byte, _) => return Err(FormError::Byte(*byte)),
        }
    }
    String::from_utf8(out).map_err(|_| FormError::Utf8)
}

fn digit(letter: u8) -> Result<u8, FormError> {
    let value = char::from(letter).to_digit(16).and_then(|value| u8::try_from(value).ok());
    value.ok_or(FormError::Byte(b'%'))
}
