//! Identifies the person who reads a page, and makes refusals that a browser shows.

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::auth::Caller;
use super::super::{App, origin};
use super::html::{self, Html};
use crate::api::problem::{Body, Problem};

/// What a browser needs to ask for a name and a token (RFC 7617).
const CHALLENGE: &str = "Basic realm=\"deed\", charset=\"UTF-8\"";

/// A person who reads a page. A browser sends the person's name and token as Basic credentials, also with requests that
/// the person did not intend, so only routes that change nothing may use this extractor.
#[derive(Debug)]
pub(crate) struct Reader(pub(crate) Caller);

/// A refusal as a page.
#[derive(Debug)]
pub(crate) struct Refused(Problem);

impl FromRequestParts<App> for Reader {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        origin::check(&parts.headers, app.engine.behind_proxy())?;
        let user = take_user(&mut parts.headers);
        // A person has a token of the host's own, and no issuer may see what a person types.
        let caller = Caller::known(parts, app).ok_or_else(|| unauthorized(app))?;
        let caller = caller.admitted(parts)?;
        if user.is_some_and(|user| user != caller.name()) {
            return Err(unauthorized(app).into());
        }
        if !caller.is_person() {
            let what = "this page is for people; an agent reads its actions with its own tools, and cannot approve";
            return Err(Problem::forbidden(what).into());
        }
        Ok(Self(caller))
    }
}

fn unauthorized(app: &App) -> Problem {
    app.metrics.unauthorized();
    Problem::unauthorized()
}

/// Replaces Basic credentials with the token in them, and returns the user name. Any other header stays as it is, so
/// that a bearer token is accepted as on every route, and everything else is refused.
fn take_user(headers: &mut HeaderMap) -> Option<String> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (all.next(), all.next()) else { return None };
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let credentials = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (user, token) = credentials.split_once(':')?;
    let bearer = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    headers.insert(AUTHORIZATION, bearer);
    Some(user.to_owned())
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, retry_after) = (self.0.status(), self.0.retry_after());
        let Body { title, detail, .. } = self.0.into_body();
        let mut content = Html::default();
        content.heading(title);
        if status == StatusCode::UNAUTHORIZED {
            content.markup(
                "<p>Sign in with your name as the user and your token as the password.</p>\n",
            );
        } else {
            content.paragraph(&detail);
        }
        let mut response = html::page(status, title, &content);
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
        }
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(values: &[&str]) -> (Option<String>, HeaderMap) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        (take_user(&mut headers), headers)
    }

    fn basic(credentials: &str) -> String {
        format!("Basic {}", STANDARD.encode(credentials))
    }

    #[test]
    fn a_name_and_a_token_become_a_bearer_token() {
        for value in [basic("bob:deed_x"), basic("bob:deed_x").replace("Basic", "basic")] {
            let (user, headers) = taken(&[&value]);
            assert_eq!(user.as_deref(), Some("bob"), "{value}");
            assert_eq!(headers[AUTHORIZATION], "Bearer deed_x", "{value}");
        }
        // Only the first colon ends the name.
        assert_eq!(taken(&[&basic("bob:a:b")]).1[AUTHORIZATION], "Bearer a:b");
    }

    #[test]
    fn any_other_header_stays_as_it_is() {
        let (good, no_token, two_lines) =
            (basic("bob:deed_x"), basic("bob"), basic("bob:a\r\nX: b"));
        let cases: [&[&str]; 7] = [
            &[],
            &["Bearer deed_x"],
            &["Basic"],
            &["Basic ?"],
            &[&no_token],
            &[&two_lines],
            &[&good, &good],
        ];
        for values in cases {
            let (user, headers) = taken(values);
            assert_eq!(user, None, "{values:?}");
            let kept: Vec<&str> = headers
                .get_all(AUTHORIZATION)
                .iter()
                .map(|value| value.to_str().unwrap())
                .collect();
            assert_eq!(kept, values);
        }
    }
}
