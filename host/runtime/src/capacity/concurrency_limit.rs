//! Limits the number of requests in progress, either of all agents or of all people. Places are assigned by the
//! fair-share rule of [`fair_share`](super::fair_share).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::capacity::fair_share::{Held, Level, Pool};
use crate::config::Bounds;

/// How many places each tenant holds.
#[derive(Debug)]
pub(crate) struct ConcurrencyLimit(Mutex<Places>);

#[derive(Debug)]
struct Places {
    pool: Pool,
    held: usize,
    /// The map has at most one entry per configured tenant.
    tenants: HashMap<String, usize>,
}

impl ConcurrencyLimit {
    pub(crate) fn new(places: usize, tenants: usize) -> Self {
        let bounds = Bounds { host: places, tenant: places, agent: places };
        let pool = Pool::new(bounds, tenants);
        Self(Mutex::new(Places { pool, held: 0, tenants: HashMap::new() }))
    }

    /// Takes a place for an agent or person that holds `own` places and may hold at most `own_max`. Fails with the
    /// level (host, tenant or agent) whose bound is reached.
    pub(crate) fn enter(&self, tenant: &str, own: usize, own_max: usize) -> Result<(), Level> {
        let mut places = self.lock();
        let of_tenant = places.tenants.get(tenant).copied().unwrap_or(0);
        let held = Held { host: places.held, tenant: of_tenant, agent: own };
        if let Some(level) = places.pool.reached(held, own_max) {
            return Err(level);
        }
        places.held += 1;
        places.pool.take(of_tenant);
        *places.tenants.entry(tenant.to_owned()).or_default() += 1;
        Ok(())
    }

    /// Releases a place.
    pub(crate) fn leave(&self, tenant: &str) {
        let mut places = self.lock();
        let Some(of_tenant) = places.tenants.get_mut(tenant) else { return };
        *of_tenant = of_tenant.saturating_sub(1);
        let left = *of_tenant;
        places.held = places.held.saturating_sub(1);
        places.pool.give_back(left);
    }

    /// A panic cannot leave the counters inconsistent, so a poisoned mutex is used as it is.
    fn lock(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes as many places as possible. Also returns the level whose bound refused the next place.
    fn all(hall: &ConcurrencyLimit, tenant: &str, own_max: usize) -> (usize, Level) {
        let mut own = 0;
        loop {
            match hall.enter(tenant, own, own_max) {
                Ok(()) => own += 1,
                Err(level) => return (own, level),
            }
        }
    }

    #[test]
    fn each_tenant_has_its_own_places_and_of_the_rest_what_it_leaves() {
        let hall = ConcurrencyLimit::new(32, 4);
        // Each tenant has four guaranteed places, and sixteen places are shared. A principal leaves half of its
        // tenant's share to the tenant's other principals.
        assert_eq!(all(&hall, "a", 32), (6, Level::Agent));
        let more: Vec<usize> = (0..4).map(|_| all(&hall, "a", 32).0).collect();
        assert_eq!((more, all(&hall, "a", 32)), (vec![3, 2, 1, 0], (0, Level::Tenant)));
        assert_eq!(all(&hall, "b", 2), (2, Level::Agent));
        for tenant in ["b", "c"] {
            while all(&hall, tenant, 32).0 > 0 {}
        }
        // The last tenant gets its guaranteed places and some of the shared places that the other tenants left.
        let last: usize = (0..8).map(|_| all(&hall, "d", 32).0).sum();
        assert!((4..8).contains(&last), "{last}");
    }

    #[test]
    fn all_places_are_full_in_the_end_and_free_again() {
        let hall = ConcurrencyLimit::new(8, 9);
        let names: Vec<String> = (0..9).map(|n| n.to_string()).collect();
        let taken: usize = names.iter().map(|name| all(&hall, name, 8).0).sum();
        assert_eq!((taken, all(&hall, "9", 8)), (8, (0, Level::Host)));
        let held = hall.lock().tenants.clone();
        for (tenant, count) in held {
            (0..count).for_each(|_| hall.leave(&tenant));
        }
        assert_eq!(hall.lock().held, 0);
        let again: usize = names.iter().map(|name| all(&hall, name, 8).0).sum();
        assert_eq!(again, 8, "every place is free again");
    }
}
