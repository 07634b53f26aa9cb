//! Handlers for the resolution request that an operator is shown, and for the signed resolution.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use deed_record::statement::resolution_request::ResolutionRequest;

use super::App;
use super::actions::{answer, carried, parse_id};
use super::approvals::envelope;
use super::auth::Caller;
use super::extract::Path;
use super::payload::Payload;
use crate::api::problem::Problem;

pub(super) async fn request(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<ResolutionRequest>, Problem> {
    caller.only_as_person("resolve")?;
    let story = caller.story(&app, &parse_id(&id)?)?;
    let request = app.engine.resolution_request(caller.name(), &story);
    request.map(Json).ok_or_else(|| {
        let detail = "this action does not wait for a resolution";
        Problem::new(StatusCode::CONFLICT, "nothing is open", detail)
    })
}

pub(super) async fn resolve(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Payload(body): Payload,
) -> Result<Response, Problem> {
    caller.only_as_person("resolve")?;
    let id = parse_id(&id)?;
    let envelope = envelope(&body)?;
    let (engine, by, of) = (Arc::clone(&app.engine), caller.clone(), id.clone());
    let resolving = async move { Ok(engine.resolve(&by.tenant.name, &of, envelope).await?) };
    let waiting = carried(resolving).await?;
    answer(&app, &caller, &id, waiting.to_rest(), None).await
}
