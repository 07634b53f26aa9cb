//! Actions as tasks of the extension `io.modelcontextprotocol/tasks`. The id of a task is the id of its action, so a
//! task is as durable as its action, and every action of an agent can be asked about as a task.

use deed_record::action::id::ActionId;
use deed_record::lifecycle::outcome::Outcome;
use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Story;
use deed_record::timeline;
use rmcp::ErrorData;
use rmcp::model::{
    CallToolResponse, CreateTaskResult, DetailedTask, GetTaskResult, JsonObject, MetaObject, Task,
    TaskPayload, TaskStatus,
};
use serde_json::{Value, json};

use super::answer;
use super::context::Call;
use super::declared::Declared;
use super::joins::Joins;
use crate::api::problem::Problem;
use crate::api::view::View;
use crate::engine::StoredAction;
use crate::http::{self, App, Caller};

/// The member of `_meta` with the id of the action that a call joined.
const JOINED: &str = "deed/joined";

/// The response to a call that proposed this action: the task of an open action if the client knows tasks, else the
/// result. `joined` is the id of the action if an earlier call proposed it.
pub(super) fn or_result(
    call: Call<'_>,
    told: StoredAction,
    joined: Option<&ActionId>,
) -> Result<CallToolResponse, Problem> {
    if call.declared.tasks && told.story.concluded().is_none() {
        return Ok(created(task(call.app, &told.story), joined).into());
    }
    let view = http::viewed(call.app, call.caller, told)?;
    Ok(answer::proposed(&view, call.declared, joined).into())
}

/// The new task of a call. A call that joined an action says so in the message and, for programs, in `_meta`.
fn created(mut task: Task, joined: Option<&ActionId>) -> CreateTaskResult {
    let Some(id) = joined else { return CreateTaskResult::new(task) };
    let standing = task.status_message.take().unwrap_or_default();
    let message = format!("This call is part of the action of an earlier call. {standing}");
    let mut created = CreateTaskResult::new(task.with_status_message(message));
    created.meta = Some(MetaObject(JsonObject::from_iter([(JOINED.to_owned(), json!(id))])));
    created
}

/// The state of a task. An action that waits for people is `working`: the client has nothing to contribute, and people
/// answer elsewhere. Every outcome but `cancelled` is `completed`, because the call would have had a result.
pub(super) async fn get(
    app: &App,
    (caller, joins): (&Caller, &Joins),
    declared: Declared,
    id: &str,
) -> Result<GetTaskResult, ErrorData> {
    let told = found(app, caller, id).await?;
    let task = task(app, &told.story);
    let payload = if told.story.status == Status::Ended(Outcome::Cancelled) {
        TaskPayload::Cancelled
    } else if told.story.concluded().is_none() {
        TaskPayload::Working
    } else {
        let view = http::viewed(app, caller, told).map_err(|problem| failed(&problem))?;
        let result = result(&view, declared)?;
        if let Some(answer) = result.get("structuredContent") {
            joins.told(caller, answer);
        }
        TaskPayload::Completed { result }
    };
    Ok(GetTaskResult::new(DetailedTask::new(task, payload)))
}

/// Cancels the action of a task. It may be too late for that; the client learns how the action ended from the task.
pub(super) async fn cancel(app: &App, caller: &Caller, id: &str) -> Result<(), ErrorData> {
    let told = found(app, caller, id).await?;
    let id = &told.story.bound.action.id;
    match http::cancelled(app, caller, id).await {
        Ok(_) => Ok(()),
        Err(problem) if problem.status().is_client_error() => Ok(()),
        Err(problem) => Err(failed(&problem)),
    }
}

/// Accepts responses to requests for input. A task never asks for input, so the responses are ignored, as the extension
/// demands.
pub(super) async fn update(app: &App, caller: &Caller, id: &str) -> Result<(), ErrorData> {
    found(app, caller, id).await.map(drop)
}

/// The action of a task. For a task of another agent, the error is the same as for an unknown task.
async fn found(app: &App, caller: &Caller, id: &str) -> Result<StoredAction, ErrorData> {
    let looked = match http::parse_id(id) {
        Ok(id) => http::looked_at(app, caller, &id, None).await,
        Err(problem) => Err(problem),
    };
    looked.map_err(|problem| {
        if problem.status().is_client_error() {
            ErrorData::invalid_params("there is no such task", None)
        } else {
            failed(&problem)
        }
    })
}

/// The error of the protocol for a problem that is not the client's.
pub(super) fn failed(problem: &Problem) -> ErrorData {
    tracing::debug!(?problem, "a request about an action could not be carried out");
    ErrorData::internal_error("the host cannot do this now", None)
}

/// The part of a task that every state has. The host keeps actions for good, so a task has no time to live.
fn task(app: &App, story: &Story) -> Task {
    let (created, updated) = (time(story.proposed_ms), time(story.at_ms));
    let id = story.bound.action.id.as_str();
    let task = Task::new(id, TaskStatus::Working, created, updated);
    match story.concluded() {
        Some(judged) => task.with_status_message(judged.reason.clone()),
        None => task
            .with_status_message(answer::standing(app, story))
            .with_poll_interval_ms(answer::poll_ms(story.status.word())),
    }
}

/// Unix milliseconds as ISO 8601, such as `2026-11-20T22:07:47Z`.
fn time(at_ms: i64) -> String {
    timeline::utc(at_ms).replacen(' ', "T", 1)
}

/// The result of the call, as the members of a JSON object.
fn result(view: &View, declared: Declared) -> Result<JsonObject, ErrorData> {
    match serde_json::to_value(answer::proposed(view, declared, None)) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(ErrorData::internal_error("the result cannot be shown", None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_iso_8601() {
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
        assert_eq!(time(1_795_212_467_123), "2026-11-20T22:07:47Z");
    }
}
