//! The structured result of a tool that shows an action. The text of the result has the same content, for clients that
//! show a model only the text.

use rmcp::model::{CallToolResult, ContentBlock, JsonObject};
use serde_json::{Value, json};

use super::receipt;
use crate::api::view::View;

/// How long a client should wait until it asks again about an action that is in progress.
const POLL_RUNNING_MS: u64 = 1_000;
/// The same for an action that waits for people.
const POLL_WAITING_MS: u64 = 15_000;

/// The result of a call that proposed the action. The call failed if the action ended and was not carried out as
/// intended.
pub(super) fn proposed(view: &View) -> CallToolResult {
    let mut result = shown(view);
    result.is_error = Some(view.outcome.is_some() && view.status != "verified");
    result
}

/// The result of a call that asked about the action.
pub(super) fn shown(view: &View) -> CallToolResult {
    let mut result = CallToolResult::structured(Value::Object(structured(view)));
    if view.receipt.is_some() {
        let link = ContentBlock::resource_link(receipt::resource(&view.id));
        result.content.push(link);
    }
    result
}

fn structured(view: &View) -> JsonObject {
    let mut members = JsonObject::new();
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            members.insert(name.to_owned(), value);
        }
    };
    let is_open = view.outcome.is_none();
    let waits = view.status == "waiting";
    add("action", Some(json!(view.id)));
    add("status", Some(json!(view.status)));
    add("outcome", view.outcome.map(|outcome| json!(outcome)));
    add("why", view.reason.as_ref().map(|reason| json!(reason)));
    add("outputs", (!view.outputs.is_empty()).then(|| json!(view.outputs)));
    add("result", view.result.clone());
    add("waits_for", (!view.obligations.is_empty()).then(|| json!(view.obligations)));
    let poll = if waits { POLL_WAITING_MS } else { POLL_RUNNING_MS };
    add("poll_after_ms", is_open.then(|| json!(poll)));
    add("policies", policies(view));
    add("receipt", view.receipt.as_ref().map(|_| json!(receipt::uri(&view.id))));
    members
}

/// The policies that denied the action, or that require the approvals for which it waits.
fn policies(view: &View) -> Option<Value> {
    let concerns = view.status == "denied" || view.status == "waiting";
    let decision = view.decision.as_ref().filter(|_| concerns)?;
    (!decision.determining.is_empty()).then(|| json!(decision.determining))
}
