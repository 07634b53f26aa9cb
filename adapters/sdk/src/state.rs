//! Takes a place in an exchange, gives the value that the host found there. The host reads its own
//! copy, so an adapter can point but never make state up. Legal in `observe` only.

use serde_json::Value;

use crate::{Failure, bindings::deed::adapter::state as host};

/// Makes the value at `pointer` (RFC 6901; `""` is the whole body) of `exchange` the state `name`.
pub fn read(name: &str, exchange: u32, pointer: &str) -> Result<Value, Failure> {
    let text = host::read(name, exchange, pointer).map_err(Failure::Invalid)?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::Invalid(format!("state `{name}` is not JSON: {error}")))
}

/// States a computed value, for a contract with `derived = true` on `name`.
pub fn derive(name: &str, value: &Value, from: &[u32]) -> Result<(), Failure> {
    host::derive(name, &value.to_string(), from).map_err(Failure::Invalid)
}
