//! Limits on the size of a plan. A value takes many times its length while it is processed, and a decimal takes many
//! times its length in the form in which policies read it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::contract::schema::{Schema, decimal};

/// Maximum writes of a plan, and maximum bytes of a plan as canonical JSON.
pub const WRITES_MAX: usize = 256;
pub const BYTES_MAX: usize = 4 << 20;

/// Maximum values in the bodies of all writes of a plan.
pub const VALUES_MAX: usize = 20_000;

/// Maximum bytes of the computed parts of a plan in the form in which policies read them. The record of a decision has
/// these, and the state.
pub const PARTS_MAX: usize = 2 << 20;

/// The number of values in a value, including itself.
pub(super) fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum::<usize>(),
        _ => 0,
    }
}

/// The bytes of the computed parts of one write in the form in which policies read them.
pub(super) fn for_policies(
    schemas: &BTreeMap<String, Option<Schema>>,
    parts: &BTreeMap<String, Value>,
) -> usize {
    let bytes = |(place, value): (&String, &Value)| {
        let schema = schemas.get(place)?.as_ref()?;
        let seen = decimal::for_policy(schema, &decimal::normal(schema, value));
        Some(seen.to_string().len())
    };
    parts.iter().filter_map(bytes).sum()
}
