//! The tools for the agent's own actions: to ask about one, to list them and to cancel one. No tool of the host
//! approves, denies, resolves or changes an action.

use std::time::Duration;

use deed_record::lifecycle::status::Status;
use rmcp::model::{CallToolResult, JsonObject, Tool};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::answer;
use super::context::{Call, WAIT_MAX};
use super::define::{arguments, of_host, schema, within};
use super::watch::{self, Until};
use crate::api::listing::ActionList;
use crate::api::problem::Problem;
use crate::http;

pub(super) const STATUS: &str = "deed_status";
pub(super) const LIST: &str = "deed_list";
pub(super) const CANCEL: &str = "deed_cancel";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusArguments {
    action: String,
    #[serde(default)]
    wait_s: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListArguments {
    status: Option<String>,
    resource: Option<String>,
    limit: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CancelArguments {
    action: String,
}

/// The definitions of these tools.
pub(super) fn tools() -> Vec<Tool> {
    let status =
        "Shows one of your actions. With wait_s, waits at most this many seconds for its end.";
    let list = "Lists your actions, newest first, also by status or resource.";
    let cancel = "Cancels one of your actions that has not sent anything yet.";
    let wait = json!({"type": "integer", "minimum": 0, "maximum": WAIT_MAX.as_secs()});
    let limit = json!({"type": "integer", "minimum": 1, "maximum": 500});
    let text = json!({"type": "string", "minLength": 1});
    let word = json!({"type": "string", "enum": Status::WORDS});
    vec![
        of_host(
            [CANCEL, "Cancel an action", cancel],
            schema(&json!({"action": text}), &["action"]),
            false,
        ),
        of_host(
            [LIST, "List actions", list],
            schema(&json!({"status": word, "resource": text, "limit": limit}), &[]),
            true,
        ),
        of_host(
            [STATUS, "Show an action", status],
            schema(&json!({"action": text, "wait_s": wait}), &["action"]),
            true,
        ),
    ]
}

/// Shows an action. An action that waits for people does not end the wait, because a model would only ask again.
pub(super) async fn status(call: Call<'_>, given: JsonObject) -> Result<CallToolResult, Problem> {
    let StatusArguments { action, wait_s } = arguments(given)?;
    let wait_s = within("wait_s", wait_s, &(0..=WAIT_MAX.as_secs()))?;
    let id = http::parse_id(&action)?;
    let end = Instant::now() + Duration::from_secs(wait_s);
    let told = http::looked_at(call.app, call.caller, &id, None).await?;
    let told = watch::follow(call, told, Until::Ends, end).await?;
    Ok(answer::shown(&http::viewed(call.app, call.caller, told)?, call.declared))
}

/// Lists the agent's actions.
pub(super) async fn list(call: Call<'_>, given: JsonObject) -> Result<CallToolResult, Problem> {
    let ListArguments { status, resource, limit } = arguments(given)?;
    let limit = limit.map(|limit| limit.to_string());
    let filters = [("status", status), ("resource", resource), ("limit", limit)];
    let filters = filters.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let listed = http::listed(call.app, call.caller, filters.collect()).await?;
    // The tool has no argument for the next part.
    let actions = ActionList { next: None, ..listed };
    let listed = serde_json::to_value(&actions).unwrap_or_default();
    Ok(CallToolResult::structured(listed))
}

/// Cancels an action.
pub(super) async fn cancel(call: Call<'_>, given: JsonObject) -> Result<CallToolResult, Problem> {
    let CancelArguments { action } = arguments(given)?;
    let id = http::parse_id(&action)?;
    let told = http::cancelled(call.app, call.caller, &id).await?;
    Ok(answer::shown(&http::viewed(call.app, call.caller, told)?, call.declared))
}
