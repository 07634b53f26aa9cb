//! Authentication by bearer token. The host knows only the hash of each token, and compares hashes in constant time.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use deed_record::action::id::ActionId;
use deed_record::lifecycle::story::Story;
use deed_spec::digest::Digest;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use tokio::time::Instant;

use super::App;
use super::account::{self, RefusalAccount};
use crate::api::problem::Problem;
use crate::capacity::rate_limit::{Budget, ConcurrencyLimits, LIMITS};
use crate::config::Tenant;
use crate::engine::StoredAction;

/// A caller with a valid token.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) tenant: Arc<Tenant>,
    pub(super) who: Who,
    pub(crate) budget: Arc<Budget>,
}

/// All callers that have a token, each with the digest of its token.
#[derive(Debug)]
pub(super) struct Callers(Vec<(Caller, Digest)>);

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

    pub(super) fn is_person(&self) -> bool {
        matches!(self.who, Who::Person { .. })
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let caller = token(&parts.headers).and_then(|token| app.callers.find(token));
        let caller = caller.ok_or_else(|| {
            app.metrics.unauthorized();
            Problem::unauthorized()
        })?;
        let leave = caller.budget.admit(Instant::now()).map_err(account::refusal)?;
        if let Some(tab) = parts.extensions.get::<RefusalAccount>() {
            tab.keep(leave);
        }
        Ok(caller)
    }
}

/// The bearer token, if the request has exactly one `Authorization` header. A request with two such headers counts as
/// one without a token, because a proxy in front of the host may have used the other header.
fn token(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (all.next(), all.next()) else { return None };
    value.to_str().ok()?.strip_prefix("Bearer ")
}

impl Callers {
    /// All callers in the configuration, with limits that suit this many connections.
    pub(super) fn of(tenants: &BTreeMap<String, Arc<Tenant>>, connections_max: usize) -> Self {
        let halls = ConcurrencyLimits::new(connections_max, tenants.len());
        Self(tenants.values().flat_map(|tenant| callers(tenant, &halls)).collect())
    }

    /// Finds the caller with this token. The token is compared with every known token even after a match, so that the
    /// duration does not show which token matches.
    fn find(&self, token: &str) -> Option<Caller> {
        let shown = Digest::of(token.as_bytes());
        let mut found = u32::MAX;
        for (index, (_, known)) in self.0.iter().enumerate() {
            let equal: Choice = known.as_bytes().ct_eq(shown.as_bytes());
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            found = u32::conditional_select(&found, &index, equal);
        }
        let index = usize::try_from(found).ok()?;
        self.0.get(index).map(|(caller, _)| caller.clone())
    }
}

fn callers(tenant: &Arc<Tenant>, halls: &ConcurrencyLimits) -> Vec<(Caller, Digest)> {
    let caller = |who| {
        let hall = match &who {
            Who::Agent { .. } => &halls.agents,
            Who::Person { .. } => &halls.people,
        };
        let budget = Arc::new(Budget::new(LIMITS, Arc::clone(hall), &tenant.name));
        Caller { tenant: Arc::clone(tenant), who, budget }
    };
    let agents = tenant.agents.iter().map(|(name, agent)| {
        (caller(Who::Agent { name: name.clone(), person: agent.person.clone() }), agent.token)
    });
    let persons = tenant.persons.iter().filter_map(|(name, person)| {
        person.token.map(|token| (caller(Who::Person { name: name.clone() }), token))
    });
    agents.chain(persons).collect()
}
