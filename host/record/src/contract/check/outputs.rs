//! Checks `[outputs]`. The schema of an output bounds its size, because receipts are kept for a long time.

use super::super::Contract;
use super::super::fault::Fault;
use super::schema_at;
use crate::action::id;
use crate::contract::schema::{Kind, Schema};

/// The maximum number of outputs of a contract, and the maximum length of a text in an output.
const OUTPUTS_MAX: usize = 16;
const LENGTH_MAX: u64 = 1024;

pub(super) fn check(contract: &Contract) -> Result<(), Fault> {
    if contract.outputs.is_empty() {
        return Ok(());
    }
    if contract.is_read() {
        let what = "the answer to a read contains the whole state, so a read has no [outputs]";
        return Err(Fault::at("[outputs]", what));
    }
    if contract.outputs.len() > OUTPUTS_MAX {
        let what = format!("a contract can have at most {OUTPUTS_MAX} outputs");
        return Err(Fault::at("[outputs]", what));
    }
    let states = contract.state_schemas();
    for (name, output) in &contract.outputs {
        let refuse =
            |why: &str| Err(Fault::at(&output.to_string(), format!("output `{name}` {why}")));
        if !id::is_name(name) {
            return refuse("has an invalid name; use lower-case letters and digits");
        }
        let Some(schema) = schema_at(&states, &output.pointer()) else {
            return refuse("is not a property of a declared state; write `post.STATE.PROPERTY`");
        };
        let written = output.to_string();
        let state = written.split('.').nth(1).and_then(|name| contract.state.get(name));
        if state.is_none_or(|shape| shape.derived) {
            return refuse(
                "is in a state that the adapter computes; an output is read by the host",
            );
        }
        if !is_small(schema) {
            return refuse(
                "must be an integer, a decimal, a boolean, an `enum`, or a string with a `maxLength` of at most 1024",
            );
        }
    }
    Ok(())
}

/// Whether the schema bounds the size of a value.
fn is_small(schema: &Schema) -> bool {
    match schema.kind() {
        Some(Kind::Integer | Kind::Decimal | Kind::Boolean) => true,
        Some(Kind::String) => {
            schema.constant.is_some()
                || schema.choices.is_some()
                || schema.max_length.is_some_and(|length| length <= LENGTH_MAX)
        }
        Some(Kind::Object | Kind::Array) | None => false,
    }
}
