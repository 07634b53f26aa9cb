//! Creates a grant in the permitted way, in a crate that owns none of the types. This file must compile.

use deed_record::action::id::ActionId;
use deed_record::exchange::Exchange;
use deed_record::plan::Rehearsal;
use deed_record::plan::draft::Draft;
use deed_record::policy::{Decision, Facts, PermitBasis, Permit, Policies};
use deed_sandbox::grant::{
    self, GrantError, LiveGrant, ReadGrant, RehearsalGrant, ReplayGrant, Scope,
};
use deed_sandbox::{Adapter, Keep, Rehearsed, Run, RunSlot, Sandbox};
use deed_store::store::{Append, AppendError, KeyClaim, Durable, Store};

pub fn permit(policies: &Policies, action: &ActionId, facts: &Facts) -> Option<Permit> {
    policies.permit(action, 1, facts, None).1
}

pub async fn durable(store: &dyn Store, start: Append) -> Result<Durable, AppendError> {
    store.append_durable(start).await
}

pub fn live(
    permit: Permit,
    scope: Scope,
    basis: &PermitBasis,
    proof: Durable,
) -> Result<LiveGrant, GrantError> {
    let cleared = grant::clear(permit, scope, basis)?;
    grant::spend(cleared, proof)
}

pub async fn run(
    sandbox: &Sandbox,
    adapter: &Adapter,
    live: LiveGrant,
    keep: Keep,
    turn: &RunSlot,
) -> Run {
    sandbox.perform(adapter, live, keep, turn).await
}

pub fn read(decision: &Decision, scope: Scope) -> Result<ReadGrant, GrantError> {
    grant::read(decision, scope)
}

pub async fn look(sandbox: &Sandbox, adapter: &Adapter, read: ReadGrant, turn: &RunSlot) -> Run {
    sandbox.observe(adapter, read, turn).await
}

pub fn rehearsal(
    decision: &Decision,
    scope: Scope,
    draft: Draft,
) -> Result<RehearsalGrant, GrantError> {
    grant::rehearse(decision, scope, draft)
}

pub async fn rehearse(
    sandbox: &Sandbox,
    adapter: &Adapter,
    rehearsal: RehearsalGrant,
    turn: &RunSlot,
) -> Rehearsed {
    sandbox.rehearse(adapter, rehearsal, turn).await
}

pub fn replay_rehearsal(scope: Scope, draft: Draft, record: Vec<Exchange>) -> ReplayGrant {
    grant::replay_rehearsal(scope, draft, record)
}

pub async fn rehearse_again(
    sandbox: &Sandbox,
    adapter: &Adapter,
    replay: ReplayGrant,
) -> Rehearsal {
    sandbox.replay_rehearsal(adapter, replay).await
}

pub fn replay(scope: Scope, record: Vec<Exchange>) -> ReplayGrant {
    grant::replay(scope, record)
}

pub async fn again(sandbox: &Sandbox, adapter: &Adapter, replay: ReplayGrant) -> Run {
    sandbox.replay(adapter, replay).await
}

pub fn is_read<'a, T: serde::Deserialize<'a>>() {}
pub fn is_cloned<T: Clone>() {}

pub fn records_are_read_and_cloned() {
    is_read::<Decision>();
    is_read::<KeyClaim>();
    is_cloned::<Decision>();
    is_cloned::<Append>();
}
