//! Who calls: a bearer token, known only by its hash, compared in constant time.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use deed_record::digest::Digest;
use deed_record::id::ActionId;
use deed_record::story::Story;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::App;
use super::problem::Problem;
use crate::config::{Config, Tenant};

/// A caller who showed a valid token.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) tenant: Arc<Tenant>,
    pub(super) who: Who,
}

/// An agent proposes; a person reads and answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Agent { name: String, person: String },
    Person { name: String },
}

impl Caller {
    /// The agent's name and person, or a refusal: only agents propose.
    pub(super) fn agent(&self) -> Result<(&str, &str), Problem> {
        match &self.who {
            Who::Agent { name, person } => Ok((name, person)),
            Who::Person { .. } => {
                Err(Problem::forbidden("only an agent proposes; use an agent's token"))
            }
        }
    }

    pub(super) fn name(&self) -> &str {
        match &self.who {
            Who::Agent { name, .. } | Who::Person { name } => name,
        }
    }

    /// The story of an action that this caller may see: persons all of their tenant, an agent its own.
    /// Anything else is unknown, whether it exists or not.
    pub(super) fn story(&self, app: &App, id: &ActionId) -> Result<Story, Problem> {
        let story = app.pipeline.story_of(&self.tenant.name, id)?;
        let own = self.is_person() || story.bound.action.principal == self.name();
        if own { Ok(story) } else { Err(Problem::not_found()) }
    }

    pub(super) fn is_person(&self) -> bool {
        matches!(self.who, Who::Person { .. })
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer "));
        let caller = token.and_then(|token| find(&app.pipeline.config, token));
        caller.ok_or_else(|| {
            app.metrics.unauthorized();
            Problem::unauthorized()
        })
    }
}

/// Looks at every token whatever matches, so that the time says nothing about which one was close.
fn find(config: &Config, token: &str) -> Option<Caller> {
    let shown = Digest::of(token.as_bytes());
    let callers: Vec<(Caller, Digest)> = config.tenants.values().flat_map(callers).collect();
    let mut found = u32::MAX;
    for (index, (_, known)) in callers.iter().enumerate() {
        let equal: Choice = known.as_bytes().ct_eq(shown.as_bytes());
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        found = u32::conditional_select(&found, &index, equal);
    }
    let index = usize::try_from(found).ok()?;
    callers.into_iter().nth(index).map(|(caller, _)| caller)
}

fn callers(tenant: &Arc<Tenant>) -> Vec<(Caller, Digest)> {
    let agents = tenant.agents.iter().map(|(name, agent)| {
        let who = Who::Agent { name: name.clone(), person: agent.person.clone() };
        (Caller { tenant: Arc::clone(tenant), who }, agent.token)
    });
    let persons = tenant.persons.iter().filter_map(|(name, person)| {
        let who = Who::Person { name: name.clone() };
        person.token.map(|token| (Caller { tenant: Arc::clone(tenant), who }, token))
    });
    agents.chain(persons).collect()
}
