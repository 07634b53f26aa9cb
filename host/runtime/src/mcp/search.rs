//! The three tools for agents with many contracts: to find a contract, to describe it, and to propose an action under
//! it. A contract under which policy denies every action of the agent is neither found nor described.

use rmcp::model::{CallToolResult, JsonObject, Tool};
use serde::Deserialize;
use serde_json::{Value, json};

use super::context::Call;
use super::define::{arguments, definition, of_host, schema, within};
use crate::api::problem::Problem;
use crate::config::Granted;
use crate::http;

pub(super) const FIND: &str = "deed_find";
pub(super) const DESCRIBE: &str = "deed_describe";
pub(super) const PROPOSE: &str = "deed_propose";
/// The pointer to the arguments of the contract's tool in a call of [`PROPOSE`].
pub(super) const ARGUMENTS: &str = "/arguments";

const FOUND_DEFAULT: u64 = 10;
const FOUND_MAX: u64 = 50;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FindArguments {
    #[serde(default)]
    query: String,
    limit: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DescribeArguments {
    contract: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProposeArguments {
    contract: String,
    #[serde(default)]
    arguments: JsonObject,
}

/// The definitions of these tools.
pub(super) fn tools() -> Vec<Tool> {
    let find = "Finds contracts, which are kinds of actions, by the words of their name or title.";
    let describe = "Describes a contract: what it does, and the JSON Schema of the arguments for deed_propose.";
    let propose = "Proposes an action under a contract. deed_describe shows the arguments. Returns within 20 seconds; \
                   people may have to approve the action.";
    let text = json!({"type": "string", "minLength": 1});
    let limit = json!({"type": "integer", "minimum": 1, "maximum": FOUND_MAX});
    let query = json!({"query": {"type": "string"}, "limit": limit});
    let both = json!({"contract": text, "arguments": {"type": "object"}});
    vec![
        of_host(
            [DESCRIBE, "Describe a contract", describe],
            schema(&json!({"contract": text}), &["contract"]),
            true,
        ),
        of_host([FIND, "Find contracts", find], schema(&query, &[]), true),
        of_host(
            [PROPOSE, "Propose an action", propose],
            schema(&both, &["contract", "arguments"]),
            false,
        ),
    ]
}

/// Finds contracts.
pub(super) async fn find(call: Call<'_>, given: JsonObject) -> Result<CallToolResult, Problem> {
    let FindArguments { query, limit } = arguments(given)?;
    let reach = http::reach(call.app, call.caller).await?;
    let most = within("limit", limit.unwrap_or(FOUND_DEFAULT), &(1..=FOUND_MAX))?;
    let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    let matching = call.offer.contracts.iter().filter(|tool| {
        let text = format!("{} {}", tool.contract, tool.title).to_lowercase();
        words.iter().all(|word| text.contains(word.as_str())) && reach.may_use(&tool.contract)
    });
    let all: Vec<Value> = matching
        .map(
            |tool| json!({"contract": tool.contract, "title": tool.title, "reads": tool.read_only}),
        )
        .collect();
    let shown = all.len().min(usize::try_from(most).unwrap_or(usize::MAX));
    let more = all.len() - shown;
    let contracts: Vec<Value> = all.into_iter().take(shown).collect();
    Ok(CallToolResult::structured(json!({"contracts": contracts, "more": more})))
}

/// Describes the tool of a contract.
pub(super) async fn describe(call: Call<'_>, given: JsonObject) -> Result<CallToolResult, Problem> {
    let DescribeArguments { contract } = arguments(given)?;
    let reach = http::reach(call.app, call.caller).await?;
    let granted = call.offer.granted(&call.caller.tenant, &contract);
    let tool = granted.and_then(|granted| call.offer.tool(&granted.contract.action.name));
    let tool = tool.filter(|tool| reach.may_use(&tool.contract));
    let tool = tool.ok_or_else(Problem::no_contract)?;
    let described = serde_json::to_value(definition(tool)).unwrap_or_default();
    Ok(CallToolResult::structured(json!({"contract": tool.contract, "tool": described})))
}

/// The contract and the arguments of a proposal. As in the other tools, the contract may be named by its tool.
pub(super) fn proposal(
    call: Call<'_>,
    given: JsonObject,
) -> Result<(&Granted, JsonObject), Problem> {
    let ProposeArguments { contract, arguments: inner } = arguments(given)?;
    let granted = call.offer.granted(&call.caller.tenant, &contract);
    Ok((granted.ok_or_else(Problem::no_contract)?, inner))
}
