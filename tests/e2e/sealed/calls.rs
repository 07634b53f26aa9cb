//! Each function tries to create a permit, a grant or a proof of durability from a record, from another value or with a
//! private constructor, or to extract its contents.

use deed_record::action::id::ActionId;
use deed_record::policy::{Decision, Facts, PermitBasis, Permit};
use deed_sandbox::grant::{self, Cleared, LiveGrant, ReadGrant, RehearsalGrant, ReplayGrant, Scope};
use deed_sandbox::{Adapter, Keep, RunSlot, Sandbox};
use deed_store::store::Durable;

pub fn a_recorded_decision_clears_nothing(decision: Decision, scope: Scope, basis: &PermitBasis) {
    let _ = grant::clear(decision, scope, basis); //~ E0308
}

pub fn a_version_starts_nothing(cleared: Cleared, version: u64) {
    let _ = grant::spend(cleared, version); //~ E0308
}

pub fn a_future_starts_nothing(cleared: Cleared) {
    let _ = grant::spend(cleared, async { Ok::<u64, ()>(1) }); //~ E0308
}

pub fn a_decision_gives_no_leave(decision: &Decision, action: &ActionId, facts: &Facts) {
    let _ = Permit::of(decision, action, 1, facts); //~ E0624
}

pub fn a_live_grant_is_not_opened(live: LiveGrant) -> Scope {
    live.into_scope() //~ E0624
}

pub fn a_live_grant_has_no_fields(live: &LiveGrant) -> &Scope {
    &live.0 //~ E0616
}

pub fn a_permit_keeps_its_ground(permit: &mut Permit, basis: PermitBasis) {
    permit.basis = basis; //~ E0616
}

pub fn a_cleared_action_has_no_fields(cleared: &Cleared) -> &Scope {
    &cleared.0 //~ E0616
}

pub fn a_proof_cannot_be_changed(proof: &mut Durable) {
    proof.action.clear(); //~ E0616
}

pub fn a_proof_is_not_made(action: String, event: Vec<u8>) -> Durable {
    Durable::new(action, event) //~ E0624
}

pub fn a_read_grant_is_not_opened(read: ReadGrant) -> Scope {
    read.into_scope() //~ E0624
}

pub fn a_rehearsal_grant_is_not_opened(rehearsal: RehearsalGrant) {
    let _ = rehearsal.into_parts(); //~ E0624
}

pub fn a_rehearsal_grant_has_no_fields(rehearsal: &mut RehearsalGrant) {
    rehearsal.0.attempt = 1; //~ E0616
    rehearsal.1.seed(); //~ E0616
}

pub fn a_rehearsal_starts_no_attempt(rehearsal: RehearsalGrant, proof: Durable) {
    let _ = grant::spend(rehearsal, proof); //~ E0308
}

pub fn a_replay_grant_is_not_opened(replay: ReplayGrant) {
    let _ = replay.into_parts(); //~ E0624
}

pub fn a_read_grant_has_no_fields(read: &mut ReadGrant) {
    read.0.attempt = 1; //~ E0616
}

pub fn a_replay_grant_has_no_fields(replay: &mut ReplayGrant) {
    replay.record.clear(); //~ E0616
    replay.scope.attempt = 1; //~ E0616
}

pub async fn a_look_writes_nothing(
    sandbox: &Sandbox,
    adapter: &Adapter,
    read: ReadGrant,
    keep: Keep,
    turn: &RunSlot,
) {
    let _ = sandbox.perform(adapter, read, keep, turn).await; //~ E0308
}

pub async fn a_rehearsal_writes_nothing(
    sandbox: &Sandbox,
    adapter: &Adapter,
    rehearsal: RehearsalGrant,
    keep: Keep,
    turn: &RunSlot,
) {
    let _ = sandbox.perform(adapter, rehearsal, keep, turn).await; //~ E0308
}

pub async fn a_look_is_no_rehearsal(
    sandbox: &Sandbox,
    adapter: &Adapter,
    read: ReadGrant,
    turn: &RunSlot,
) {
    let _ = sandbox.rehearse(adapter, read, turn).await; //~ E0308
}

pub async fn a_replay_is_no_rehearsal_with_upstreams(
    sandbox: &Sandbox,
    adapter: &Adapter,
    replay: ReplayGrant,
    turn: &RunSlot,
) {
    let _ = sandbox.rehearse(adapter, replay, turn).await; //~ E0308
}

pub async fn a_replay_reaches_no_upstream(
    sandbox: &Sandbox,
    adapter: &Adapter,
    replay: ReplayGrant,
    turn: &RunSlot,
) {
    let _ = sandbox.observe(adapter, replay, turn).await; //~ E0308
}

pub fn is_read<'a, T: serde::Deserialize<'a>>() {}
pub fn is_cloned<T: Clone>() {}

pub fn copies() {
    is_cloned::<Permit>(); //~ E0277
    is_cloned::<Durable>(); //~ E0277
    is_cloned::<Cleared>(); //~ E0277
    is_cloned::<LiveGrant>(); //~ E0277
    is_cloned::<ReadGrant>(); //~ E0277
    is_cloned::<RehearsalGrant>(); //~ E0277
    is_cloned::<ReplayGrant>(); //~ E0277
}

pub fn records() {
    is_read::<Permit>(); //~ E0277
    is_read::<Durable>(); //~ E0277
    is_read::<Cleared>(); //~ E0277
    is_read::<LiveGrant>(); //~ E0277
    is_read::<ReadGrant>(); //~ E0277
    is_read::<RehearsalGrant>(); //~ E0277
    is_read::<ReplayGrant>(); //~ E0277
}
