//! Each function tries to use a permit, a grant or a proof of durability a second time.

use deed_record::policy::{PermitBasis, Permit};
use deed_sandbox::grant::{self, Cleared, LiveGrant, ReadGrant, RehearsalGrant, ReplayGrant, Scope};
use deed_sandbox::{Adapter, Keep, RunSlot, Sandbox};
use deed_store::store::Durable;

pub fn a_permit_clears_once(permit: Permit, one: Scope, other: Scope, basis: &PermitBasis) {
    let _ = grant::clear(permit, one, basis);
    let _ = grant::clear(permit, other, basis); //~ E0382
}

pub fn a_proof_starts_once(one: Cleared, other: Cleared, proof: Durable) {
    let _ = grant::spend(one, proof);
    let _ = grant::spend(other, proof); //~ E0382
}

pub fn a_cleared_action_starts_once(cleared: Cleared, one: Durable, other: Durable) {
    let _ = grant::spend(cleared, one);
    let _ = grant::spend(cleared, other); //~ E0382
}

pub async fn a_live_grant_runs_once(
    sandbox: &Sandbox,
    adapter: &Adapter,
    live: LiveGrant,
    keep: Keep,
    turn: &RunSlot,
) {
    let _ = sandbox.perform(adapter, live, Keep::clone(&keep), turn).await;
    let _ = sandbox.perform(adapter, live, keep, turn).await; //~ E0382
}

pub async fn a_read_grant_looks_once(
    sandbox: &Sandbox,
    adapter: &Adapter,
    read: ReadGrant,
    turn: &RunSlot,
) {
    let _ = sandbox.observe(adapter, read, turn).await;
    let _ = sandbox.observe(adapter, read, turn).await; //~ E0382
}

pub async fn a_rehearsal_grant_runs_once(
    sandbox: &Sandbox,
    adapter: &Adapter,
    rehearsal: RehearsalGrant,
    turn: &RunSlot,
) {
    let _ = sandbox.rehearse(adapter, rehearsal, turn).await;
    let _ = sandbox.rehearse(adapter, rehearsal, turn).await; //~ E0382
}

pub async fn a_replay_grant_runs_once(sandbox: &Sandbox, adapter: &Adapter, replay: ReplayGrant) {
    let _ = sandbox.replay(adapter, replay).await;
    let _ = sandbox.replay(adapter, replay).await; //~ E0382
}
