//! Signing in with a name and a token, and signing out.
//!
//! Each sign-in begins a session with a new secret, and ends the one that the browser had, so no one can choose the
//! secret of another person's session.

use axum::extract::{Request, State};
use axum::http::header::{SET_COOKIE, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use maud::{Markup, html};

use super::cookie::Way;
use super::desk::Desk;
use super::form::{self, Fields};
use super::html::{FORGERY, Frame, page};
use super::parts::{link, note};
use super::place::{Place, SIGN_IN};
use super::refusal::{Refused, see};
use super::session::Who;
use super::text::Plain;
use super::visitor::{SignedIn, only_people, signed_in};
use crate::api::problem::Problem;
use crate::http::{Caller, Query, origin};

/// The page for signing in. A person who is signed in goes on at once.
pub(super) async fn show(
    State(desk): State<Desk>,
    query: Result<Query<Vec<(String, String)>>, Problem>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    origin::check(&headers, desk.app.engine.behind_proxy())?;
    let Query(pairs) = query?;
    let next = next(&form::fields(pairs, &["next"])?);
    if signed_in(&headers, &desk).is_some() {
        return Ok(see(&next));
    }
    if desk.way().is_none() {
        return Err(no_address().into());
    }
    // A browser does not send the cookie when a link of another site leads here, but does with a link of this page.
    let from_elsewhere = headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
    Ok(page(StatusCode::OK, &Frame::bare("Sign in"), &content(&next, "", from_elsewhere, false)))
}

/// Signs a person in.
pub(super) async fn enter(State(desk): State<Desk>, request: Request) -> Result<Response, Refused> {
    let (parts, body) = request.into_parts();
    desk.check_sender(&parts.headers)?;
    let way = desk.way().ok_or_else(no_address)?;
    let fields = form::read(&parts.headers, body, &["name", "token", "next"]).await?;
    let next = next(&fields);
    let Some(caller) = identified(&desk, &parts, &fields)? else {
        desk.app.count_unauthorized();
        return Ok(wrong(&next, fields.get("name")));
    };
    if let Some(before) = way.read(&parts.headers) {
        desk.sessions.end(&before);
    }
    begin(&desk, way, &caller, &next)
}

/// The person with this name and token; `None` if there is none.
fn identified(desk: &Desk, parts: &Parts, fields: &Fields) -> Result<Option<Caller>, Problem> {
    let Some(caller) = Caller::with_token(&desk.app, fields.get("token")) else { return Ok(None) };
    let caller = caller.admitted(parts)?;
    if caller.name() != fields.get("name") {
        return Ok(None);
    }
    only_people(&caller)?;
    Ok(Some(caller))
}

fn begin(desk: &Desk, way: Way, caller: &Caller, next: &Place) -> Result<Response, Refused> {
    let token = caller.token_of_person().ok_or_else(Problem::unauthorized)?;
    let (tenant, name) = (caller.tenant.name.clone(), caller.name().to_owned());
    let begun = desk.sessions.begin(Who { tenant, name, token }, desk.now_ms());
    let secret = begun.map_err(|error| {
        tracing::error!(%error, "a session could not begin");
        Problem::unavailable()
    })?;
    let mut response = see(next);
    if let Some(cookie) = way.set(&secret) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Ends this session.
pub(super) async fn leave(State(desk): State<Desk>, request: Request) -> Result<Response, Refused> {
    let SignedIn { secret, .. } = sent_by_session(&desk, request).await?;
    desk.sessions.end(&secret);
    Ok(left(&desk))
}

/// Ends all sessions of this person.
pub(super) async fn leave_everywhere(
    State(desk): State<Desk>,
    request: Request,
) -> Result<Response, Refused> {
    let SignedIn { session, .. } = sent_by_session(&desk, request).await?;
    desk.sessions.end_all(&session.who);
    Ok(left(&desk))
}

/// The session that sent a form without fields of its own.
async fn sent_by_session(desk: &Desk, request: Request) -> Result<SignedIn, Refused> {
    let (parts, body) = request.into_parts();
    desk.check_sender(&parts.headers)?;
    let mut found =
        signed_in(&parts.headers, desk).ok_or_else(|| Refused::SignIn(Place::inbox()))?;
    found.caller = found.caller.admitted(&parts)?;
    let fields = form::read(&parts.headers, body, &[FORGERY]).await?;
    found.check_form(fields.get(FORGERY))?;
    Ok(found)
}

fn left(desk: &Desk) -> Response {
    let mut response = see(&Place::inbox().through_sign_in());
    if let Some(cookie) = desk.way().and_then(Way::clear) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// The page to which signing in leads. Anything but a page of the console counts as absent.
fn next(fields: &Fields) -> Place {
    Place::parse(fields.get("next")).unwrap_or_else(Place::inbox)
}

fn no_address() -> Problem {
    let what = "the host is behind a proxy and does not know its address, so nobody can sign in; set `public_url` \
                under [http] in deed.toml to the address at which people reach the host, and restart it";
    Problem::forbidden(what)
}

fn wrong(next: &Place, name: &str) -> Response {
    let content = content(next, name, false, true);
    let mut response = page(StatusCode::UNAUTHORIZED, &Frame::bare("Sign in"), &content);
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

fn content(next: &Place, name: &str, from_elsewhere: bool, is_wrong: bool) -> Markup {
    html! {
        h1 { "Sign in" }
        @if is_wrong { div role="alert" { (note(&"There is no person with this name and this token.")) } }
        @if from_elsewhere {
            p { "If you are signed in already, " (link(next, &"go on to the page")) "." }
        }
        form method="post" action=(Place::of(SIGN_IN)) {
            input type="hidden" name="next" value=(next.as_str());
            p {
                label for="name" { "Name" }
                input id="name" name="name" value=(Plain::new(name)) autocomplete="username" required
                    autocapitalize="none" spellcheck="false";
            }
            p {
                label for="token" { "Token" }
                input id="token" name="token" type="password" autocomplete="current-password" required;
            }
            p { button type="submit" { "Sign in" } }
        }
        p {
            "The name is that of a person in " code { "deed.toml" } ", and the token is the person’s own. An \
             operator makes a token with " code { "deed token new" } "."
        }
    }
}
