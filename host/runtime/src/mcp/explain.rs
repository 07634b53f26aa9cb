//! The tool that explains what a proposal would result in, as `POST /v1/explain` does. Nothing is recorded or sent.

use rmcp::model::{CallToolResult, Tool};
use serde_json::json;

use super::context::Call;
use super::define::{of_host, schema};
use crate::api::problem::Problem;
use crate::api::tools;
use crate::http;

pub(super) const EXPLAIN: &str = "deed_explain";

/// The definition of this tool.
pub(super) fn tool() -> Tool {
    let about = "Explains a proposal without doing it: what policy decides, what would be sent, and what is missing. \
                 Takes the `arguments` of the contract's tool. Conditions on the state are not evaluated.";
    let contract = json!({"type": "string", "minLength": 1});
    let both = json!({"contract": contract, "arguments": {"type": "object"}});
    of_host([EXPLAIN, "Explain a proposal", about], schema(&both, &["contract", "arguments"]), true)
}

/// Explains the proposal that a call of the contract's tool would make.
pub(super) fn answer(call: Call<'_>, asked: &tools::Call) -> Result<CallToolResult, Problem> {
    let body = serde_json::to_vec(&asked.proposal)
        .map_err(|_| Problem::bad_request("the arguments cannot be written as JSON"))?;
    let explained = http::explained(call.app, call.caller, &body)?;
    Ok(CallToolResult::structured(serde_json::to_value(&explained).unwrap_or_default()))
}
