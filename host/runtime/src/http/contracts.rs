//! What this principal may ask for, and under what constraints.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::App;
use super::auth::Caller;
use super::extract::Path;
use crate::api::problem::Problem;
use crate::config::Granted;
use crate::engine::LedgerError;

pub(super) async fn list(State(_): State<App>, caller: Caller) -> Json<Value> {
    let contracts: Vec<Value> = caller.tenant.grants.values().map(brief).collect();
    Json(json!({ "contracts": contracts }))
}

pub(super) async fn show(
    State(_): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let granted = caller.tenant.grants.get(&name).ok_or_else(Problem::no_contract)?;
    let bytes = granted.contract.canonical().map_err(LedgerError::from)?;
    let contract = deed_spec::json::parse(&bytes).unwrap_or_default();
    Ok(Json(json!({
        "contract": contract,
        "digest": granted.digest,
        "adapter": granted.adapter,
        "upstreams": granted.upstreams,
    })))
}

fn brief(granted: &Granted) -> Value {
    let head = &granted.contract.action;
    json!({
        "name": head.name, "version": head.version, "title": head.title, "verb": head.verb,
        "mode": head.mode, "effect": head.effect, "resource": head.resource, "digest": granted.digest,
        "params": granted.contract.params_schema(),
        "sources": granted.contract.evidence.sources,
    })
}
