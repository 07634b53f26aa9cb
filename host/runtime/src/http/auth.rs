//! Authentication by bearer token. Tokens are known only by their hash and compared in constant time.

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
pub(super) struct Caller {
    pub(super) tenant: Arc<Tenant>,
    pub(super) who: Who,
    pub(super) budget: Arc<Budget>,
}

/// All callers that have a token, with its digest.
#[derive(Debug)]
pub(super) struct Callers(Vec<(Caller, Digest)>);

/// An agent proposes; a person reads and answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Agent { name: String, person: String },
    Person { name: String },
}

impl Caller {
    /// The agent's name and person. Fails for a person: only agents propose.
    pub(super) fn agent(&self) -> Result<(&str, &str), Problem> {
        match &self.who {
            Who::Agent { name, person } => Ok((name, person)),
            Who::Person { .. } => {
                Err(Problem::forbidden("only an agent can propose; use an agent's token"))
            }
        }
    }

    pub(super) fn name(&self) -> &str {
        match &self.who {
            Who::Agent { name, .. } | Who::Person { name } => name,
        }
    }

    /// The story of an action that this caller may see: a person sees all of the tenant, an agent its own. Fails as for
    /// an unknown action otherwise, whether it exists or not.
    pub(super) fn story(&self, app: &App, id: &ActionId) -> Result<Story, Problem> {
        self.told(app, id).map(|told| told.story)
    }

    /// The same with the entries that it was folded from.
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

/// The only bearer token; a proxy in front may read two of them differently.
fn token(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (all.next(), all.next()) else { return None };
    value.to_str().ok()?.strip_prefix("Bearer ")
}

impl Callers {
    /// All callers of the configuration, for this many connections.
    pub(super) fn of(tenants: &BTreeMap<String, Arc<Tenant>>, connections_max: usize) -> Self {
        let halls = ConcurrencyLimits::new(connections_max, tenants.len());
        Self(tenants.values().flat_map(|tenant| callers(tenant, &halls)).collect())
    }

    /// Compares with every token even after a match, so that the time does not depend on which one matches.
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
