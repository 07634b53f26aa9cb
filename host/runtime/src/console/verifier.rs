//! The page that checks bundles in a browser, and the download of a bundle.
//!
//! The page is the same file that `deed verify --html` writes. It shows nothing of the host, so it needs no session.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use deed_verify_cli::html;

use super::desk::Desk;
use super::refusal::Refused;
use super::visitor::Visitor;
use crate::api::problem::Problem;
use crate::http::{Path, attached, bundled, parse_id};

/// The page; `None` if the build has no verifier. Every answer shares its bytes.
static PAGE: LazyLock<Option<Bytes>> = LazyLock::new(|| match html::page() {
    Ok(page) => Some(Bytes::from(page)),
    Err(why) => {
        tracing::debug!(%why, "there is no page that checks bundles");
        None
    }
});

/// The policy that the page itself states, with the directive that only a header can state.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    HeaderValue::from_str(&format!("{}; frame-ancestors 'none'", html::policy()))
        .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"))
});

/// The page is the same for everybody and changes with the release only, so a browser may keep it for an hour.
const PAGE_HEADERS: [(&str, &str); 7] = [
    ("content-type", "text/html; charset=utf-8"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "public, max-age=3600"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-frame-options", "DENY"),
];

/// A bundle has the observed state of the tenant: nothing keeps it, and no other site reads it.
const BUNDLE_HEADERS: [(&str, &str); 5] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cache-control", "no-store"),
    ("cross-origin-resource-policy", "same-origin"),
    ("content-security-policy", "default-src 'none'; sandbox; frame-ancestors 'none'"),
];

pub(super) async fn show() -> Result<Response, Refused> {
    let Some(page) = &*PAGE else { return Err(absent().into()) };
    let mut response = with(page.clone().into_response(), &PAGE_HEADERS);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    Ok(response)
}

/// The bundle of an ended action, with the same bytes as on the route of the API.
pub(super) async fn download(
    State(desk): State<Desk>,
    path: Result<Path<String>, Problem>,
    visitor: Visitor,
) -> Result<Response, Refused> {
    let Path(id) = path?;
    let id = parse_id(&id)?;
    let bytes = bundled(&desk.app, &visitor.caller, &id).await?;
    Ok(with(attached(&id, bytes), &BUNDLE_HEADERS))
}

fn with(mut response: Response, headers: &[(&'static str, &'static str)]) -> Response {
    for &(name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn absent() -> Problem {
    let what =
        "this build of the host has no verifier for browsers; check the bundle with `deed-verify`";
    Problem::new(StatusCode::NOT_FOUND, "not in this build", what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_has_the_policy_of_the_page() {
        let policy = POLICY.to_str().unwrap();
        assert_eq!(policy.strip_suffix("; frame-ancestors 'none'"), Some(&*html::policy()));
    }

    #[test]
    fn the_page_has_the_colors_of_the_console() {
        let colors = |style: &'static str| -> Vec<&'static str> {
            style.lines().map(str::trim).filter(|line| line.starts_with(":root")).collect()
        };
        assert_eq!(colors(html::STYLE), colors(include_str!("style.css")));
    }
}
