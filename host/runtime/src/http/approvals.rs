//! Handlers for the approval request that an approver is shown, and for the signed answer.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use deed_record::action::id::ActionId;
use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Story;
use deed_record::statement::approval::ApprovalRequest;
use deed_spec::dsse::Envelope;
use deed_spec::json;

use super::App;
use super::actions::{answer as answered, carried, parse_id};
use super::auth::Caller;
use super::extract::Path;
use super::payload::Payload;
use crate::api::problem::Problem;
use crate::engine::{DriverHandle, EngineError};
use crate::shown::signed_text;
use crate::stage::approval;

pub(super) async fn request(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<ApprovalRequest>, Problem> {
    caller.only_as_person("approve")?;
    let story = caller.story(&app, &parse_id(&id)?)?;
    let now_ms = app.engine.latest_ms();
    let mut request = requested(&caller, &story, now_ms)?.ok_or_else(not_waiting)?;
    if approval::may_use_passkey(&caller.tenant, caller.name(), &story, now_ms) {
        // Without the text, no passkey can answer. The client finds the reason when it checks the request.
        request.shown = signed_text::text(&request, caller.name()).ok();
    }
    Ok(Json(request))
}

/// What this person is asked to sign; `None` if the action does not wait for approval.
pub(crate) fn requested(
    caller: &Caller,
    story: &Story,
    now_ms: i64,
) -> Result<Option<ApprovalRequest>, Problem> {
    let granted = caller.tenant.grants.get(&story.bound.action.contract.name);
    let (Status::Waiting, Some(granted)) = (story.status, granted) else { return Ok(None) };
    let story = (story, now_ms);
    let request = approval::request(&caller.tenant, caller.name(), &granted.contract, story);
    Ok(request.map_err(EngineError::from)?)
}

pub(super) async fn answer(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Payload(body): Payload,
) -> Result<Response, Problem> {
    caller.only_as_person("approve")?;
    let id = parse_id(&id)?;
    let waiting = submitted(&app, &caller, &id, envelope(&body)?).await?;
    answered(&app, &caller, &id, waiting.to_rest(), None).await
}

/// Passes a signed answer to the engine. Every way to send an answer ends in this function.
pub(crate) async fn submitted(
    app: &App,
    caller: &Caller,
    id: &ActionId,
    envelope: Envelope,
) -> Result<DriverHandle, Problem> {
    let (engine, by, of) = (Arc::clone(&app.engine), caller.clone(), id.clone());
    let answering = async move {
        Ok(engine.answer(&by.tenant.name, &of, envelope, signed_text::digest).await?)
    };
    carried(answering).await
}

/// Parses a body as an envelope. Fails when it is not strict JSON or not a DSSE envelope.
pub(super) fn envelope(body: &[u8]) -> Result<Envelope, Problem> {
    let value = json::parse_exact(body)
        .map_err(|e| Problem::bad_request(format!("the body is not strict JSON: {e}")))?;
    json::from_exact(value)
        .map_err(|e| Problem::bad_request(format!("the body is not a DSSE envelope: {e}")))
}

/// The refusal if no approval is requested.
pub(crate) fn not_waiting() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "no approval is requested",
        "this action does not wait for approval now",
    )
}
