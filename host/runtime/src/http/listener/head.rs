//! Checks a request before its caller is identified. The parser refuses requests that are not HTTP; these checks refuse
//! requests that a proxy and the host may parse differently, and requests that are too long.

use axum::http::{HeaderMap, Request, StatusCode, Version, header};

use crate::api::BODY_MAX;
use crate::api::problem::Problem;

/// The maximum length of a path with its query. It can be small, because a path and a query contain only ids, names and
/// a few filters.
const TARGET_MAX: usize = 8_192;

/// Checks that a request has exactly one `Host` header (HTTP/1.0 also allows none), a path as its target, and no
/// chunked body. Fails if the request does not meet these conditions, or if the path or the body is too long.
pub(super) fn check<B>(request: &Request<B>) -> Result<(), Problem> {
    let (uri, headers) = (request.uri(), request.headers());
    if uri.authority().is_some() || uri.scheme().is_some() {
        return Err(Problem::bad_request(
            "the request target must be a path, such as `/v1/actions`",
        ));
    }
    if uri.path_and_query().map_or(0, |target| target.as_str().len()) > TARGET_MAX {
        let detail = format!("a path with its query can have at most {TARGET_MAX} bytes");
        return Err(Problem::new(StatusCode::URI_TOO_LONG, "the path is too long", detail));
    }
    let hosts = headers.get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
        return Err(Problem::bad_request("a request must have exactly one `Host` header"));
    }
    body(headers)
}

/// Refuses a chunked body. A chunked request that also has `Content-Length` states two lengths, and parsers disagree
/// about where such a request ends.
fn body(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        let detail = "send the body with `Content-Length` and without `Transfer-Encoding`";
        return Err(Problem::new(StatusCode::LENGTH_REQUIRED, "the body has no length", detail));
    }
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length = length.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    if length > BODY_MAX as u64 {
        return Err(Problem::too_large());
    }
    Ok(())
}
