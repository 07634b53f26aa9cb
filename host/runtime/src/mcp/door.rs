//! The checks of every request before the crate `rmcp` reads it: where it comes from, who sends it, and its body.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::response::{IntoResponse, Response};
use rmcp::transport::streamable_http_server::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;

use super::handler::Handler;
use super::{message, origin};
use crate::api::problem::{OtherProtocol, Problem};
use crate::http::{App, Caller, Payload};

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
    let request = Request::from_parts(head, Body::from(bytes));
    in_their_words(edge.service.handle(request).await.into_response())
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
