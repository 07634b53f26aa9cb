//! Identifies the person who asks for a page: by a session, or by a token as on the routes of the API.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::desk::Desk;
use super::html::{Frame, Reader};
use super::place::Place;
use super::refusal::Refused;
use super::session::{Found, Secret};
use super::text::{Plain, Text};
use crate::api::problem::Problem;
use crate::http::{Caller, origin};

/// The person who asks for a page.
#[derive(Debug)]
pub(super) struct Visitor {
    pub(super) caller: Caller,
    /// `None` if the request has a token.
    session: Option<Found>,
}

/// A session whose person is still configured, with the same token.
#[derive(Debug)]
pub(super) struct SignedIn {
    pub(super) caller: Caller,
    pub(super) session: Found,
    pub(super) secret: Secret,
}

impl Visitor {
    /// The token of the session's forms; `None` if the request has no session.
    pub(super) fn forgery(&self) -> Option<&str> {
        self.session.as_ref().map(|session| session.forgery.as_str())
    }

    /// The frame of a page for this person.
    pub(super) fn frame(&self, title: &str, here: &'static str) -> Frame {
        let reader = Reader {
            name: Text::new(self.caller.name()),
            tenant: Text::new(&self.caller.tenant.name),
            forgery: self.session.as_ref().map(|session| session.forgery.clone()),
        };
        Frame { title: Plain::new(title), here, reader: Some(reader), script: None }
    }
}

/// The person of the session that sends something from a page of the host; `None` without a session. Every form and
/// every script of a session ends here, and then shows the token of the session's forms.
pub(super) fn sender(desk: &Desk, parts: &Parts) -> Result<Option<SignedIn>, Problem> {
    desk.check_sender(&parts.headers)?;
    let Some(mut found) = signed_in(&parts.headers, desk) else { return Ok(None) };
    found.caller = found.caller.admitted(parts)?;
    Ok(Some(found))
}

impl FromRequestParts<Desk> for Visitor {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Refused> {
        origin::check(&parts.headers, desk.app.engine.behind_proxy())?;
        let visitor = if parts.headers.contains_key(AUTHORIZATION) {
            Self { caller: by_token(parts, desk)?, session: None }
        } else {
            let found = signed_in(&parts.headers, desk);
            let SignedIn { caller, session, .. } = found.ok_or_else(|| to_sign_in(parts))?;
            Self { caller, session: Some(session) }
        };
        let caller = visitor.caller.admitted(parts)?;
        only_people(&caller)?;
        Ok(Self { caller, ..visitor })
    }
}

/// The caller with the token of the request. No issuer is asked about the token, because no person has a token of an
/// issuer.
fn by_token(parts: &Parts, desk: &Desk) -> Result<Caller, Problem> {
    Caller::known(parts, &desk.app).ok_or_else(|| {
        desk.app.count_unauthorized();
        Problem::unauthorized()
    })
}

fn to_sign_in(parts: &Parts) -> Refused {
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    Refused::SignIn(Place::parse(target).unwrap_or_else(Place::inbox))
}

/// The session of a request. A session of a person who was removed, or whose token was changed, ends here.
pub(super) fn signed_in(headers: &HeaderMap, desk: &Desk) -> Option<SignedIn> {
    let secret = desk.way()?.read(headers)?;
    let session = desk.sessions.find(&secret, desk.now_ms())?;
    of_session(desk, session, secret)
}

/// Like [`signed_in`], for what a script asks by itself, which does not prolong the session.
pub(super) fn still_signed_in(headers: &HeaderMap, desk: &Desk) -> Option<SignedIn> {
    let secret = desk.way()?.read(headers)?;
    let session = desk.sessions.look(&secret, desk.now_ms())?;
    of_session(desk, session, secret)
}

fn of_session(desk: &Desk, session: Found, secret: Secret) -> Option<SignedIn> {
    let who = &session.who;
    let Some(caller) = Caller::person(&desk.app, &who.tenant, &who.name, who.token) else {
        desk.sessions.end(&secret);
        return None;
    };
    Some(SignedIn { caller, session, secret })
}

impl SignedIn {
    /// The person as a reader of pages.
    pub(super) fn visitor(self) -> Visitor {
        Visitor { caller: self.caller, session: Some(self.session) }
    }

    /// Fails unless this is the token of the session's forms.
    pub(super) fn check_form(&self, forgery: &str) -> Result<(), Problem> {
        if self.session.has_sent(forgery) {
            return Ok(());
        }
        let what = "the form is not of this session; load its page again, and send it once more";
        Err(Problem::forbidden(what))
    }
}

/// Fails if the caller is an agent.
pub(super) fn only_people(caller: &Caller) -> Result<(), Problem> {
    if caller.is_person() {
        return Ok(());
    }
    let what = "the console is for people; an agent reads its actions with its own tools, and cannot approve";
    Err(Problem::forbidden(what))
}
