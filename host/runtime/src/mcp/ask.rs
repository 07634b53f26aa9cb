//! Asks the user of a client to open the page of an action that waits for approval, if the client can open pages.
//!
//! Nothing is decided here. That the user opened the page is no approval; the host learns of approvals from the signed
//! answers in its own store.

use deed_record::lifecycle::story::Story;
use rmcp::ErrorData;
use rmcp::model::{
    CallToolResponse, ElicitRequest, ElicitRequestParams, InputRequest, InputRequests,
    InputRequiredResult, InputResponses, JsonObject,
};
use serde_json::Value;
use tokio::time::Instant;

use super::context::Call;
use super::watch::{self, Until};
use super::{answer, request_state, task};
use crate::api::problem::Problem;
use crate::engine::StoredAction;
use crate::http;

/// The key of the request for input, and of the response to it.
const KEY: &str = "approval";

/// A call that a client repeats with its response to a request for input.
#[derive(Debug)]
pub(super) struct Retry {
    state: String,
    responses: InputResponses,
}

/// Asks the user to open the page of an action that waits; `None` if there is no such page. `joined` says whether an
/// earlier call proposed the action.
pub(super) fn to_open(
    call: Call<'_>,
    (story, joined): (&Story, bool),
    tool: &str,
    arguments: &JsonObject,
) -> Option<InputRequiredResult> {
    let url = http::approve_url(call.app, &story.bound.action.id)?;
    let state = request_state::of(story, tool, arguments, joined)?;
    let message = message(story);
    // The crate always writes `elicitationId`, which this revision of the protocol does not have.
    let elicitation_id = String::new();
    let page =
        ElicitRequestParams::UrlElicitationParams { meta: None, message, url, elicitation_id };
    let request = InputRequest::Elicitation(ElicitRequest::new(page));
    let requests = InputRequests::from([(KEY.to_owned(), request)]);
    Some(InputRequiredResult::new(Some(requests), Some(state)))
}

fn message(story: &Story) -> String {
    let action = &story.bound.action;
    format!(
        "{} on {} waits until people approve it ({}). The page shows the action. Opening the page approves nothing.",
        action.contract.name,
        action.resource,
        answer::wanted(story)
    )
}

/// The retry that a request is, if it is one. A response without the state would be taken for a new call, so it is
/// refused.
pub(super) fn retry(
    state: Option<String>,
    responses: Option<InputResponses>,
) -> Result<Option<Retry>, ErrorData> {
    let responses = responses.unwrap_or_default();
    match state {
        Some(state) => Ok(Some(Retry { state, responses })),
        None if responses.is_empty() => Ok(None),
        None => {
            let what = "`inputResponses` needs the `requestState` of the result that it answers";
            Err(ErrorData::invalid_params(what, None))
        }
    }
}

/// Continues a call that the client retries. This never proposes an action, and never asks again.
pub(super) async fn resume(
    call: Call<'_>,
    tool: &str,
    arguments: &JsonObject,
    retry: &Retry,
) -> Result<CallToolResponse, ErrorData> {
    let (told, joined) = named(call, tool, arguments, &retry.state).await?;
    let joined = joined.then(|| told.story.bound.action.id.clone());
    let now = Instant::now();
    let end = if is_opened(&retry.responses)? { now + call.patience() } else { now };
    let told = watch::follow(call, told, Until::Ends, end).await;
    let response = told.and_then(|told| task::or_result(call, told, joined.as_ref()));
    response.map_err(|problem| task::failed(&problem))
}

/// The action that a state names, and whether the call joined it. For an action of another agent, and for a state that
/// was made for another call, the error is the same as for an unknown action.
async fn named(
    call: Call<'_>,
    tool: &str,
    arguments: &JsonObject,
    state: &str,
) -> Result<(StoredAction, bool), ErrorData> {
    let unknown = || ErrorData::invalid_params("`requestState` does not belong to this call", None);
    let id = request_state::action(state).ok_or_else(unknown)?;
    let told = http::looked_at(call.app, call.caller, &id, None).await;
    let told = told.map_err(|problem: Problem| {
        if problem.status().is_client_error() { unknown() } else { task::failed(&problem) }
    })?;
    let joined = request_state::joined(state, &told.story, tool, arguments);
    Ok((told, joined.ok_or_else(unknown)?))
}

/// Whether the user opened the page. A response that is missing counts as one that was declined, because the call does
/// not need it. Responses to other keys are ignored.
fn is_opened(responses: &InputResponses) -> Result<bool, ErrorData> {
    let Some(response) = responses.get(KEY) else { return Ok(false) };
    match response.get("action").and_then(Value::as_str) {
        Some("accept") => Ok(true),
        Some("decline" | "cancel") => Ok(false),
        _ => {
            let what =
                "the response `approval` must have an `action`: `accept`, `decline` or `cancel`";
            Err(ErrorData::invalid_params(what, None))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn responses(value: Value) -> InputResponses {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn only_an_accepted_page_is_waited_for() {
        for (given, expected) in [
            (json!({}), Some(false)),
            (json!({"other": {"action": "accept"}}), Some(false)),
            (json!({"approval": {"action": "accept"}}), Some(true)),
            (json!({"approval": {"action": "accept", "content": {"approves": true}}}), Some(true)),
            (json!({"approval": {"action": "decline"}}), Some(false)),
            (json!({"approval": {"action": "cancel"}}), Some(false)),
            (json!({"approval": {"action": "approve"}}), None),
            (json!({"approval": {}}), None),
            (json!({"approval": "accept"}), None),
        ] {
            assert_eq!(is_opened(&responses(given.clone())).ok(), expected, "{given}");
        }
    }

    #[test]
    fn a_response_needs_the_state_that_it_answers() {
        let some = || Some(responses(json!({"approval": {"action": "accept"}})));
        assert!(retry(None, None).unwrap().is_none());
        assert!(retry(None, Some(InputResponses::new())).unwrap().is_none());
        assert!(retry(Some("a".to_owned()), None).unwrap().is_some());
        assert!(retry(Some("a".to_owned()), some()).unwrap().is_some());
        assert!(retry(None, some()).is_err());
    }
}
