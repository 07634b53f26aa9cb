//! What one principal may cost the others: refusals are on account, and requests at once are counted.
//!
//! Takes what was answered, gives leave for the next request or the time to come back. It is kept in
//! memory: a restart forgives, and forgets nothing that matters.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::capacity::concurrency_limit::ConcurrencyLimit;
use crate::capacity::fair_share::Level;

/// What a principal may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How long one refusal is owed for: two are forgiven in a second.
    refusal: Duration,
    /// How much may be owed: 120 refusals in a row. A person who mistypes never gets there.
    owed_max: Duration,
    /// Requests in progress at once, however few others have.
    at_once_max: usize,
}

pub(crate) const LIMITS: Limits = Limits {
    refusal: Duration::from_millis(500),
    owed_max: Duration::from_mins(1),
    at_once_max: 128,
};
/// The parts of all connections that may carry requests of agents, and of people: neither keeps the other out.
/// The rest, an eighth, is for who is not known yet, or not at all.
const EIGHTHS_OF_AGENTS: usize = 5;
const EIGHTHS_OF_PEOPLE: usize = 2;

/// The halls of agents and of people.
#[derive(Debug)]
pub(crate) struct ConcurrencyLimits {
    pub(crate) agents: Arc<ConcurrencyLimit>,
    pub(crate) people: Arc<ConcurrencyLimit>,
}

impl ConcurrencyLimits {
    pub(crate) fn new(connections_max: usize, tenants: usize) -> Self {
        // A few at least, where the system lets the host have hardly any connections.
        let hall = |eighths: usize| {
            Arc::new(ConcurrencyLimit::new((connections_max * eighths / 8).max(1), tenants))
        };
        Self { agents: hall(EIGHTHS_OF_AGENTS), people: hall(EIGHTHS_OF_PEOPLE) }
    }
}

/// The account of one agent or person of one tenant.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: Limits,
    hall: Arc<ConcurrencyLimit>,
    tenant: String,
    account: Mutex<Account>,
}

#[derive(Debug)]
struct Account {
    /// When everything that is owed will have been forgiven.
    settled: Instant,
    at_once: usize,
}

/// Why there is no leave for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooMany {
    /// Too many requests of this principal were refused; one is forgiven after so many seconds.
    Refused { retry_s: u64 },
    /// Whose requests in progress are too many.
    InProgress(Level),
}

/// Leave for one request; dropping it says that the request is over.
#[derive(Debug)]
pub(crate) struct Leave(Arc<Budget>);

impl Leave {
    /// The account that the request is on.
    pub(crate) fn budget(&self) -> &Arc<Budget> {
        &self.0
    }
}

impl Budget {
    pub(crate) fn new(limits: Limits, hall: Arc<ConcurrencyLimit>, tenant: &str) -> Self {
        let account = Account { settled: Instant::now(), at_once: 0 };
        Self { limits, hall, tenant: tenant.to_owned(), account: Mutex::new(account) }
    }

    /// Leave for one request, unless too much is owed or under way. What is refused here costs nothing
    /// more: whoever waits as told gets in again.
    pub(crate) fn admit(self: &Arc<Self>, now: Instant) -> Result<Leave, TooMany> {
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
        Ok(Leave(Arc::clone(self)))
    }

    /// Puts one refusal on the account. Refusals of requests that were under way at once can add up to
    /// more than may be owed; twice as much is the end of that.
    pub(crate) fn charge(&self, now: Instant) {
        let mut account = self.lock();
        let owed = account.settled.saturating_duration_since(now) + self.limits.refusal;
        account.settled = now + owed.min(self.limits.owed_max * 2);
    }

    fn lock(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Leave {
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

    /// The account of one of the tenant, in a hall with room for four of each of two tenants.
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
