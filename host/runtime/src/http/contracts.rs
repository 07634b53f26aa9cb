//! Handlers that list the contracts that the caller may use, and show one contract.

use axum::Json;
use axum::extract::State;

use super::App;
use super::auth::Caller;
use super::extract::Path;
use crate::api::contracts::{Can, ContractList, ContractSummary, GrantedContract};
use crate::api::problem::Problem;
use crate::engine::{EngineError, Reaches};

pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<ContractList>, Problem> {
    let reach = reach_of_agent(&app, &caller).await?;
    let granted = caller.tenant.grants.iter().filter(|(name, _)| {
        // Policy decides about agents only, and a person sees every contract of the tenant.
        reach.as_ref().is_none_or(|reach| reach.may_use(name))
    });
    let contracts = granted.map(|(name, granted)| {
        ContractSummary::new(granted, reach.as_ref().and_then(|reach| reach.get(name)))
    });
    Ok(Json(ContractList { contracts: contracts.collect() }))
}

pub(super) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<GrantedContract>, Problem> {
    let granted = caller.tenant.grants.get(&name).ok_or_else(Problem::no_contract)?;
    let reach = reach_of_agent(&app, &caller).await?;
    let bytes = granted.contract.canonical().map_err(EngineError::from)?;
    let contract = deed_spec::json::parse(&bytes).unwrap_or_default();
    Ok(Json(GrantedContract {
        contract,
        digest: granted.digest,
        adapter: granted.adapter,
        upstreams: granted.upstreams.clone(),
        can: reach.as_ref().and_then(|reach| reach.get(&name)).map(Can::from),
    }))
}

/// What policy says about the contracts before the agent proposes an action.
pub(crate) async fn reach(app: &App, caller: &Caller) -> Result<Reaches, Problem> {
    let (agent, _) = caller.agent()?;
    app.engine.reach(&caller.tenant.name, agent).await.ok_or_else(Problem::unavailable)
}

async fn reach_of_agent(app: &App, caller: &Caller) -> Result<Option<Reaches>, Problem> {
    if caller.is_person() { Ok(None) } else { reach(app, caller).await.map(Some) }
}
