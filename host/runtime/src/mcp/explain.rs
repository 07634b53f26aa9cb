//! The tool that explains what a proposal would result in, as `POST /v1/explain` does. Nothing is recorded or sent.
//!
//! With `rehearse`, the tool proposes a dry run instead: an action that is recorded and sends no write.

use deed_record::contract::schema::Violation;
use deed_spec::json as strict;
use rmcp::model::{CallToolResult, JsonObject, Tool};
use serde_json::{Value, json};

use super::context::Call;
use super::define::{of_host, schema};
use crate::api::problem::Problem;
use crate::api::tools;
use crate::http;

pub(super) const EXPLAIN: &str = "deed_explain";
const REHEARSE: &str = "rehearse";

/// The definition of this tool.
pub(super) fn tool() -> Tool {
    let about = "Explains a proposal: what policy decides, what would be sent, what is missing. Takes the `arguments` of \
                 the contract's tool. With `rehearse`, makes a dry run, which also evaluates conditions on the state.";
    let contract = json!({"type": "string", "minLength": 1});
    let arguments = json!({"type": "object"});
    let rehearse = json!({"type": "boolean"});
    let all = json!({"contract": contract, "arguments": arguments, REHEARSE: rehearse});
    of_host([EXPLAIN, "Explain a proposal", about], schema(&all, &["contract", "arguments"]), true)
}

/// Takes `rehearse` out of the arguments of a call; false if the call does not have it.
pub(super) fn rehearse(arguments: &mut JsonObject) -> Result<bool, Problem> {
    match arguments.remove(REHEARSE) {
        None => Ok(false),
        Some(Value::Bool(rehearse)) => Ok(rehearse),
        Some(_) => {
            let (pointer, reason) = (strict::child("", REHEARSE), "must be true or false".into());
            Err(Problem::arguments(vec![Violation { pointer, reason }]))
        }
    }
}

/// Explains the proposal that a call of the contract's tool would make.
pub(super) fn answer(call: Call<'_>, asked: &tools::Call) -> Result<CallToolResult, Problem> {
    let body = serde_json::to_vec(&asked.proposal)
        .map_err(|_| Problem::bad_request("the arguments cannot be written as JSON"))?;
    let explained = http::explained(call.app, call.caller, &body)?;
    Ok(CallToolResult::structured(serde_json::to_value(&explained).unwrap_or_default()))
}
