//! The tool that tells an agent what it may ask for, and on what that depends.
//!
//! The answers name policies by their ids, and facts by their names. They never have the text of a policy.

use deed_record::policy::NOT_PERMITTED;
use rmcp::model::{CallToolResult, JsonObject, Tool};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::context::Call;
use super::define::{arguments, object, of_host, schema};
use super::offer::Offer;
use crate::api::contracts::{Can, CanAnswer};
use crate::api::problem::Problem;
use crate::config::Granted;
use crate::engine::Reaches;
use crate::http;

pub(super) const CAN: &str = "deed_can";

/// Maximum length in bytes of a name in an answer.
const NAME_MAX: usize = 128;
/// The reason is the same for an unknown contract and for one that is not granted.
const NOT_GRANTED: &str = "no such contract is granted to you; call deed_can without arguments";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CanArguments {
    /// The name of a contract or of its tool.
    contract: Option<String>,
}

/// The definition of this tool.
pub(super) fn tool() -> Tool {
    let about = "Tells what you may ask for: the contracts, their limits and what a proposal needs. Policy denies \
                 every proposal (`never`, by the policies in `because`), none (`always`), or some, by the facts in \
                 `depends_on`. `approval` has the approvals that an action needs.";
    let contract = json!({"type": "string", "minLength": 1, "description": "A contract or tool."});
    of_host([CAN, "Ask what is possible", about], schema(&json!({"contract": contract}), &[]), true)
}

/// Answers for one contract, or for all contracts that are granted.
pub(super) async fn answer(call: Call<'_>, given: JsonObject) -> Result<CallToolResult, Problem> {
    let CanArguments { contract } = arguments(given)?;
    let reach = http::reach(call.app, call.caller).await?;
    let tenant = &call.caller.tenant;
    let contracts: Vec<Value> = match contract {
        None => tenant.grants.values().map(|granted| of(call.offer, granted, &reach)).collect(),
        Some(name) => match call.offer.granted(tenant, &name) {
            Some(granted) => vec![of(call.offer, granted, &reach)],
            None => vec![not_granted(call, name)],
        },
    };
    Ok(CallToolResult::structured(json!({"contracts": contracts})))
}

/// The answer for a contract that is not granted. It is charged to the caller like an unknown contract of other routes.
/// A long name is not repeated.
fn not_granted(call: Call<'_>, name: String) -> Value {
    call.caller.budget.charge(Instant::now());
    let name = Some(name).filter(|name| name.len() <= NAME_MAX);
    json!({"contract": name, "answer": "never", "why": NOT_GRANTED})
}

fn of(offer: &Offer, granted: &Granted, reach: &Reaches) -> Value {
    let head = &granted.contract.action;
    let can = reach.get(&head.name).map(Can::from);
    let mut members = object(json!({
        "contract": head.name,
        "tool": offer.tool(&head.name).map(|tool| &tool.name),
        "title": head.title,
        "answer": can.as_ref().map_or(CanAnswer::Depends, |can| can.answer),
        "verb": head.verb,
        "mode": head.mode,
        "effect": head.effect,
        "resource": head.resource,
        "sources": granted.contract.evidence.sources,
        "limits": granted.contract.limits
    }));
    if let Some(can) = can {
        members.extend(reasons(can));
    }
    Value::Object(members)
}

/// Why policy gives this answer.
fn reasons(can: Can) -> JsonObject {
    let Can { answer, depends_on, policies, approval } = can;
    let reasons = match answer {
        CanAnswer::Never if policies.is_empty() => {
            json!({"because": policies, "why": NOT_PERMITTED})
        }
        CanAnswer::Never => json!({"because": policies, "why": "policy forbids every action"}),
        CanAnswer::Depends => {
            json!({"depends_on": depends_on, "policies": policies, "approval": approval})
        }
        CanAnswer::Always => json!({"approval": approval}),
    };
    object(reasons)
}
