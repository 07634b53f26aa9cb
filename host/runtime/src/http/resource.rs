//! Serves the document that tells clients which issuers' tokens the host accepts (RFC 9728).

use axum::Json;
use axum::extract::State;

use super::App;
use crate::api::problem::Problem;
use crate::api::resource::ProtectedResource;
use crate::config::Issuer;

pub(super) async fn metadata(State(app): State<App>) -> Result<Json<ProtectedResource>, Problem> {
    let live = app.live();
    let issuers: Vec<&Issuer> = live.issuers.configured().collect();
    // All issuers have the same audience.
    let resource = issuers.first().ok_or_else(Problem::not_found)?.audience.clone();
    let mut scopes: Vec<String> = issuers.iter().filter_map(|one| one.scope.clone()).collect();
    scopes.sort();
    scopes.dedup();
    let servers = issuers.iter().map(|one| one.url.clone()).collect();
    Ok(Json(ProtectedResource::new(resource, servers, scopes)))
}
