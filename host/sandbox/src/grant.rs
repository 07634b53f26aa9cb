//! Grants. The sandbox runs an adapter only under a grant. A grant to reach upstreams is made from a policy decision
//! and the scope of one run.
//!
//! A grant can be used only once, because grants are not `Clone` and are taken by value. A live grant exists only after
//! the start of its attempt is durable. A live grant needs two values that neither this module nor its caller can
//! create: a permit, which comes from a policy evaluation, and the proof that the start is durable, which comes from
//! the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deed_record::action::commitment::Live;
use deed_record::action::id::ActionId;
use deed_record::action::private::Prepared;
use deed_record::contract::StateShape;
use deed_record::exchange::{Exchange, Rendered};
use deed_record::lifecycle::event::{Entry, Event};
use deed_record::policy::{Decision, Permit, PermitBasis, Verdict};
use deed_spec::digest::Digest;
use deed_store::store::Durable;
use serde_json::Value;

use crate::upstream::Upstream;

/// Grants one observation of the system of record, with the read credentials. The requests are GET, HEAD, and POST
/// requests in `searches`.
///
/// # Errors
///
/// Fails when policy denies the action, when the scope contains a request that may write, and when the scope lacks the
/// upstream of a request.
pub fn read(decision: &Decision, scope: Scope) -> Result<ReadGrant, GrantError> {
    if decision.verdict == Verdict::Deny {
        return Err(GrantError::Denied);
    }
    let is_read = |request: &Rendered| is_read(request) || scope.is_permitted(request);
    if let Some(write) = scope.rendered.iter().find(|request| !is_read(&request.public)) {
        return Err(GrantError::Writes(line(&write.public)));
    }
    Ok(ReadGrant(known_upstreams(scope)?))
}

/// Clears one attempt to start. The permit comes from the last policy evaluation before the attempt, which considers
/// approvals and the pre-state. `basis` contains the policies and the pre-state of the attempt.
///
/// # Errors
///
/// Fails when the permit is based on other policies or another pre-state, or is for another attempt.
pub fn clear(permit: Permit, scope: Scope, basis: &PermitBasis) -> Result<Cleared, GrantError> {
    if !permit.is_based_on(basis) {
        return Err(GrantError::OtherBasis(scope.action));
    }
    if !permit.covers(&scope.action, scope.attempt, &scope.tenant, &scope.contract) {
        return Err(GrantError::OtherPermit(scope.action));
    }
    if scope.attempt == 0 {
        return Err(GrantError::Attempt);
    }
    Ok(Cleared(known_upstreams(scope)?))
}

/// Turns a cleared attempt into the grant to run it. `started` proves that the start of this attempt is on disk.
///
/// # Errors
///
/// Fails when the proof is not for the start of this attempt.
pub fn spend(cleared: Cleared, started: Durable) -> Result<LiveGrant, GrantError> {
    let Cleared(scope) = cleared;
    let (action, event) = started.into_parts();
    if action != scope.action.as_str() {
        return Err(GrantError::OtherStart { action: scope.action, started: action });
    }
    let entry: Result<Entry, _> = serde_json::from_slice(&event);
    match entry.map(|entry| entry.event) {
        Ok(Event::AttemptStarted { n, .. }) if n == scope.attempt => Ok(LiveGrant(scope)),
        _ => Err(GrantError::NotStarted { action: scope.action, attempt: scope.attempt }),
    }
}

/// Grants one replay of a recorded run. No policy decision is needed, because the run has no upstreams and no entity
/// tags and cannot have an effect.
pub fn replay(scope: Scope, record: Vec<Exchange>) -> ReplayGrant {
    let (upstreams, tags, once) = (BTreeMap::new(), BTreeMap::new(), vec![]);
    let scope = Scope { tags, once, upstreams, ..scope };
    ReplayGrant { scope, record }
}

/// The data that one run of an adapter gets, and the requests that it may send.
#[derive(Debug)]
pub struct Scope {
    pub tenant: String,
    pub action: ActionId,
    /// Name of the contract, as in `idp.restore_access`.
    pub contract: String,
    /// Parameters, including the values of private parameters. In a replay, commitments replace the private values.
    pub params: Live<Value>,
    /// Private values and their commitments, which must not appear in the results of the run.
    pub private: Live<Vec<String>>,
    /// Number of the attempt, counted from 1; 0 for an observation.
    pub attempt: u32,
    /// The only requests that the run may send.
    pub rendered: Vec<Prepared>,
    /// POST requests that the operator permits in an observation, because they only read.
    pub searches: Vec<Rendered>,
    /// Entity tags for guarded writes, by upstream and path; empty for an observation.
    pub tags: BTreeMap<(String, String), String>,
    /// What is known about the writes before the run; empty for an observation.
    pub once: Vec<Once>,
    /// Upstreams by short name, including at least the upstreams to which the requests go.
    pub upstreams: BTreeMap<String, Arc<Upstream>>,
    /// States that an observation may read, by name.
    pub states: Arc<BTreeMap<String, StateShape>>,
    /// Digest of the only component that may run under this grant.
    pub adapter: Digest,
    /// Wall-clock limit of the whole run.
    pub timeout: Duration,
}

/// One write of an attempt, and what is known about it before the run.
#[derive(Clone, Debug)]
pub struct Once {
    /// The public rendering of the request, as in the records.
    pub request: Rendered,
    /// The idempotency key by which the upstream recognises a repeated write, if it can.
    pub key: Option<String>,
    /// Unix milliseconds after which the upstream may have forgotten the key; the write must arrive before then.
    pub until_ms: Option<i64>,
    /// The successful exchange of this write in an earlier attempt. If there is such an exchange, the write is not sent
    /// again.
    pub done: Option<Exchange>,
}

/// The right to run `observe` once. Only [`read`] creates this grant.
#[derive(Debug)]
pub struct ReadGrant(Scope);

/// An attempt that may start and has not started. Only [`clear`] creates this value.
#[derive(Debug)]
pub struct Cleared(Scope);

/// The right to run `perform` once. Only [`spend`] creates this grant.
#[derive(Debug)]
pub struct LiveGrant(Scope);

/// The right to repeat a run with its recorded exchanges. Only [`replay`] creates this grant.
#[derive(Debug)]
pub struct ReplayGrant {
    scope: Scope,
    record: Vec<Exchange>,
}

impl ReplayGrant {
    /// Returns the scope of the run, and the recorded exchanges that answer its requests. Only the sandbox calls this
    /// function.
    pub(crate) fn into_parts(self) -> (Scope, Vec<Exchange>) {
        (self.scope, self.record)
    }
}

impl ReadGrant {
    /// Returns the scope of the run. Only the sandbox calls this function.
    pub(crate) fn into_scope(self) -> Scope {
        self.0
    }
}

impl LiveGrant {
    /// Returns the scope of the run. Only the sandbox calls this function.
    pub(crate) fn into_scope(self) -> Scope {
        self.0
    }
}

/// Why a grant was refused. Except for a denial by policy, every error is a mistake in the host's own code and not the
/// fault of an agent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    #[error("policy denies the action, so no state is read for it")]
    Denied,
    #[error(
        "policy allowed another attempt, not this attempt of {0}; evaluate policy for this attempt"
    )]
    OtherPermit(ActionId),
    #[error(
        "the state or the policies have changed since policy allowed {0}; evaluate policy again"
    )]
    OtherBasis(ActionId),
    #[error("the journal proves the start of an attempt of `{started}`, not of {action}")]
    OtherStart { action: ActionId, started: String },
    #[error("the journal does not prove that attempt {attempt} of {action} started")]
    NotStarted { action: ActionId, attempt: u32 },
    #[error(
        "`{0}` could write; an observation sends only GET, HEAD, and a POST that the grant permits"
    )]
    Writes(String),
    #[error("upstream `{0}` is not part of the grant; add it to `upstreams` of the action's grant")]
    Upstream(String),
    #[error("the attempt has the number 0, but attempts are counted from 1")]
    Attempt,
}

fn is_read(request: &Rendered) -> bool {
    matches!(request.method.as_str(), "GET" | "HEAD") && !request.writes && request.body.is_none()
}

impl Scope {
    /// Whether this is a POST that only reads, and that the operator permits.
    fn is_permitted(&self, request: &Rendered) -> bool {
        request.method == "POST" && !request.writes && self.searches.contains(request)
    }
}

fn line(request: &Rendered) -> String {
    format!("{} {}", request.method, request.path)
}

fn known_upstreams(scope: Scope) -> Result<Scope, GrantError> {
    let unknown = |request: &&Prepared| !scope.upstreams.contains_key(&request.public.upstream);
    match scope.rendered.iter().find(unknown) {
        Some(request) => Err(GrantError::Upstream(request.public.upstream.clone())),
        None => Ok(scope),
    }
}

#[cfg(test)]
mod tests;
