//! The handler that puts a request for approval off for the person who sends it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use deed_record::action::id::ActionId;
use deed_spec::json;

use super::App;
use super::actions::{carried, parse_id, shown};
use super::auth::Caller;
use super::extract::Path;
use super::payload::Payload;
use crate::api::deferral::DeferralWanted;
use crate::api::problem::Problem;

pub(super) async fn defer(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Payload(body): Payload,
) -> Result<Response, Problem> {
    caller.only_as_person("put a request for approval off")?;
    let id = parse_id(&id)?;
    let value = json::parse_exact(&body)
        .map_err(|e| Problem::bad_request(format!("the body is not strict JSON: {e}")))?;
    let wanted: DeferralWanted =
        json::from_exact(value).map_err(|e| Problem::bad_request(format!("the body, {e}")))?;
    deferred(&app, &caller, &id, wanted).await?;
    shown(&app, &caller, caller.told(&app, &id)?)
}

/// Puts a request off for this person. Every way to put one off ends in this function.
pub(crate) async fn deferred(
    app: &App,
    caller: &Caller,
    id: &ActionId,
    wanted: DeferralWanted,
) -> Result<(), Problem> {
    let (engine, by, of) = (Arc::clone(&app.engine), caller.clone(), id.clone());
    let deferring = async move {
        let wanted = (wanted.reason.as_str(), wanted.until_ms);
        Ok(engine.defer(&by.tenant.name, &of, by.name(), wanted).await?)
    };
    carried(deferring).await
}
