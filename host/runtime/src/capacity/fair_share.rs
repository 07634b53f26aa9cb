//! The rule of shares: whether somebody may have one more of what is scarce. Takes the bounds and who has how
//! much, gives whose bound is reached.
//!
//! Never counts: whoever asks does.

use crate::config::Bounds;

/// Whose bound it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Host,
    Tenant,
    Agent,
}

/// Whose bound keeps one more out, if any. Beyond what it has for sure a tenant has no more of what is
/// `free` for all than it leaves, and an agent no more than it leaves to its tenant's others: there is
/// always room for who has little, however many are greedy.
pub(crate) fn reached(
    bounds: Bounds,
    [host, tenant, agent]: [usize; 3],
    sure: usize,
    free: usize,
) -> Option<Level> {
    let beyond = tenant.saturating_sub(sure);
    // What the tenant could have in all if it took more and more.
    let share = bounds.tenant.min(sure.saturating_add(beyond.saturating_add(free).div_ceil(2)));
    let left = share.saturating_sub(tenant);
    if host >= bounds.host && beyond_sure(tenant, sure) {
        Some(Level::Host)
    } else if agent >= bounds.agent {
        Some(Level::Agent)
    } else if left == 0 {
        Some(Level::Tenant)
    } else {
        (agent >= left).then_some(Level::Agent)
    }
}

/// Whether one more would not be among the places that its tenant has for sure.
fn beyond_sure(tenant: usize, sure: usize) -> bool {
    tenant >= sure
}
