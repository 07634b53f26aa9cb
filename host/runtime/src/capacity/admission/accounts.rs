//! The admission counters for the host, each tenant and each agent. Every change updates the counters at all three
//! levels.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deed_store::group_commit::GroupCommit;

use super::limit::{Limit, Overload};
use crate::capacity::fair_share::{Held, Pool};
use crate::config::Limits;

#[derive(Debug)]
pub(super) struct AccountBook {
    pub(super) limits: Limits,
    pub(super) host: Account,
    pub(super) crowd: GroupCommit,
    pub(super) tenants: HashMap<String, Tenant>,
    /// The pool of places for actions under way.
    pub(super) pool: Pool,
    pub(super) refused: BTreeMap<Limit, u64>,
}

#[derive(Debug, Default)]
pub(super) struct Tenant {
    pub(super) account: Account,
    pub(super) agents: HashMap<String, Account>,
}

/// The counters of the host, of a tenant or of an agent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Account {
    pub(super) under_way: usize,
    /// The number of waiting actions. It may be negative for a moment, because the end of a wait may be counted before
    /// its beginning.
    pub(super) waiting: isize,
    /// Average time that recent actions were under way.
    pub(super) stay: Duration,
}

/// The counters that apply to one action.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accounts {
    pub(super) host: Account,
    pub(super) tenant: Account,
    pub(super) agent: Account,
}

impl AccountBook {
    pub(super) fn new(limits: Limits, pool: Pool, crowd: GroupCommit) -> Self {
        Self {
            limits,
            host: Account::default(),
            crowd,
            tenants: HashMap::new(),
            pool,
            refused: BTreeMap::new(),
        }
    }

    pub(super) fn of(&self, tenant: &str, agent: &str) -> Accounts {
        let tenant = self.tenants.get(tenant);
        let agent = tenant.and_then(|tenant| tenant.agents.get(agent)).copied();
        Accounts {
            host: self.host,
            tenant: tenant.map(|tenant| tenant.account).unwrap_or_default(),
            agent: agent.unwrap_or_default(),
        }
    }

    /// Changes the counters of the host, the tenant and the agent. The configuration and the journal's open actions
    /// limit the number of agents, and therefore the number of entries.
    pub(super) fn each(&mut self, tenant: &str, agent: &str, change: impl Fn(&mut Account)) {
        change(&mut self.host);
        self.crowd.is(self.host.under_way);
        if !self.tenants.contains_key(tenant) {
            self.tenants.insert(tenant.to_owned(), Tenant::default());
        }
        let Some(tenant) = self.tenants.get_mut(tenant) else { return };
        change(&mut tenant.account);
        match tenant.agents.get_mut(agent) {
            Some(agent) => change(agent),
            None => change(tenant.agents.entry(agent.to_owned()).or_default()),
        }
    }

    pub(super) fn refuse(&mut self, limit: Limit, retry_after_s: u64) -> Overload {
        *self.refused.entry(limit).or_default() += 1;
        Overload { limit, retry_after_s }
    }
}

impl Accounts {
    pub(super) fn map(self, count: impl Fn(Account) -> usize) -> Held {
        Held { host: count(self.host), tenant: count(self.tenant), agent: count(self.agent) }
    }
}

impl Account {
    /// Adds the duration of one action to the average. The first duration becomes the average, and each later duration
    /// enters the average with a weight of one eighth.
    pub(super) fn learn(&mut self, stay: Duration) {
        self.stay = if self.stay.is_zero() { stay } else { (self.stay * 7 + stay) / 8 };
    }

    pub(super) fn waiting(&self) -> usize {
        usize::try_from(self.waiting).unwrap_or(0)
    }
}

/// A panic cannot leave the counters inconsistent, so a poisoned mutex is used as it is.
pub(super) fn lock(book: &Mutex<AccountBook>) -> MutexGuard<'_, AccountBook> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}
