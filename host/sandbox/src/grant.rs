//! Grants. The sandbox runs an adapter only under a grant. A grant to reach upstreams is made from a policy decision
//! and the scope of one run: a read grant for an observation, a rehearsal grant for a rehearsal, and a live grant for
//! an attempt.
//!
//! A grant can be used only once, because grants are not `Clone` and are taken by value. A live grant exists only after
//! the start of its attempt is durable. A live grant needs two values that neither this module nor its caller can
//! create: a permit, which comes from a policy evaluation, and the proof that the start is durable, which comes from
//! the store. A live grant for an open contract contains the plan that policy allowed.

mod planned;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deed_record::action::commitment::Live;
use deed_record::action::id::ActionId;
use deed_record::action::private::Prepared;
use deed_record::contract::StateShape;
use deed_record::exchange::{Exchange, Rendered};
use deed_record::lifecycle::event::{Entry, Event};
use deed_record::plan::course::Course;
use deed_record::plan::draft::Draft;
use deed_record::policy::{Decision, Permit, PermitBasis, Verdict};
use deed_spec::digest::Digest;
use deed_store::store::Durable;
use serde_json::Value;

use crate::credentials::{Memory, RequestToken, VaultSlots};
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
    Ok(ReadGrant(known_upstreams(Scope { course: None, ..scope })?))
}

/// Grants one rehearsal of an attempt. Only GET and HEAD requests leave, with the read credentials; the writes are
/// recorded in `draft`.
///
/// # Errors
///
/// Fails when policy denies the action, when the scope contains a read that an observation could not send, and when the
/// scope lacks the upstream of a request.
pub fn rehearse(
    decision: &Decision,
    scope: Scope,
    draft: Draft,
) -> Result<RehearsalGrant, GrantError> {
    if decision.verdict == Verdict::Deny {
        return Err(GrantError::Denied);
    }
    let is_other = |request: &&Prepared| may_leave(&request.public) && !is_read(&request.public);
    if let Some(other) = scope.rendered.iter().find(is_other) {
        return Err(GrantError::NotRead(line(&other.public)));
    }
    Ok(RehearsalGrant(known_upstreams(rehearsed(scope))?, draft))
}

/// Clears one attempt to start. The permit comes from the last policy evaluation before the attempt, which considers
/// approvals, the pre-state and the plan. `basis` contains the policies, the pre-state and the plan of the attempt.
///
/// # Errors
///
/// Fails when the permit is based on other policies, another pre-state or another plan, or is for another attempt, and
/// when an attempt of an open contract has no plan.
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
    planned::check(&scope, basis)?;
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
/// tags and cannot have an effect. An attempt of an open contract is replayed along the plan in its scope.
pub fn replay(scope: Scope, record: Vec<Exchange>) -> ReplayGrant {
    ReplayGrant { scope: offline(scope), record, draft: None }
}

/// Grants one replay of a recorded rehearsal. `draft` is empty and has the recorded seed, so that the run gets the same
/// answers to its writes.
pub fn replay_rehearsal(scope: Scope, draft: Draft, record: Vec<Exchange>) -> ReplayGrant {
    ReplayGrant { scope: offline(rehearsed(scope)), record, draft: Some(draft) }
}

/// The data that one run of an adapter gets, and the requests that it may send.
#[derive(Debug)]
pub struct Scope {
    pub tenant: String,
    /// The person who is responsible for the agent, for whom a token may be obtained.
    pub person: String,
    /// The access token of the request that proposed the action, if a token of an upstream is obtained for it. `None`
    /// also if the action does not hold it any more.
    pub access: Option<Arc<RequestToken>>,
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
    /// What is known about the writes before the run; empty for an observation. For an open contract, there is one
    /// entry for each write of the plan, in the order of the plan.
    pub once: Vec<Once>,
    /// The plan that an attempt of an open contract follows; `None` for any other run.
    pub course: Option<Course>,
    /// Upstreams by short name, including at least the upstreams to which the requests go.
    pub upstreams: BTreeMap<String, Arc<Upstream>>,
    /// Where the secrets are stored that upstreams create; empty for an observation.
    pub slots: Arc<VaultSlots>,
    /// What the upstreams of the tenant got, for redaction; empty for a replay.
    pub memory: Arc<Memory>,
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

/// The right to run `perform` once without a write. Only [`rehearse`] creates this grant.
#[derive(Debug)]
pub struct RehearsalGrant(Scope, Draft);

/// An attempt that may start and has not started. Only [`clear`] creates this value.
#[derive(Debug)]
pub struct Cleared(Scope);

/// The right to run `perform` once. Only [`spend`] creates this grant.
#[derive(Debug)]
pub struct LiveGrant(Scope);

/// The right to repeat a run with its recorded exchanges. Only [`replay`] and [`replay_rehearsal`] create this grant.
#[derive(Debug)]
pub struct ReplayGrant {
    scope: Scope,
    record: Vec<Exchange>,
    /// The draft of the plan if the run is a rehearsal.
    draft: Option<Draft>,
}

impl ReplayGrant {
    /// Returns the scope of the run, the recorded exchanges that answer its requests, and the draft of a rehearsal.
    /// Only the sandbox calls this function.
    pub(crate) fn into_parts(self) -> (Scope, Vec<Exchange>, Option<Draft>) {
        (self.scope, self.record, self.draft)
    }
}

impl RehearsalGrant {
    /// Returns the scope of the run, and the draft of its plan. Only the sandbox calls this function.
    pub(crate) fn into_parts(self) -> (Scope, Draft) {
        (self.0, self.1)
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
    #[error("`{0}` is no GET or HEAD without a body; a rehearsal sends no other request")]
    NotRead(String),
    #[error(
        "the contract of {0} leaves parts of its requests to a plan, and the attempt has no plan; \
         rehearse the action first"
    )]
    NoPlan(ActionId),
    #[error(
        "the plan of the attempt of {0} is not the plan that policy allowed; evaluate policy with this plan"
    )]
    OtherPlan(ActionId),
    #[error(
        "the plan of {action} has {planned} writes, but the scope says for {known} writes what earlier attempts did; \
         give one entry for each write of the plan"
    )]
    PriorWrites { action: ActionId, planned: usize, known: usize },
    #[error("upstream `{0}` is not part of the grant; add it to `upstreams` of the action's grant")]
    Upstream(String),
    #[error("the attempt has the number 0, but attempts are counted from 1")]
    Attempt,
}

/// Whether this request only reads, by its method.
pub(crate) fn is_read(request: &Rendered) -> bool {
    matches!(request.method.as_str(), "GET" | "HEAD") && !request.writes && request.body.is_none()
}

/// Whether a rehearsal may send this request. The host itself answers writes, and reads with a value of an answer.
fn may_leave(request: &Rendered) -> bool {
    !request.writes && !request.awaits_answer()
}

/// The scope of a rehearsal, which knows nothing about writes.
fn rehearsed(scope: Scope) -> Scope {
    let (tags, once) = (BTreeMap::new(), vec![]);
    Scope { attempt: 1, tags, once, course: None, ..scope }
}

/// The scope of a run that reaches no upstream.
fn offline(scope: Scope) -> Scope {
    let (upstreams, tags, once) = (BTreeMap::new(), BTreeMap::new(), vec![]);
    Scope { tags, once, upstreams, access: None, memory: Arc::default(), ..scope }
}

impl Scope {
    /// The scope of the second run of a rehearsal, which has no upstreams.
    pub(crate) fn for_second_run(&self) -> Self {
        Self {
            tenant: self.tenant.clone(),
            person: self.person.clone(),
            access: None,
            action: self.action.clone(),
            contract: self.contract.clone(),
            params: self.params.clone(),
            private: self.private.clone(),
            attempt: self.attempt,
            rendered: self.rendered.clone(),
            searches: vec![],
            tags: BTreeMap::new(),
            once: vec![],
            course: None,
            upstreams: BTreeMap::new(),
            slots: Arc::default(),
            memory: Arc::default(),
            states: Arc::clone(&self.states),
            adapter: self.adapter,
            timeout: self.timeout,
        }
    }

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
