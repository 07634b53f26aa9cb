//! Authentication by bearer token. The host knows only the hash of each token, and compares hashes in constant time.
//!
//! Each request is authenticated by itself. A request that waits for the end of an action keeps waiting if its token is
//! revoked meanwhile, and the next request with this token is refused. If a reload removes the caller itself, the
//! request is refused when the wait ends.

mod callers;
pub(in crate::http) mod watch;

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use deed_record::action::id::ActionId;
use deed_record::lifecycle::story::Story;
use deed_sandbox::credentials::RequestToken;
use deed_spec::digest::Digest;
use tokio::time::Instant;

pub(super) use self::callers::Callers;
use super::account::{self, RefusalAccount};
use super::{App, access};
use crate::api::problem::Problem;
use crate::capacity::rate_limit::Budget;
use crate::config::Tenant;
use crate::engine::StoredAction;
use crate::stage::contract::NoAccess;

/// A caller with a valid token.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) tenant: Arc<Tenant>,
    pub(super) who: Who,
    pub(crate) budget: Arc<Budget>,
    /// The party for whom an agent acts, if its access token says it.
    pub(super) on_behalf_of: Option<String>,
    /// The access token of the request, or why there is none that could be exchanged.
    pub(super) access: Result<Arc<RequestToken>, NoAccess>,
}

/// Whether a caller is an agent, which proposes actions, or a person, who reads them and answers approval requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Agent { name: String, person: String },
    Person { name: String },
}

impl Caller {
    /// The names of the agent and of the person responsible for it. Fails if the caller is a person, because only
    /// agents can propose.
    pub(crate) fn agent(&self) -> Result<(&str, &str), Problem> {
        match &self.who {
            Who::Agent { name, person } => Ok((name, person)),
            Who::Person { .. } => {
                Err(Problem::forbidden("only an agent can propose; use an agent's token"))
            }
        }
    }

    pub(crate) fn name(&self) -> &str {
        match &self.who {
            Who::Agent { name, .. } | Who::Person { name } => name,
        }
    }

    /// The story of an action that this caller may see. A person may see all actions of the tenant, an agent only its
    /// own. For an action that the caller may not see, the error is the same as for an action that does not exist.
    pub(crate) fn story(&self, app: &App, id: &ActionId) -> Result<Story, Problem> {
        self.told(app, id).map(|told| told.story)
    }

    /// The story of an action that this caller may see, with the journal entries that it was built from.
    pub(super) fn told(&self, app: &App, id: &ActionId) -> Result<StoredAction, Problem> {
        self.may_see(app.engine.load(id)?)
    }

    pub(super) fn may_see(&self, told: StoredAction) -> Result<StoredAction, Problem> {
        let action = &told.story.bound.action;
        let own = self.is_person() || action.principal == self.name();
        if own && action.tenant == self.tenant.name { Ok(told) } else { Err(Problem::not_found()) }
    }

    /// The caller with a token of the host's own. No issuer is asked about any other token.
    pub(crate) fn known(parts: &Parts, app: &App) -> Option<Self> {
        token(&parts.headers).and_then(|token| Self::with_token(app, token))
    }

    /// The caller with this token of the host's own.
    pub(crate) fn with_token(app: &App, token: &str) -> Option<Self> {
        app.live().callers.find(token, app.engine.latest_ms())
    }

    /// The person with this name, if the hash of the person's token in the configuration in force is this one.
    pub(crate) fn person(app: &App, tenant: &str, name: &str, token: Digest) -> Option<Self> {
        let caller = app.live().callers.person(tenant, name)?;
        (caller.token_of_person() == Some(token)).then_some(caller)
    }

    /// The hash of the token, if the caller is a person.
    pub(crate) fn token_of_person(&self) -> Option<Digest> {
        if !self.is_person() {
            return None;
        }
        self.tenant.persons.get(self.name())?.token
    }

    /// Admits the request, if the budget of the caller allows it.
    pub(crate) fn admitted(self, parts: &Parts) -> Result<Self, Problem> {
        let leave = self.budget.admit(Instant::now()).map_err(account::refusal)?;
        if let Some(tab) = parts.extensions.get::<RefusalAccount>() {
            tab.keep(leave);
        }
        Ok(self)
    }

    pub(crate) fn is_person(&self) -> bool {
        matches!(self.who, Who::Person { .. })
    }

    /// Fails if the caller is an agent. `what` says what only a person can do.
    pub(super) fn only_as_person(&self, what: &str) -> Result<(), Problem> {
        if self.is_person() {
            return Ok(());
        }
        Err(Problem::forbidden(&format!("only a person can {what}; use a person's token")))
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let caller = match Self::known(parts, app) {
            Some(caller) => caller,
            None => access::caller(app, token(&parts.headers)).await?,
        };
        caller.admitted(parts)
    }
}

/// The bearer token, if the request has exactly one `Authorization` header. A request with two such headers counts as
/// one without a token, because a proxy in front of the host may have used the other header.
fn token(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (all.next(), all.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    // The name of a scheme is case-insensitive (RFC 9110 section 11.1).
    scheme.eq_ignore_ascii_case("Bearer").then_some(token)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_bearer_token_follows_its_scheme_in_any_case() {
        for (value, expected) in [
            ("Bearer x", Some("x")),
            ("bearer x", Some("x")),
            ("BEARER x y", Some("x y")),
            ("Bearer", None),
            ("Bearerx y", None),
            ("Basic x", None),
        ] {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
            assert_eq!(token(&headers), expected, "{value}");
        }
    }
}
