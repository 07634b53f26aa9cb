//! Refusals as pages, and the way to the page for signing in.

use axum::http::header::{LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::html;

use super::html::{Frame, page};
use super::parts::{link, paragraph};
use super::place::Place;
use super::text::Text;
use crate::api::problem::{Body, Problem};

/// Why a page is not shown.
#[derive(Debug)]
pub(super) enum Refused {
    With(Problem),
    /// Nobody is signed in. Signing in leads to this page.
    SignIn(Place),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::With(problem)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::With(problem) => refusal(problem),
            Self::SignIn(place) => see(&place.through_sign_in()),
        }
    }
}

fn refusal(problem: Problem) -> Response {
    let (status, retry_after) = (problem.status(), problem.retry_after());
    let Body { title, detail, .. } = problem.into_body();
    let content = html! {
        h1 { (title) }
        (paragraph(&Text::new(&detail)))
        p { (link(&Place::inbox(), &"To the inbox")) }
    };
    let mut response = page(status, &Frame::bare(title), &content);
    let headers = response.headers_mut();
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(seconds) = retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// An answer that makes a browser fetch another page, also after a form was sent.
pub(super) fn see(place: &Place) -> Response {
    let content = html! {
        h1 { "Continue" }
        p { (link(place, &"To the page")) }
    };
    let mut response = page(StatusCode::SEE_OTHER, &Frame::bare("Continue"), &content);
    if let Ok(location) = HeaderValue::from_str(&place.address()) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}
