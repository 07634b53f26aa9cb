//! Strict JSON: parses untrusted bytes, writes RFC 8785 bytes, and computes leaf-level differences.
//!
//! Duplicate keys are rejected. Floats never become JSON numbers. No result depends on the iteration order of a map.

mod canonical;
mod diff;
mod parse;
#[cfg(feature = "schema")]
mod schema;
mod shape;
mod text;
mod write;

use serde_json::Value;

pub use canonical::{NotCanonical, canonical, to_canonical, to_readable};
pub use diff::{Change, diff};
pub use parse::part::parse_part;
pub use parse::{ParseError, parse, parse_exact};
#[cfg(feature = "schema")]
pub use schema::StrictValue;
pub use shape::{ShapeError, from_exact, from_value};

/// The largest integer that every JSON reader represents exactly: 2^53 − 1 (RFC 7493 section 2.2).
pub const MAX_INTEGER: i64 = 9_007_199_254_740_991;

/// The deepest nesting that a value from outside may have. The limit is lower than the 64 levels that the parser
/// accepts, because a record contains the value nested inside other values.
pub const NESTED_MAX: usize = 48;

/// The number of nested array and object levels in a value; 0 for a string, number, boolean or null.
pub fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// The value at an RFC 6901 pointer (`""` is the whole document); `None` if it does not exist.
pub fn pointer<'a>(value: &'a Value, at: &str) -> Option<&'a Value> {
    value.pointer(at)
}

/// Whether the RFC 6901 pointer `inner` leads to the value at `outer` or to a value inside it.
pub fn covers(outer: &str, inner: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether two RFC 6901 pointers lead to the same value, or one of them leads into the value of the other.
pub fn overlap(one: &str, other: &str) -> bool {
    covers(one, other) || covers(other, one)
}

/// `base` extended by one RFC 6901 reference token, with `~` and `/` escaped.
pub fn child(base: &str, token: &str) -> String {
    let mut pointer = String::with_capacity(base.len() + 1 + token.len());
    pointer.push_str(base);
    pointer.push('/');
    // The token is checked first, because this function runs for every member of a value and few keys contain a
    // character to escape.
    if token.contains(['~', '/']) {
        pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
    } else {
        pointer.push_str(token);
    }
    pointer
}

#[cfg(test)]
mod tests;
