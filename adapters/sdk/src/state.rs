//! Functions with which an adapter reports a state: as a place in an upstream's answer, or as a computed value. The
//! host reads the value from its own copy of the answer, so an adapter can point to state but cannot invent it. An
//! adapter may call these functions only in `observe`.

use serde_json::Value;

use crate::Failure;
use crate::bindings::deed::adapter::state as host;

/// Reports the value at `pointer` (RFC 6901; `""` is the whole body) in the answer of `exchange` as the state `name`.
///
/// # Errors
///
/// Fails when the host refuses the value.
pub fn read(name: &str, exchange: u32, pointer: &str) -> Result<Value, Failure> {
    let text = host::read(name, exchange, pointer).map_err(Failure::Invalid)?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::Invalid(format!("state `{name}` is not JSON: {error}")))
}

/// Adds a computed value as the state `name`, for which the contract must have `derived = true`.
///
/// # Errors
///
/// Fails when the host refuses the value.
pub fn derive(name: &str, value: &Value, from: &[u32]) -> Result<(), Failure> {
    host::derive(name, &value.to_string(), from).map_err(Failure::Invalid)
}
