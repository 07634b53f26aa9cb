//! The one rule of fair shares: whether somebody may have one more of what is scarce.
//!
//! Half of the places are guaranteed to tenants in equal parts. The others are shared: of those a tenant has no more
//! than it leaves free, and an agent no more than it leaves to the others of its tenant. So there is always a place
//! for who has little, however many are greedy.
//!
//! Who has how many places is counted by whoever asks. Slots to run are not among these places: nobody is refused one,
//! so the sandbox queues for them, and says who is next.

use crate::config::Bounds;

/// Whose bound it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Host,
    Tenant,
    Agent,
}

/// What somebody asks one more place for, and what is held already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) host: usize,
    pub(crate) tenant: usize,
    pub(crate) agent: usize,
}

/// Places that the tenants of a host share.
#[derive(Debug)]
pub(crate) struct Pool {
    bounds: Bounds,
    guaranteed: usize,
    shared: usize,
    /// How many shared places are held.
    shared_held: usize,
}

impl Pool {
    pub(crate) fn new(bounds: Bounds, tenants: usize) -> Self {
        let guaranteed = bounds.host / 2 / tenants.max(1);
        let shared = bounds.host - guaranteed * tenants;
        Self { bounds, guaranteed, shared, shared_held: 0 }
    }

    /// Whose bound keeps one more out, if any.
    pub(crate) fn reached(&self, held: Held, agent_max: usize) -> Option<Level> {
        let bounds = Bounds { agent: agent_max.min(self.bounds.agent), ..self.bounds };
        reached(bounds, held, self.guaranteed, self.shared.saturating_sub(self.shared_held))
    }

    /// Whether the next place of a tenant that has so many is one of its guaranteed ones.
    pub(crate) fn is_guaranteed(&self, tenant_held: usize) -> bool {
        tenant_held < self.guaranteed
    }

    /// A tenant takes one more place than it had.
    pub(crate) fn take(&mut self, tenant_held: usize) {
        self.shared_held += usize::from(!self.is_guaranteed(tenant_held));
    }

    /// A tenant gives a place back, and has so many left.
    pub(crate) fn give_back(&mut self, tenant_left: usize) {
        let shared = usize::from(!self.is_guaranteed(tenant_left));
        self.shared_held = self.shared_held.saturating_sub(shared);
    }
}

/// The rule, for places none of which is guaranteed.
pub(crate) fn reached_of_free(bounds: Bounds, held: Held) -> Option<Level> {
    reached(bounds, held, 0, bounds.host.saturating_sub(held.host))
}

fn reached(bounds: Bounds, held: Held, guaranteed: usize, free: usize) -> Option<Level> {
    let beyond = held.tenant.saturating_sub(guaranteed);
    // What the tenant could have in all if it took more and more.
    let share =
        bounds.tenant.min(guaranteed.saturating_add(beyond.saturating_add(free).div_ceil(2)));
    let left = share.saturating_sub(held.tenant);
    if held.host >= bounds.host && held.tenant >= guaranteed {
        Some(Level::Host)
    } else if held.agent >= bounds.agent {
        Some(Level::Agent)
    } else if left == 0 {
        Some(Level::Tenant)
    } else {
        (held.agent >= left).then_some(Level::Agent)
    }
}
