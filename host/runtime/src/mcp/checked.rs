//! The checks of a request that do not depend on its caller: where it comes from, the size and form of its body, and
//! headers that say what the body says.
//!
//! The functions are public so that a server of the tests can stand behind the same checks as the host.

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use super::message;
use crate::api::BODY_MAX;
use crate::http::{Payload, origin};

/// The answer to a request that a check refused.
#[derive(Debug)]
pub struct Refused(Box<Response>);

impl Refused {
    pub(super) fn with(answer: impl IntoResponse) -> Self {
        Self(Box::new(answer.into_response()))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// Checks the headers `Host` and `Origin`.
///
/// # Errors
///
/// Fails if the request comes from a web page on another site, or names the host in a way that another party controls.
pub fn check_origin(headers: &HeaderMap, behind_proxy: bool) -> Result<(), Refused> {
    origin::check(headers, behind_proxy).map_err(Refused::with)
}

/// Reads the body, and returns the request with the same body.
///
/// # Errors
///
/// Fails if the body is too large, is not one message of strict JSON, or differs from the headers that describe it.
pub async fn check_message(request: Request) -> Result<Request, Refused> {
    let (head, body) = request.into_parts();
    let kept = head.clone();
    let mut request = Request::from_parts(head, body);
    DefaultBodyLimit::max(BODY_MAX).apply(&mut request);
    let Payload(bytes) = Payload::from_request(request, &()).await.map_err(Refused::with)?;
    message::check(&kept.headers, &bytes).map_err(Refused::with)?;
    Ok(Request::from_parts(kept, Body::from(bytes)))
}
