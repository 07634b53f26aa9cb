//! Maps `application/x-www-form-urlencoded` (WHATWG URL Standard, section 5) to an object of strings.
//!
//! A request may nest lists and tables, which are sent with brackets: `a[b]=1&c[0]=2`. A response is flat; a response
//! with a duplicate name, or with a syntax other than exactly `name=value&…`, is refused.

mod check;

use std::fmt::Write as _;

use serde_json::{Map, Value};

pub(super) use self::check::check;

/// Whether the body of a request may have lists and tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Flat,
    Nested,
}

/// Converts scalars into strings, because a form-urlencoded body contains only strings. Empty lists and tables inside
/// the body are left out, because a form-urlencoded body cannot represent them.
///
/// # Errors
///
/// Fails for a value that is not an object of the given shape.
pub fn texts(body: Value, shape: Shape) -> Result<Value, FormError> {
    let Value::Object(members) = body else { return Err(FormError::NotFlat) };
    match shape {
        Shape::Nested => object(members).map(Value::Object),
        Shape::Flat => {
            let flat = |(name, value)| Ok((name, Value::String(text(value)?)));
            members.into_iter().map(flat).collect::<Result<_, _>>().map(Value::Object)
        }
    }
}

fn object(members: Map<String, Value>) -> Result<Map<String, Value>, FormError> {
    let mut kept = Map::new();
    for (name, value) in members {
        if let Some(value) = nested(value)? {
            kept.insert(name, value);
        }
    }
    Ok(kept)
}

fn nested(value: Value) -> Result<Option<Value>, FormError> {
    Ok(match value {
        Value::Object(members) => {
            Some(object(members)?).filter(|kept| !kept.is_empty()).map(Value::Object)
        }
        Value::Array(items) => {
            let kept: Result<Vec<_>, _> = items.into_iter().map(nested).collect();
            let kept: Vec<Value> = kept?.into_iter().flatten().collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        scalar => Some(Value::String(text(scalar)?)),
    })
}

fn text(value: Value) -> Result<String, FormError> {
    match value {
        Value::String(text) => Ok(text),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Number(number) if !number.is_f64() => Ok(number.to_string()),
        _ => Err(FormError::NotFlat),
    }
}

/// Encodes an object of strings, and of lists and tables of them. Members are sorted by name and items by position, so
/// an object has only one encoding, and no two objects have the same encoding.
///
/// # Errors
///
/// Fails for any other value, and for a nested body with a name that could be read as another place in the body.
pub fn encode(body: &Value) -> Result<String, FormError> {
    let members = body.as_object().ok_or(FormError::NotFlat)?;
    if members.values().any(|value| !value.is_string()) {
        check(body)?;
    }
    let mut out = String::new();
    for (name, value) in sorted(members) {
        let mut key = String::new();
        escape(name, &mut key);
        pairs(&key, value, &mut out)?;
    }
    Ok(out)
}

/// Writes every text of a value, under its encoded key.
fn pairs(key: &str, value: &Value, out: &mut String) -> Result<(), FormError> {
    match value {
        Value::String(text) => {
            if !out.is_empty() {
                out.push('&');
            }
            out.push_str(key);
            out.push('=');
            escape(text, out);
            Ok(())
        }
        Value::Array(items) => {
            let mut places = items.iter().enumerate();
            places.try_for_each(|(n, item)| pairs(&format!("{key}%5B{n}%5D"), item, out))
        }
        Value::Object(members) => sorted(members).into_iter().try_for_each(|(name, member)| {
            let mut key = format!("{key}%5B");
            escape(name, &mut key);
            key.push_str("%5D");
            pairs(&key, member, out)
        }),
        _ => Err(FormError::NotFlat),
    }
}

fn sorted(members: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut members: Vec<(&String, &Value)> = members.iter().collect();
    members.sort_by_key(|(name, _)| *name);
    members
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
    #[error("the body is not an object of texts")]
    NotFlat,
    #[error(
        "name `{0}` of a form has a bracket; write a table or a list instead, and the host adds the brackets"
    )]
    Bracket(String),
    #[error(
        "name `{0}` in a form is empty, or is a number inside a table; use another name, or a list for numbered items"
    )]
    Name(String),
    #[error("`{0}` is an empty list or table, which a form cannot represent; leave it out")]
    Empty(String),
    #[error(
        "`{0}` is not a text, integer, boolean, list, table or placeholder; a form can contain nothing else"
    )]
    Leaf(String),
    #[error("the answer is not a valid form: a pair between `&` separators has no `=`")]
    Pair,
    #[error("the answer is not a valid form: the byte `{0:#04x}` must be percent-encoded")]
    Byte(u8),
    #[error("the answer is not a valid form: a name or value is not UTF-8")]
    Utf8,
    #[error("the answer contains the name `{0}` twice")]
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
