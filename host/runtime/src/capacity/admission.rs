//! Admission control: accepts or refuses new work depending on how many actions are under way. A refusal names the
//! limit and the time to retry, and happens before anything is written. Accepted work is never dropped.
//!
//! The counters are updated when an `ActivePlace` is taken or released, and on every append to the journal. The host
//! never scans all actions to count them.

mod accounts;
mod limit;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Story;
use deed_store::group_commit::GroupCommit;

use self::accounts::{Account, AccountBook, Tenant, lock};
pub use self::limit::{Limit, Overload};
use super::fair_share::{Level, Pool, reached_of_free};
use crate::config::Limits;

/// The retry delay for limits on actions that wait for people. People take minutes to answer, so a shorter delay would
/// not help.
const PEOPLE_RETRY_S: u64 = 60;
/// Upper limit of `retry_after_s` for limits on actions under way.
const RETRY_MAX_S: u64 = 60;
/// Actions that a person's answer continues may exceed the host's limit on actions under way by one fourth, so that the
/// actions of agents cannot block approvals.
const FOR_PEOPLE: usize = 4;

/// How many actions of a tenant are under way, and how many wait for people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Load {
    pub tenant: String,
    pub under_way: usize,
    pub waiting: usize,
}

/// The admission counters. Clones are cheap and share the same counters.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    book: Arc<Mutex<AccountBook>>,
}

/// The place that an action under way occupies. The place is released on drop, when the action waits, has ended or was
/// not accepted.
#[derive(Debug)]
pub(crate) struct ActivePlace {
    book: Arc<Mutex<AccountBook>>,
    tenant: String,
    agent: String,
    since: Instant,
    carries: bool,
}

impl ActivePlace {
    /// Marks that an action uses this place, so that its duration is included in the average.
    pub(crate) fn carrying(self) -> Self {
        let mut course = self;
        course.carries = true;
        course
    }
}

impl Drop for ActivePlace {
    fn drop(&mut self) {
        let stay = self.since.elapsed();
        let mut book = lock(&self.book);
        let left = book.of(&self.tenant, &self.agent).tenant.under_way.saturating_sub(1);
        book.pool.give_back(left);
        book.each(&self.tenant, &self.agent, |account| {
            account.under_way = account.under_way.saturating_sub(1);
            // A place that was taken for a refused or already known proposal never carried an action, so its duration
            // would distort the average.
            if self.carries {
                account.learn(stay);
            }
        });
    }
}

impl Admission {
    /// `crowd` receives every new number of actions under way.
    pub(crate) fn new(limits: Limits, tenants: usize, crowd: GroupCommit) -> Self {
        let book = AccountBook::new(limits, Pool::new(limits.under_way, tenants), crowd);
        Self { book: Arc::new(Mutex::new(book)) }
    }

    /// Applies other limits to new work. Work that was accepted keeps its place, even if the limits are lower now.
    pub(crate) fn change(&self, limits: Limits, tenants: usize) {
        let mut book = lock(&self.book);
        let mut pool = Pool::new(limits.under_way, tenants);
        for tenant in book.tenants.values() {
            (0..tenant.account.under_way).for_each(|held| pool.take(held));
        }
        (book.limits, book.pool) = (limits, pool);
    }

    /// Takes a place for a proposal. Fails when the agent, the tenant or the host has too many actions under way.
    pub(crate) fn admit(&self, tenant: &str, agent: &str) -> Result<ActivePlace, Overload> {
        let mut book = lock(&self.book);
        let has = book.of(tenant, agent);
        let under_way = has.map(|account| account.under_way);
        match book.pool.reached(under_way, book.limits.under_way.agent) {
            None => Ok(self.begin(&mut book, tenant, agent)),
            Some(Level::Agent) => Err(book.refuse(Limit::AgentUnderWay, seconds(has.agent.stay))),
            Some(Level::Tenant) => {
                Err(book.refuse(Limit::TenantUnderWay, seconds(has.tenant.stay)))
            }
            Some(Level::Host) => Err(book.refuse(Limit::HostUnderWay, seconds(has.host.stay))),
        }
    }

    /// Takes a place for an action that a person's answer continues. Fails when the host has reached its limit plus the
    /// margin for people.
    pub(crate) fn admit_answer(&self, tenant: &str, agent: &str) -> Result<ActivePlace, Overload> {
        let mut book = lock(&self.book);
        let most = book.limits.under_way.host;
        let own = book.of(tenant, agent).tenant.under_way;
        // The check does not apply to a tenant's guaranteed places, because approvals of other tenants cannot take
        // them.
        if !book.pool.is_guaranteed(own) && book.host.under_way >= most + most / FOR_PEOPLE {
            let stay = book.host.stay;
            return Err(book.refuse(Limit::HostUnderWay, seconds(stay)));
        }
        Ok(self.begin(&mut book, tenant, agent))
    }

    /// Takes a place for an action that was accepted before. This never fails.
    pub(crate) fn enter(&self, tenant: &str, agent: &str) -> ActivePlace {
        self.begin(&mut lock(&self.book), tenant, agent)
    }

    /// The limit that may not allow one more action to wait for people. Every action under way is counted as if it also
    /// had to wait; returns `None` if the limits allow even that.
    pub(crate) fn full_of_waiting(&self, tenant: &str, agent: &str) -> Option<Limit> {
        // The action that may have to wait is already counted as under way.
        let may = |account: Account| {
            account.waiting().saturating_add(account.under_way).saturating_sub(1)
        };
        let book = lock(&self.book);
        reached_of_free(book.limits.waiting, book.of(tenant, agent).map(may)).map(|level| {
            match level {
                Level::Agent => Limit::AgentWaiting,
                Level::Tenant => Limit::TenantWaiting,
                Level::Host => Limit::HostWaiting,
            }
        })
    }

    /// Counts the refusal of an action that would have to wait for people, and returns the error.
    pub(crate) fn refuse_to_wait(&self, limit: Limit) -> Overload {
        lock(&self.book).refuse(limit, PEOPLE_RETRY_S)
    }

    /// Counts the refusal of an action whose access token could not be held, and returns the error.
    pub(crate) fn refuse_to_hold(&self) -> Overload {
        lock(&self.book).refuse(Limit::TenantTokens, PEOPLE_RETRY_S)
    }

    /// Counts an action that was already waiting when the host started.
    pub(crate) fn remember(&self, tenant: &str, agent: &str) {
        lock(&self.book).each(tenant, agent, |account| account.waiting += 1);
    }

    /// Updates the counters after the status of an action changed.
    pub(crate) fn moved(&self, from: Status, story: &Story) {
        let change = waits(story.status) - waits(from);
        if change != 0 {
            let action = &story.bound.action;
            let mut book = lock(&self.book);
            book.each(&action.tenant, &action.principal, |account| account.waiting += change);
        }
    }

    /// The number of actions that are under way and the number that wait for people, for each tenant.
    pub(crate) fn loads(&self) -> Vec<Load> {
        let book = lock(&self.book);
        let load = |(name, tenant): (&String, &Tenant)| Load {
            tenant: name.clone(),
            under_way: tenant.account.under_way,
            waiting: tenant.account.waiting(),
        };
        let mut loads: Vec<Load> = book.tenants.iter().map(load).collect();
        loads.sort();
        loads
    }

    /// How often each limit refused new work.
    pub(crate) fn refused(&self) -> [(Limit, u64); Limit::ALL.len()] {
        let book = lock(&self.book);
        Limit::ALL.map(|limit| (limit, book.refused.get(&limit).copied().unwrap_or(0)))
    }

    fn begin(&self, book: &mut AccountBook, tenant: &str, agent: &str) -> ActivePlace {
        let had = book.of(tenant, agent).tenant.under_way;
        book.pool.take(had);
        book.each(tenant, agent, |account| account.under_way += 1);
        let (tenant, agent) = (tenant.to_owned(), agent.to_owned());
        let book = Arc::clone(&self.book);
        ActivePlace { book, tenant, agent, since: Instant::now(), carries: false }
    }
}

/// Returns 1 if an action with this status counts as waiting, otherwise 0. The statuses are compared by the names that
/// callers see, as on startup. Therefore an action whose approval became stale and is requested again also counts as
/// waiting.
fn waits(status: Status) -> isize {
    isize::from(status.word() == Status::Waiting.word())
}

/// Estimates from the recent average duration of actions after how many seconds a place becomes free.
fn seconds(stay: Duration) -> u64 {
    stay.as_secs().saturating_add(1).min(RETRY_MAX_S)
}

#[cfg(test)]
mod tests;
