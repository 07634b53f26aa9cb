//! `[outputs]`: values of the state after the action that the receipt and the answer to the agent contain.
//!
//! An output is read by the host, like the state that contains it. Its size is bounded by its schema, because receipts
//! are kept for a long time.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Contract;
use super::check::schema_at;
use super::fault::Fault;
use super::schema::{Kind, Schema};
use crate::action::id;

/// The maximum number of outputs of a contract, and the maximum length of a text in an output.
const OUTPUTS_MAX: usize = 16;
const LENGTH_MAX: u64 = 1024;

/// The place of a value in the state after the action, such as `post.refund.id`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(transparent)]
pub struct Output(String);

impl Output {
    /// The JSON pointer to the value in the whole state.
    pub fn pointer(&self) -> String {
        let path = self.0.strip_prefix("post.").unwrap_or_default();
        let steps = path.split('.').map(|step| step.replace('~', "~0").replace('/', "~1"));
        steps.fold(String::new(), |pointer, step| pointer + "/" + &step)
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

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
        let refuse = |why: &str| Err(Fault::at(&output.0, format!("output `{name}` {why}")));
        if !id::is_name(name) {
            return refuse("has an invalid name; use lower-case letters and digits");
        }
        let Some(schema) = schema_at(&states, &output.pointer()) else {
            return refuse("is not a property of a declared state; write `post.STATE.PROPERTY`");
        };
        let state = output.0.split('.').nth(1).and_then(|name| contract.state.get(name));
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
