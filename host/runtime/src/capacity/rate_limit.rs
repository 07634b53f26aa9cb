//! The limits of each principal. Refusals are charged to a budget that recovers over time, and the number of requests
//! in progress is limited.
//!
//! Budgets are kept only in memory, so a restart of the host resets them. Such a reset does no harm. A reload of the
//! configuration resets no budget.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::capacity::concurrency_limit::ConcurrencyLimit;
use crate::capacity::fair_share::Level;

/// The limits of a principal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How long one refusal counts against the budget. The budget recovers two refusals per second.
    refusal: Duration,
    /// The maximum debt, which is reached after 120 refusals in a row. The limit is too high for a person's typing
    /// errors to reach it.
    owed_max: Duration,
    /// Maximum number of requests of one principal in progress, which applies even if other principals have few
    /// requests.
    at_once_max: usize,
}

pub(crate) const LIMITS: Limits = Limits {
    refusal: Duration::from_millis(500),
    owed_max: Duration::from_mins(1),
    at_once_max: 128,
};
/// How many eighths of all connections may carry requests of agents and of people, so that neither group can block the
/// other. The last eighth is for callers that are not yet, or cannot be, authenticated.
const EIGHTHS_OF_AGENTS: usize = 5;
const EIGHTHS_OF_PEOPLE: usize = 2;

/// The concurrency limits for agents and for people. Clones share the limits.
#[derive(Clone, Debug)]
pub(crate) struct ConcurrencyLimits {
    pub(crate) agents: Arc<ConcurrencyLimit>,
    pub(crate) people: Arc<ConcurrencyLimit>,
}

impl ConcurrencyLimits {
    pub(crate) fn new(connections_max: usize, tenants: usize) -> Self {
        // Each group gets at least one place, even if the operating system allows the host very few connections.
        let hall = |eighths: usize| {
            Arc::new(ConcurrencyLimit::new((connections_max * eighths / 8).max(1), tenants))
        };
        Self { agents: hall(EIGHTHS_OF_AGENTS), people: hall(EIGHTHS_OF_PEOPLE) }
    }
}

/// The budget of one agent or person of a tenant.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: Limits,
    hall: Arc<ConcurrencyLimit>,
    tenant: String,
    account: Mutex<Account>,
}

#[derive(Debug)]
struct Account {
    /// When the debt will be back to zero.
    settled: Instant,
    at_once: usize,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooMany {
    /// Too many requests of this principal were refused. The next request is admitted after `retry_s` seconds.
    Refused { retry_s: u64 },
    /// Too many requests of this principal, of its tenant or of the host are in progress.
    InProgress(Level),
}

/// Permission for one request. Dropping the permit marks the request as finished.
#[derive(Debug)]
pub(crate) struct RequestPermit(Arc<Budget>);

impl RequestPermit {
    /// The budget that the request is charged to.
    pub(crate) fn budget(&self) -> &Arc<Budget> {
        &self.0
    }
}

impl Budget {
    pub(crate) fn new(limits: Limits, hall: Arc<ConcurrencyLimit>, tenant: &str) -> Self {
        let account = Account { settled: Instant::now(), at_once: 0 };
        Self { limits, hall, tenant: tenant.to_owned(), account: Mutex::new(account) }
    }

    /// Permits one request. Fails when the debt is too high or too many requests are in progress. A refusal by this
    /// function is not charged, so a caller that waits for the stated time is admitted.
    pub(crate) fn admit(self: &Arc<Self>, now: Instant) -> Result<RequestPermit, TooMany> {
        let mut account = self.lock();
        let owed = account.settled.saturating_duration_since(now);
        let most = self.limits.owed_max.saturating_sub(self.limits.refusal);
        if owed > most {
            let wait = owed.saturating_sub(most).as_secs().saturating_add(1);
            return Err(TooMany::Refused { retry_s: wait });
        }
        let entered = self.hall.enter(&self.tenant, account.at_once, self.limits.at_once_max);
        entered.map_err(TooMany::InProgress)?;
        account.at_once += 1;
        Ok(RequestPermit(Arc::clone(self)))
    }

    /// Charges one refusal. Refusals of concurrent requests can exceed the maximum debt, so the debt is capped at twice
    /// the maximum.
    pub(crate) fn charge(&self, now: Instant) {
        let mut account = self.lock();
        let owed = account.settled.saturating_duration_since(now) + self.limits.refusal;
        account.settled = now + owed.min(self.limits.owed_max * 2);
    }

    fn lock(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RequestPermit {
    fn drop(&mut self) {
        let mut account = self.0.lock();
        account.at_once = account.at_once.saturating_sub(1);
        self.0.hall.leave(&self.0.tenant);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: Limits = Limits {
        refusal: Duration::from_millis(500),
        owed_max: Duration::from_secs(2),
        at_once_max: 2,
    };

    /// The budget of one principal, with eight places for two tenants.
    fn one() -> Arc<Budget> {
        Arc::new(Budget::new(FEW, Arc::new(ConcurrencyLimit::new(8, 2)), "acme"))
    }

    #[test]
    fn refusals_are_forgiven_with_time_and_not_before() {
        let (budget, now) = (one(), Instant::now());
        for _ in 0..4 {
            assert!(budget.admit(now).is_ok());
            budget.charge(now);
        }
        assert!(budget.admit(now).is_err(), "four refusals are owed");
        assert!(budget.admit(now + Duration::from_millis(400)).is_err());
        let later = now + Duration::from_millis(500);
        assert!(budget.admit(later).is_ok(), "one was forgiven");
        budget.charge(later);
        assert!(budget.admit(later).is_err());
        assert!(budget.admit(later + Duration::from_secs(2)).is_ok());
    }

    #[test]
    fn what_was_under_way_at_once_is_not_owed_for_ever() {
        let (budget, now) = (one(), Instant::now());
        (0..1_000).for_each(|_| budget.charge(now));
        assert!(budget.admit(now + Duration::from_secs(2)).is_err());
        assert!(budget.admit(now + Duration::from_secs(3)).is_ok());
    }

    #[test]
    fn requests_at_once_are_counted_until_they_are_over() {
        let (budget, now) = (one(), Instant::now());
        let (first, second) = (budget.admit(now).unwrap(), budget.admit(now).unwrap());
        assert!(budget.admit(now).is_err());
        drop(first);
        assert!(budget.admit(now).is_ok());
        drop(second);
    }

    #[test]
    fn neither_agents_nor_people_keep_the_other_out() {
        let (halls, now) = (ConcurrencyLimits::new(16, 1), Instant::now());
        let of =
            |hall: &Arc<ConcurrencyLimit>| Arc::new(Budget::new(FEW, Arc::clone(hall), "acme"));
        let mut held = Vec::new();
        while let Ok(leave) = of(&halls.agents).admit(now) {
            held.push(leave);
        }
        assert!(held.len() < 10, "its own half and a part of the rest: {}", held.len());
        let person = of(&halls.people);
        assert!(person.admit(now).is_ok());
        drop(held);
        assert!(of(&halls.agents).admit(now).is_ok());
    }
}
