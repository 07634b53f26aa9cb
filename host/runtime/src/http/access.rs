//! Callers with an access token of an issuer. Such a caller is an agent, and never a person.

use axum::http::StatusCode;

use super::App;
use super::auth::Caller;
use crate::api::problem::Problem;
use crate::config::Issuer;
use crate::oauth::Refusal;

/// How long a caller should wait whose token could not be checked.
const RETRY_S: u64 = 5;

/// The caller with this access token. Fails for a request whose token is none, or without a token.
pub(super) async fn caller(app: &App, token: Option<&str>) -> Result<Caller, Problem> {
    let live = app.live();
    let Some(issuer) = live.issuers.configured().next() else {
        app.metrics.unauthorized();
        return Err(token.map_or_else(Problem::unauthorized, |_| Problem::unknown_token()));
    };
    let found = match token {
        Some(token) => identified(app, token).await.map_err(Some),
        None => Err(None),
    };
    found.map_err(|refusal| {
        if refusal != Some(Refusal::Unavailable) {
            app.metrics.unauthorized();
        }
        problem(refusal.as_ref(), issuer)
    })
}

async fn identified(app: &App, token: &str) -> Result<Caller, Refusal> {
    let live = app.live();
    let identity = live.issuers.identify(token).await?;
    let caller = live.callers.agent(&identity.tenant, &identity.agent);
    let caller = caller.ok_or(Refusal::NoAgent("the agent of the access token was removed"))?;
    let access = app.engine.access(token, identity.requester, identity.expires_ms);
    Ok(Caller { on_behalf_of: identity.on_behalf_of, access, ..caller })
}

/// The answer to a request without a caller, with what a client needs to get a token (RFC 6750 section 3, RFC 9728
/// section 5.1). All issuers have the same URL of the metadata.
fn problem(refusal: Option<&Refusal>, issuer: &Issuer) -> Problem {
    let metadata = format!("resource_metadata=\"{}\"", issuer.metadata_url());
    let Some(refusal) = refusal else {
        return Problem::unauthorized().challenged(format!("Bearer {metadata}"));
    };
    let detail = refusal.to_string();
    match refusal {
        Refusal::Invalid(what) => {
            let error = format!("error=\"invalid_token\", error_description=\"{what}\"");
            Problem::new(StatusCode::UNAUTHORIZED, "no valid token", detail)
                .challenged(format!("Bearer {error}, {metadata}"))
        }
        Refusal::Scope { required } => {
            let error = format!("error=\"insufficient_scope\", scope=\"{required}\"");
            Problem::forbidden(&detail).challenged(format!("Bearer {error}, {metadata}"))
        }
        Refusal::NoAgent(_) => Problem::forbidden(&detail),
        Refusal::Unavailable => Problem::token_not_checked(&detail, RETRY_S),
    }
}
