//! The tool that tells an agent what it may ask for.
//!
//! The host does not evaluate policies without a proposal, so the tool knows only which contracts are granted. Its text
//! says so.

use rmcp::model::{CallToolResult, JsonObject, Tool};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::context::Call;
use super::define::{arguments, of_host, schema};
use super::offer::Offer;
use crate::api::problem::Problem;
use crate::config::Granted;

pub(super) const CAN: &str = "deed_can";

/// Maximum length in bytes of a name in an answer.
const NAME_MAX: usize = 128;

/// What an answer for a granted contract depends on.
const DEPENDS_ON: &str =
    "policy decides on each proposal, from its parameters, sources and the present state";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CanArguments {
    contract: Option<String>,
}

/// The definition of this tool.
pub(super) fn tool() -> Tool {
    let about = "Tells what you may ask for: the contracts that are granted, with their limits and what a proposal \
                 needs. The answer is `depends` for a granted contract and `never` for any other. Policy is not \
                 evaluated here; propose the action to get a decision.";
    let contract = json!({"type": "string", "minLength": 1, "description": "Only this contract."});
    of_host([CAN, "Ask what is possible", about], schema(&json!({"contract": contract}), &[]), true)
}

/// Answers for one contract, or for all contracts that are granted.
pub(super) fn answer(call: Call<'_>, given: JsonObject) -> Result<CallToolResult, Problem> {
    let CanArguments { contract } = arguments(given)?;
    let grants = &call.caller.tenant.grants;
    let contracts: Vec<Value> = match contract {
        None => grants.values().map(|granted| of(call.offer, granted)).collect(),
        Some(name) => {
            vec![grants.get(&name).map_or_else(|| never(call, name), |one| of(call.offer, one))]
        }
    };
    Ok(CallToolResult::structured(json!({"contracts": contracts})))
}

/// The answer for a contract that is not granted. It is charged to the caller like an unknown contract of other routes. A
/// long name is not repeated.
fn never(call: Call<'_>, name: String) -> Value {
    call.caller.budget.charge(Instant::now());
    let name = Some(name).filter(|name| name.len() <= NAME_MAX);
    json!({"contract": name, "answer": "never"})
}

fn of(offer: &Offer, granted: &Granted) -> Value {
    let head = &granted.contract.action;
    json!({
        "contract": head.name,
        "tool": offer.tool(&head.name).map(|tool| &tool.name),
        "title": head.title,
        "answer": "depends",
        "depends_on": DEPENDS_ON,
        "verb": head.verb,
        "mode": head.mode,
        "effect": head.effect,
        "resource": head.resource,
        "sources": granted.contract.evidence.sources,
        "limits": granted.contract.limits
    })
}
