//! Extracts the body of a request, which must be declared as JSON and be within the size limit.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};

use crate::api::problem::Problem;

/// The bytes of a request body, which the handler parses.
#[derive(Debug)]
pub(crate) struct Payload(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Payload {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not JSON",
                "send the body with `Content-Type: application/json`",
            ));
        }
        Ok(Self(Bytes::from_request(request, state).await?))
    }
}

/// Whether there is exactly one `Content-Type` header and it is `application/json`, with no character set other than
/// UTF-8 (RFC 8259 section 8.1).
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (types.next(), types.next()) else { return false };
    let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
    let (media, parameters) = text.split_once(';').unwrap_or((&text, ""));
    media.trim() == "application/json"
        && ["", "charset=utf-8", "charset=\"utf-8\""].contains(&parameters.trim())
}
