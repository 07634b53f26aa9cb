//! The checks of every request before the crate `rmcp` reads it: where it comes from, who sends it, and its body.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use rmcp::transport::streamable_http_server::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::time::Instant;

use super::handler::Handler;
use super::message;
use crate::api::problem::{OtherProtocol, Problem};
use crate::http::{App, Caller, Payload, origin};

/// The state of the route.
#[derive(Clone)]
pub(super) struct Edge {
    pub(super) app: App,
    pub(super) service: StreamableHttpService<Handler, NeverSessionManager>,
}

/// Answers one message of an agent.
pub(super) async fn serve(State(edge): State<Edge>, request: Request) -> Response {
    let (head, bytes) = match admitted(&edge, request).await {
        Ok(admitted) => admitted,
        Err(problem) => return problem.into_response(),
    };
    if let Err(error) = message::check(&head.headers, &bytes) {
        return in_their_words(error.into_response());
    }
    let caller = head.extensions.get::<Caller>().cloned();
    let request = Request::from_parts(head, Body::from(bytes));
    let answer = edge.service.handle(request).await.into_response();
    in_their_words(charged(answer, caller.as_ref()).await)
}

/// The member of an answer that reports an error of the protocol.
#[derive(Deserialize)]
struct Outcome {
    error: Option<IgnoredAny>,
}

/// Charges an error of the protocol to the budget of the caller. The older revisions report it with status 200, which the
/// middleware of all routes does not take for a refusal. The crate has the whole answer in memory already.
async fn charged(answer: Response, caller: Option<&Caller>) -> Response {
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
    if let Some(caller) = caller.filter(|_| is_error && head.status.is_success()) {
        caller.budget.charge(Instant::now());
    }
    Response::from_parts(head, Body::from(bytes))
}

/// The head of a request, with its caller, and its body.
type Admitted = (axum::http::request::Parts, axum::body::Bytes);

/// Checks the origin, the caller and the size of a request. The caller must be an agent, as in every proposal.
async fn admitted(edge: &Edge, request: Request) -> Result<Admitted, Problem> {
    let (mut head, body) = request.into_parts();
    origin::check(&head.headers, edge.app.engine.behind_proxy())?;
    let caller = Caller::from_request_parts(&mut head, &edge.app).await?;
    caller.agent()?;
    let mut kept = head.clone();
    let Payload(bytes) = Payload::from_request(Request::from_parts(head, body), &()).await?;
    kept.extensions.insert(caller);
    Ok((kept, bytes))
}

/// Marks an answer as one of this protocol, so that its errors are not replaced with problem documents.
fn in_their_words(mut response: Response) -> Response {
    response.extensions_mut().insert(OtherProtocol);
    response
}
