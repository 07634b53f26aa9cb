//! The checks of every request before the crate `rmcp` reads it: where it comes from, who sends it, and its body.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use rmcp::transport::streamable_http_server::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::time::Instant;

use super::checked::{Refused, check_message, check_origin};
use super::handler::Handler;
use crate::api::problem::OtherProtocol;
use crate::http::{App, Caller};

/// The state of the route.
#[derive(Clone)]
pub(super) struct Edge {
    pub(super) app: App,
    pub(super) service: StreamableHttpService<Handler, NeverSessionManager>,
}

/// Answers one message of an agent.
pub(super) async fn serve(State(edge): State<Edge>, request: Request) -> Response {
    let (request, caller) = match admitted(&edge, request).await {
        Ok(admitted) => admitted,
        Err(refused) => return refused.into_response(),
    };
    let answer = match check_message(request).await {
        Ok(request) => edge.service.handle(request).await.into_response(),
        Err(refused) => refused.into_response(),
    };
    in_their_words(charged(answer, &caller).await)
}

/// The member of an answer that reports an error of the protocol.
#[derive(Deserialize)]
struct Outcome {
    error: Option<IgnoredAny>,
}

/// Charges an error of the protocol to the budget of the caller. The older revisions report it with status 200, which the
/// middleware of all routes does not take for a refusal. The crate has the whole answer in memory already.
async fn charged(answer: Response, caller: &Caller) -> Response {
    let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    // A stream of events has no end that the host could wait for.
    if !kind.is_some_and(|kind| kind.starts_with("application/json")) {
        return answer;
    }
    let (head, body) = answer.into_parts();
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let is_error = serde_json::from_slice(&bytes).is_ok_and(|one: Outcome| one.error.is_some());
    if is_error && head.status.is_success() {
        caller.budget.charge(Instant::now());
    }
    Response::from_parts(head, Body::from(bytes))
}

/// Checks the origin and the caller of a request before its body is read. The caller must be an agent, as in every
/// proposal. The methods of the protocol find the caller in the extensions of the request.
async fn admitted(edge: &Edge, request: Request) -> Result<(Request, Caller), Refused> {
    let (mut head, body) = request.into_parts();
    check_origin(&head.headers, edge.app.engine.behind_proxy())?;
    let caller = Caller::from_request_parts(&mut head, &edge.app).await.map_err(Refused::with)?;
    caller.agent().map_err(Refused::with)?;
    head.extensions.insert(caller.clone());
    Ok((Request::from_parts(head, body), caller))
}

/// Marks an answer as one of this protocol, so that its errors are not replaced with problem documents.
fn in_their_words(mut response: Response) -> Response {
    response.extensions_mut().insert(OtherProtocol);
    response
}
