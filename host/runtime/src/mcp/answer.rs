//! The structured result of a tool that shows an action. The text of the result has the same content, for clients that
//! show a model only the text.

use deed_record::action::id::ActionId;
use deed_record::lifecycle::story::Story;
use deed_record::policy::Verdict;
use deed_record::timeline;
use rmcp::model::{CallToolResult, ContentBlock, JsonObject};
use serde_json::{Value, json};

use super::declared::Declared;
use super::{card, receipt};
use crate::api::view::{SecretView, View};
use crate::http::{self, App};

/// How long a client should wait until it asks again about an action that is in progress.
const POLL_RUNNING_MS: u64 = 1_000;
/// The same for an action that waits for people.
const POLL_WAITING_MS: u64 = 15_000;

/// The result of a call that proposed the action. The call failed if the action ended and was not carried out, or
/// not rehearsed, as intended. `joined` is the id of the action if an earlier call proposed it.
pub(super) fn proposed(
    view: &View,
    declared: Declared,
    joined: Option<&ActionId>,
) -> CallToolResult {
    let mut result = of(view, declared, joined);
    let is_fine = ["verified", "rehearsed"].contains(&view.status.as_str());
    result.is_error = Some(view.outcome.is_some() && !is_fine);
    result
}

/// The result of a call that asked about the action.
pub(super) fn shown(view: &View, declared: Declared) -> CallToolResult {
    of(view, declared, None)
}

fn of(view: &View, declared: Declared, joined: Option<&ActionId>) -> CallToolResult {
    let mut result = CallToolResult::structured(Value::Object(structured(view, joined)));
    result.meta = declared.ui.then(|| card::details(view));
    if view.receipt.is_some() {
        let link = ContentBlock::resource_link(receipt::resource(&view.id));
        result.content.push(link);
    }
    result
}

/// How long a client should wait until it asks again about an open action with this status.
pub(super) fn poll_ms(status: &str) -> u64 {
    if status == "waiting" { POLL_WAITING_MS } else { POLL_RUNNING_MS }
}

/// What happens to an open action at present, in one sentence.
pub(super) fn standing(app: &App, story: &Story) -> String {
    match story.status.word() {
        "waiting" => {
            let page = http::approve_url(app, &story.bound.action.id);
            let page = page.map(|url| format!(" at {url}")).unwrap_or_default();
            format!("The action waits until people approve it{page} ({}).", wanted(story))
        }
        "running" => "The action runs.".to_owned(),
        _ => "The host checks the action.".to_owned(),
    }
}

/// What people still have to do for an action, in words.
pub(super) fn wanted(story: &Story) -> String {
    timeline::missing(&story.open_obligations(), &story.approvals()).join(", ")
}

fn structured(view: &View, joined: Option<&ActionId>) -> JsonObject {
    let mut members = JsonObject::new();
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            members.insert(name.to_owned(), value);
        }
    };
    let is_open = view.outcome.is_none();
    add("action", Some(json!(view.id)));
    add("joined", joined.map(|id| json!(id)));
    add("status", Some(json!(view.status)));
    add("outcome", view.outcome.map(|outcome| json!(outcome)));
    add("why", view.because().map(|reason| json!(reason)));
    add("edit", view.edit.as_ref().map(|edit| json!(edit)));
    add("put_off_until_ms", view.deferrals.iter().map(|one| one.until_ms).max().map(Value::from));
    add("plan", (!view.plan.is_empty()).then(|| json!(view.plan)));
    add("outputs", (!view.outputs.is_empty()).then(|| json!(view.outputs)));
    add("secrets", (!view.secrets.is_empty()).then(|| secrets(view)));
    add("result", view.result.clone());
    add("waits_for", (!view.obligations.is_empty()).then(|| json!(view.obligations)));
    add("approve_url", view.approve_url.as_ref().map(|url| json!(url)));
    add("poll_after_ms", is_open.then(|| json!(poll_ms(&view.status))));
    add("policies", policies(view));
    add("receipt", view.receipt.as_ref().map(|_| json!(receipt::uri(&view.id))));
    members
}

/// The secrets that the upstreams created, such as `secret access_key stored`.
fn secrets(view: &View) -> Value {
    view.secrets.iter().map(SecretView::words).collect::<Vec<_>>().into()
}

/// The policies that denied the action, or that require the approvals for which it waits. None if policy did not deny
/// the action, but a condition of the contract or a person did.
fn policies(view: &View) -> Option<Value> {
    let decision = view.decision.as_ref()?;
    let policies: Vec<&str> = match (view.status.as_str(), decision.verdict) {
        ("denied", Verdict::Deny) => decision.causes(),
        ("waiting", Verdict::Ask) => {
            decision.obligations.iter().map(|one| one.policy.as_str()).collect()
        }
        _ => Vec::new(),
    };
    (!policies.is_empty()).then(|| json!(policies))
}
