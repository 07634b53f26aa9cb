//! Grants: the values without which the sandbox runs nothing, made from a policy decision and the scope of one run.
//!
//! A grant is used once: grants are not `Clone`, are taken by value, and a live one exists only after the start of its
//! attempt is durable. Neither this module nor a caller can make the two values that authorise it: the permit comes
//! from an evaluation of policies, the proof of the start from the store.

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

/// Grants one look at the system of record: GET and HEAD, with the read credentials. Fails when the policy denies or
/// the scope has a request that writes.
pub fn read(decision: &Decision, scope: Scope) -> Result<ReadGrant, GrantError> {
    if decision.verdict == Verdict::Deny {
        return Err(GrantError::Denied);
    }
    if let Some(write) = scope.rendered.iter().find(|request| !is_read(&request.public)) {
        return Err(GrantError::Writes(line(&write.public)));
    }
    Ok(ReadGrant(known_upstreams(scope)?))
}

/// Clears one attempt. The permit is the one of the gate, where approvals and pre-state were among the facts; `basis`
/// is what must still hold: policies and pre-state as the attempt has them.
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
/// Fails when the proof is for anything else; the attempt is then not granted.
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

/// Grants one run on a record. It needs no decision: it has no upstreams and no entity tags, so it cannot have an
/// effect.
pub fn replay(scope: Scope, record: Vec<Exchange>) -> ReplayGrant {
    let (upstreams, tags, once) = (BTreeMap::new(), BTreeMap::new(), vec![]);
    let scope = Scope { tags, once, upstreams, ..scope };
    ReplayGrant { scope, record }
}

/// What one run of an adapter may know and do.
#[derive(Debug)]
pub struct Scope {
    pub tenant: String,
    pub action: ActionId,
    /// Name of the contract, as in `idp.restore_access`.
    pub contract: String,
    /// With the values of private parameters; on a record, with their commitments.
    pub params: Live<Value>,
    /// What must not come out of the run: private values and their commitments.
    pub private: Live<Vec<String>>,
    /// Counts the runs of `perform` from 1; 0 while observing.
    pub attempt: u32,
    /// The only requests that the run may send.
    pub rendered: Vec<Prepared>,
    /// Entity tags that guarded writes carry, by upstream and path; empty while observing.
    pub tags: BTreeMap<(String, String), String>,
    /// What is known of the writes beforehand; empty while observing.
    pub once: Vec<Once>,
    /// Upstreams by short name, at least those that the requests name.
    pub upstreams: BTreeMap<String, Arc<Upstream>>,
    /// States that may be read, by name, while observing.
    pub states: Arc<BTreeMap<String, StateShape>>,
    /// The only component that may run under this grant.
    pub adapter: Digest,
    /// Wall-clock limit of the whole run.
    pub timeout: Duration,
}

/// One write of an attempt, and what is known of it beforehand.
#[derive(Clone, Debug)]
pub struct Once {
    /// The public rendering, as in the records.
    pub request: Rendered,
    /// The key by which the upstream recognises a repetition, if it does.
    pub key: Option<String>,
    /// Unix milliseconds after which the upstream may have forgotten the key; the write must arrive before.
    pub until_ms: Option<i64>,
    /// Its success in an earlier attempt; then it is not sent again.
    pub done: Option<Exchange>,
}

/// The right to observe once. Made by [`read`] only.
#[derive(Debug)]
pub struct ReadGrant(Scope);

/// An attempt that may start and has not started. Made by [`clear`] only.
#[derive(Debug)]
pub struct Cleared(Scope);

/// The right to perform once. Made by [`spend`] only.
#[derive(Debug)]
pub struct LiveGrant(Scope);

/// The right to repeat a run on its record. Made by [`replay`] only.
#[derive(Debug)]
pub struct ReplayGrant {
    scope: Scope,
    record: Vec<Exchange>,
}

impl ReplayGrant {
    /// For the sandbox: the requests that the run may make, and the exchanges that answer them.
    pub(crate) fn into_parts(self) -> (Scope, Vec<Exchange>) {
        (self.scope, self.record)
    }
}

impl ReadGrant {
    /// For the sandbox: what the run may do.
    pub(crate) fn into_scope(self) -> Scope {
        self.0
    }
}

impl LiveGrant {
    /// For the sandbox: what the run may do.
    pub(crate) fn into_scope(self) -> Scope {
        self.0
    }
}

/// Why nothing is granted. All but a denial are mistakes of the caller, not of the agent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    #[error("policy denies the action, so no state is read for it")]
    Denied,
    #[error("the permit is for another attempt or action than {0}; ask policy about this one")]
    OtherPermit(ActionId),
    #[error("state or policies of {0} are others than policy was asked about; ask it again")]
    OtherBasis(ActionId),
    #[error("the journal proves the start of an attempt of `{started}`, not of {action}")]
    OtherStart { action: ActionId, started: String },
    #[error("the journal does not prove that attempt {attempt} of {action} started")]
    NotStarted { action: ActionId, attempt: u32 },
    #[error("`{0}` could write; an observation can send only GET and HEAD")]
    Writes(String),
    #[error("upstream `{0}` is not part of the grant; add it to `upstreams` of the action's grant")]
    Upstream(String),
    #[error("attempts count from 1")]
    Attempt,
}

fn is_read(request: &Rendered) -> bool {
    matches!(request.method.as_str(), "GET" | "HEAD") && !request.writes && request.body.is_none()
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
