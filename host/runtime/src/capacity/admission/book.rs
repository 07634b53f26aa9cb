//! The accounts of admission: what the host, each tenant and each agent has. A change of one is a change of all three.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deed_store::group_commit::GroupCommit;

use super::limit::{Limit, Overload};
use crate::capacity::fair_share::{Held, Pool};

#[derive(Debug)]
pub(super) struct Book {
    pub(super) host: Account,
    pub(super) crowd: GroupCommit,
    pub(super) tenants: HashMap<String, Tenant>,
    /// The places of actions under way.
    pub(super) pool: Pool,
    pub(super) refused: BTreeMap<Limit, u64>,
}

#[derive(Debug, Default)]
pub(super) struct Tenant {
    pub(super) account: Account,
    pub(super) agents: HashMap<String, Account>,
}

/// What the host, a tenant or an agent has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Account {
    pub(super) under_way: usize,
    /// Below zero for a moment: who ends a wait may be counted before who began it.
    pub(super) waiting: isize,
    /// How long its actions were under way, of late.
    pub(super) stay: Duration,
}

/// The accounts that an action counts on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accounts {
    pub(super) host: Account,
    pub(super) tenant: Account,
    pub(super) agent: Account,
}

impl Book {
    pub(super) fn new(pool: Pool, crowd: GroupCommit) -> Self {
        Self { host: Account::default(), crowd, tenants: HashMap::new(), pool, refused: BTreeMap::new() }
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

    /// Changes the accounts of the host, the tenant and the agent alike. There are as many as there are
    /// agents in the configuration and in the journal's open actions.
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
    /// One more of its actions came to rest: the first is all that is known, then each counts for an eighth.
    pub(super) fn learn(&mut self, stay: Duration) {
        self.stay = if self.stay.is_zero() { stay } else { (self.stay * 7 + stay) / 8 };
    }

    pub(super) fn waiting(&self) -> usize {
        usize::try_from(self.waiting).unwrap_or(0)
    }
}

/// Whoever panicked left whole numbers behind.
pub(super) fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}
