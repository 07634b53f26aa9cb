//! Takes a value, gives its one canonical byte string (RFC 8785) or says why it has none.
//!
//! Never relies on the order of a map: another crate of the build may turn on insertion order.

use serde::Serialize;
use serde_json::{Map, Value};

use super::parse::MAX_DEPTH;
use super::text::{by_code_units, write_integer, write_string};
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

/// The pointer is put together only when something is refused, from the inside out.
fn nested(error: NotCanonical, token: &str) -> NotCanonical {
    NotCanonical { pointer: format!("{}{}", child("", token), error.pointer), reason: error.reason }
}

fn refuse(reason: String) -> NotCanonical {
    NotCanonical { pointer: String::new(), reason }
}
