//! The table of run slots: who has slots, who waits, and which caller is next. The table does no I/O and never blocks.
//!
//! The next slot goes to the tenant with the fewest slots, and within the tenant to the agent with the fewest. Among
//! tenants or agents with equally many slots, the one that was served longest ago comes first. The table never gives
//! out more slots than exist, and never lets more runs reach an upstream than the upstream accepts.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::{RunRequest, Standing, UpstreamLoad};
use crate::limits;

/// A tenant may have at most this many times as many slots as stay free. Of 64 slots, one tenant can thus have 56, so
/// that another tenant need not wait for a slow run to end.
const TENANT_SHARE: usize = 8;
/// An agent may have at most this many times as many slots as stay free. Of 64 slots, one agent can thus have 51.
const AGENT_SHARE: usize = 4;
/// How long a waiting run that needs several upstreams at once waits, in events of the queue, until places at its
/// upstreams are reserved for it.
const PATIENCE: u64 = 128;

/// Slots, shares and the queue. `W` is the handle through which a waiting caller gets its slot.
#[derive(Debug)]
pub(super) struct RunTable<W> {
    slots: usize,
    taken: usize,
    /// Current runs of adapters with WASI, of all tenants.
    wasi: usize,
    /// Counts events and serves as a logical clock.
    now: u64,
    tenants: HashMap<String, Tenant>,
    /// The waiting callers, in one lane for each distinct request. No lane is empty.
    lanes: Vec<Lane<W>>,
}

#[derive(Debug, Default)]
struct Tenant {
    share: Share,
    agents: HashMap<String, Share>,
    /// Number of current runs that may reach each upstream.
    upstreams: HashMap<String, usize>,
}

/// The slots that one tenant or agent has, and the slots that it waits for.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    taken: usize,
    queued: usize,
    served: u64,
}

/// Waiting callers with equal requests, in the order in which they joined the queue.
#[derive(Debug)]
struct Lane<W> {
    claim: Arc<RunRequest>,
    queue: VecDeque<(u64, W)>,
}

impl<W> Lane<W> {
    fn head(&self) -> u64 {
        self.queue.front().map_or(u64::MAX, |(ticket, _)| *ticket)
    }
}

impl<W> RunTable<W> {
    pub(super) fn new(slots: usize) -> Self {
        Self { slots, taken: 0, wasi: 0, now: 0, tenants: HashMap::new(), lanes: Vec::new() }
    }

    /// Takes a slot at once, if one is free and no caller is waiting.
    pub(super) fn take(&mut self, claim: &RunRequest) -> bool {
        let free = self.lanes.is_empty() && self.fits(claim);
        if free {
            self.book(claim);
        }
        free
    }

    /// Adds a caller to the queue and returns the ticket with which the caller can leave the queue.
    pub(super) fn ask(&mut self, claim: &Arc<RunRequest>, who: W) -> u64 {
        self.now += 1;
        let ticket = self.now;
        self.change(claim, |share| share.queued += 1);
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.claim == *claim) {
            lane.queue.push_back((ticket, who));
        } else {
            self.lanes.push(Lane { claim: Arc::clone(claim), queue: [(ticket, who)].into() });
        }
        ticket
    }

    /// Removes a ticket from the queue. Returns false when the ticket is no longer in the queue.
    pub(super) fn leave(&mut self, ticket: u64) -> bool {
        let place = |lane: &Lane<W>| lane.queue.iter().position(|(one, _)| *one == ticket);
        let found = self.lanes.iter_mut().find_map(|lane| {
            let at = place(lane)?;
            lane.queue.remove(at)?;
            Some(Arc::clone(&lane.claim))
        });
        let Some(claim) = found else { return false };
        self.change(&claim, |share| share.queued -= 1);
        self.tidy(&claim);
        true
    }

    /// Gives a free slot to the caller whose turn it is. Returns `None` if no waiting caller can have a slot now.
    pub(super) fn next(&mut self) -> Option<(Arc<RunRequest>, W)> {
        let starving = self.starving();
        let may = |lane: &&Lane<W>| self.fits(&lane.claim) && !self.in_the_way(lane, starving);
        let next = self.lanes.iter().filter(may).min_by_key(|lane| self.rank(lane))?;
        let claim = Arc::clone(&next.claim);
        let lane = self.lanes.iter_mut().find(|lane| lane.claim == claim)?;
        let (_, who) = lane.queue.pop_front()?;
        self.change(&claim, |share| share.queued -= 1);
        self.book(&claim);
        self.lanes.retain(|lane| !lane.queue.is_empty());
        Some((claim, who))
    }

    pub(super) fn give_back(&mut self, claim: &RunRequest) {
        self.taken -= 1;
        self.wasi -= usize::from(claim.wasi);
        self.change(claim, |share| share.taken -= 1);
        if let Some(tenant) = self.tenants.get_mut(&claim.tenant) {
            for (name, _) in &claim.upstreams {
                tenant.upstreams.entry(name.clone()).and_modify(|taken| *taken -= 1);
            }
        }
        self.tidy(claim);
    }

    /// The first upstream of this request that already has its maximum number of runs, or `wasi` if no more adapters
    /// with WASI may run.
    pub(super) fn crowded<'a>(&self, claim: &'a RunRequest) -> Option<&'a str> {
        if claim.wasi && self.wasi >= limits::WASI_RUNS {
            return Some("wasi");
        }
        let full = |(name, most): &&(String, usize)| self.reaching(&claim.tenant, name) >= *most;
        claim.upstreams.iter().find(full).map(|(name, _)| name.as_str())
    }

    pub(super) fn standing(&self) -> Standing {
        let queued = self.lanes.iter().map(|lane| lane.queue.len()).sum();
        let mut upstreams = Vec::new();
        for (tenant, one) in &self.tenants {
            let waits = |name: &String| {
                let lanes = self.lanes.iter().filter(|lane| lane.claim.tenant == *tenant);
                let lanes =
                    lanes.filter(|lane| lane.claim.upstreams.iter().any(|(n, _)| n == name));
                lanes.map(|lane| lane.queue.len()).sum()
            };
            upstreams.extend(one.upstreams.iter().map(|(name, taken)| UpstreamLoad {
                tenant: tenant.clone(),
                upstream: name.clone(),
                taken: *taken,
                queued: waits(name),
            }));
        }
        upstreams.sort();
        Standing { taken: self.taken, queued, upstreams }
    }

    /// Whether a slot is free for this request, regardless of other waiting callers.
    fn fits(&self, claim: &RunRequest) -> bool {
        let free = self.slots - self.taken;
        let (tenant, agent) = self.shares(claim);
        free > 0
            && tenant.taken < free.saturating_mul(TENANT_SHARE)
            && agent.taken < free.saturating_mul(AGENT_SHARE)
            && self.crowded(claim).is_none()
    }

    /// The sort key of a lane. The lane whose tenant and agent have the fewest slots comes first.
    fn rank(&self, lane: &Lane<W>) -> (usize, u64, usize, u64, u64) {
        let (tenant, agent) = self.shares(&lane.claim);
        (tenant.taken, tenant.served, agent.taken, agent.served, lane.head())
    }

    /// The longest-waiting request that needs several upstreams at once and has waited too long. Places are reserved
    /// for this request, because upstreams that are always nearly full might otherwise never have room for the request
    /// at the same time.
    fn starving(&self) -> Option<&Arc<RunRequest>> {
        let old = |lane: &&Lane<W>| self.now.saturating_sub(lane.head()) > PATIENCE;
        let several = |lane: &&Lane<W>| lane.claim.upstreams.len() > 1;
        let lanes = self.lanes.iter().filter(several).filter(old);
        lanes.min_by_key(|lane| lane.head()).map(|lane| &lane.claim)
    }

    /// Whether a run of this lane would take the last place at an upstream, while that place is reserved for the
    /// starving request.
    fn in_the_way(&self, lane: &Lane<W>, starving: Option<&Arc<RunRequest>>) -> bool {
        let Some(starving) = starving.filter(|one| **one != lane.claim) else { return false };
        let last = |(name, most): &(String, usize)| {
            let shares = lane.claim.upstreams.iter().any(|(n, _)| n == name);
            shares && self.reaching(&starving.tenant, name) + 1 >= *most
        };
        starving.tenant == lane.claim.tenant && starving.upstreams.iter().any(last)
    }

    fn shares(&self, claim: &RunRequest) -> (Share, Share) {
        let Some(tenant) = self.tenants.get(&claim.tenant) else { return Default::default() };
        (tenant.share, tenant.agents.get(&claim.agent).copied().unwrap_or_default())
    }

    fn reaching(&self, tenant: &str, upstream: &str) -> usize {
        self.tenants.get(tenant).and_then(|one| one.upstreams.get(upstream)).copied().unwrap_or(0)
    }

    fn book(&mut self, claim: &RunRequest) {
        self.now += 1;
        let now = self.now;
        self.taken += 1;
        self.wasi += usize::from(claim.wasi);
        self.change(claim, |share| {
            share.taken += 1;
            share.served = now;
        });
        let tenant = self.tenants.entry(claim.tenant.clone()).or_default();
        for (name, _) in &claim.upstreams {
            *tenant.upstreams.entry(name.clone()).or_default() += 1;
        }
    }

    fn change(&mut self, claim: &RunRequest, change: impl Fn(&mut Share)) {
        if !self.tenants.contains_key(&claim.tenant) {
            self.tenants.insert(claim.tenant.clone(), Tenant::default());
        }
        let Some(tenant) = self.tenants.get_mut(&claim.tenant) else { return };
        change(&mut tenant.share);
        match tenant.agents.get_mut(&claim.agent) {
            Some(agent) => change(agent),
            None => change(tenant.agents.entry(claim.agent.clone()).or_default()),
        }
    }

    /// Removes the tenant or agent of a request if it neither has nor waits for a slot, so that the table does not grow
    /// beyond the current load.
    fn tidy(&mut self, claim: &RunRequest) {
        self.lanes.retain(|lane| !lane.queue.is_empty());
        let idle = |share: &Share| share.taken == 0 && share.queued == 0;
        let Some(tenant) = self.tenants.get_mut(&claim.tenant) else { return };
        if idle(&tenant.share) {
            self.tenants.remove(&claim.tenant);
        } else if tenant.agents.get(&claim.agent).is_some_and(idle) {
            tenant.agents.remove(&claim.agent);
        }
    }
}

#[cfg(test)]
mod tests;
