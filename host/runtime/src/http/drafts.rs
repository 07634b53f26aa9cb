//! The handler with which an approver proposes a changed version of a waiting action.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use deed_record::action::id::ActionId;
use deed_spec::json;

use super::App;
use super::actions::{WAIT_DEFAULT, carried, parse_id, rested, shown};
use super::auth::Caller;
use super::extract::Path;
use super::payload::Payload;
use crate::api::draft::DraftWanted;
use crate::api::problem::Problem;
use crate::engine::{Accepted, StoredAction};
use crate::stage::approval::edit::Draft;
use crate::stage::contract::BindFault;

pub(super) async fn edit(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Payload(body): Payload,
) -> Result<Response, Problem> {
    caller.only_as_person("propose a changed version of an action")?;
    let id = parse_id(&id)?;
    let told = drafted(&app, &caller, &id, parse(&body)?).await?;
    shown(&app, &caller, told)
}

/// Proposes a changed version of an action for this person, and waits until it has ended or waits for people. Every way
/// to change an action ends in this function.
pub(crate) async fn drafted(
    app: &App,
    caller: &Caller,
    id: &ActionId,
    wanted: DraftWanted,
) -> Result<StoredAction, Problem> {
    let DraftWanted { params, intent, sources } = wanted;
    let draft = Draft { params, intent, sources };
    let (engine, by, of) = (Arc::clone(&app.engine), caller.clone(), id.clone());
    let editing = async move { Ok(engine.edit(&by.tenant.name, &of, by.name(), draft).await?) };
    let Accepted { id, waiting } = carried(editing).await?;
    let rest = async {
        match waiting {
            Some(waiting) => waiting.to_rest().await,
            None => app.engine.at_rest(&id).await.ok(),
        }
    };
    rested(app, &id, rest, WAIT_DEFAULT).await
}

fn parse(body: &[u8]) -> Result<DraftWanted, BindFault> {
    Ok(json::from_value(json::parse_exact(body)?)?)
}
