//! Handlers that list the contracts that the caller may use, and show one contract.

use axum::Json;
use axum::extract::State;

use super::App;
use super::auth::Caller;
use super::extract::Path;
use crate::api::contracts::{ContractList, ContractSummary, GrantedContract};
use crate::api::problem::Problem;
use crate::engine::EngineError;

pub(super) async fn list(State(_): State<App>, caller: Caller) -> Json<ContractList> {
    Json(ContractList {
        contracts: caller.tenant.grants.values().map(ContractSummary::from).collect(),
    })
}

pub(super) async fn show(
    State(_): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<GrantedContract>, Problem> {
    let granted = caller.tenant.grants.get(&name).ok_or_else(Problem::no_contract)?;
    let bytes = granted.contract.canonical().map_err(EngineError::from)?;
    let contract = deed_spec::json::parse(&bytes).unwrap_or_default();
    Ok(Json(GrantedContract {
        contract,
        digest: granted.digest,
        adapter: granted.adapter,
        upstreams: granted.upstreams.clone(),
    }))
}
