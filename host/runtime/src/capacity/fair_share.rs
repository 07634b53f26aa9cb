//! The fair-share rule, which decides whether a tenant or an agent may take one more place of a limited resource.
//!
//! Half of the places are guaranteed to tenants in equal parts. The other half is shared: a tenant may hold at most as
//! many shared places as stay free, and an agent may hold at most as many places as stay free for the other agents of
//! its tenant. A tenant or agent that holds few places can therefore always take one more place, even if others take as
//! many places as they can.
//!
//! The caller counts the places that are held. Run slots are not assigned by this rule: an action that finds no free
//! run slot is not refused, but waits in a queue of the sandbox.

use crate::config::Bounds;

/// The level at which a bound was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Host,
    Tenant,
    Agent,
}

/// The places that are already held at each level when one more is requested.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) host: usize,
    pub(crate) tenant: usize,
    pub(crate) agent: usize,
}

/// A pool of places that the tenants of a host share.
#[derive(Debug)]
pub(crate) struct Pool {
    bounds: Bounds,
    guaranteed: usize,
    shared: usize,
    /// The number of shared places that are held.
    shared_held: usize,
}

impl Pool {
    pub(crate) fn new(bounds: Bounds, tenants: usize) -> Self {
        let guaranteed = bounds.host / 2 / tenants.max(1);
        let shared = bounds.host - guaranteed * tenants;
        Self { bounds, guaranteed, shared, shared_held: 0 }
    }

    /// The level (host, tenant or agent) whose bound does not allow one more place; `None` if all levels allow the
    /// place.
    pub(crate) fn reached(&self, held: Held, agent_max: usize) -> Option<Level> {
        let bounds = Bounds { agent: agent_max.min(self.bounds.agent), ..self.bounds };
        reached(bounds, held, self.guaranteed, self.shared.saturating_sub(self.shared_held))
    }

    /// Whether the next place of a tenant that holds `tenant_held` places is a guaranteed one.
    pub(crate) fn is_guaranteed(&self, tenant_held: usize) -> bool {
        tenant_held < self.guaranteed
    }

    /// Records that a tenant takes one more place. `tenant_held` is the number of places that it held before.
    pub(crate) fn take(&mut self, tenant_held: usize) {
        self.shared_held += usize::from(!self.is_guaranteed(tenant_held));
    }

    /// Records that a tenant gives a place back. `tenant_left` is the number of places that it holds afterwards.
    pub(crate) fn give_back(&mut self, tenant_left: usize) {
        let shared = usize::from(!self.is_guaranteed(tenant_left));
        self.shared_held = self.shared_held.saturating_sub(shared);
    }
}

/// Applies the rule to a pool in which no places are guaranteed.
pub(crate) fn reached_of_free(bounds: Bounds, held: Held) -> Option<Level> {
    reached(bounds, held, 0, bounds.host.saturating_sub(held.host))
}

fn reached(bounds: Bounds, held: Held, guaranteed: usize, free: usize) -> Option<Level> {
    let beyond = held.tenant.saturating_sub(guaranteed);
    // The total number of places that the tenant could hold if it continued to take places.
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
