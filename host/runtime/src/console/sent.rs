//! What the script of a page sends and gets: JSON, and in a session with the token of the session's forms.

use axum::Json;
use axum::extract::{FromRequest as _, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use deed_spec::json;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::desk::Desk;
use super::visitor::sender;
use crate::api::problem::Problem;
use crate::http::{Caller, Payload};

/// A body that carries the token of the session's forms.
pub(super) trait Sent: DeserializeOwned {
    fn form_token(&self) -> &str;
}

/// The body of a request and the person of its session. A request of another site, without a session, or without the
/// token of the session's forms is refused.
pub(super) async fn by_session<T: Sent>(
    desk: &Desk,
    request: Request,
) -> Result<(Caller, T), Problem> {
    let (parts, body) = request.into_parts();
    let found = sender(desk, &parts)?.ok_or_else(over)?;
    let Payload(bytes) = Payload::from_request(Request::from_parts(parts, body), desk).await?;
    let sent: T = parsed(&bytes)?;
    found.check_form(sent.form_token())?;
    Ok((found.caller, sent))
}

/// The value of a body in strict JSON.
pub(super) fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let value = json::parse_exact(bytes)
        .map_err(|e| Problem::bad_request(format!("the body is not strict JSON: {e}")))?;
    json::from_value(value).map_err(|e| Problem::bad_request(format!("the body, {e}")))
}

/// The refusal of a request without a session.
pub(super) fn over() -> Problem {
    let detail = "your session is over; sign in again";
    Problem::new(StatusCode::UNAUTHORIZED, "no session", detail)
}

/// An answer for the script of a page, which no other site can use and nothing keeps.
pub(super) fn answer<T: Serialize>(value: T) -> Response {
    let mut response = Json(value).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    response
}
