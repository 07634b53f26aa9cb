//! A hall: the requests that callers of one kind, agents or people, may have in progress. Takes whose comes next,
//! gives it a place or says whose bound is reached.
//!
//! Never lets a tenant have what others have for sure: half of the places are theirs in equal parts. Of the rest
//! none has more than it leaves, and no principal more than it leaves to the others of its tenant.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::capacity::fair_share::{Level, reached};
use crate::config::Bounds;

/// Who has how many of the places.
#[derive(Debug)]
pub(crate) struct ConcurrencyLimit {
    places: usize,
    /// Of these, what each tenant has for sure.
    sure: usize,
    shared: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    /// Beyond what their tenants have for sure.
    beyond: usize,
    tenants: HashMap<String, usize>,
}

impl ConcurrencyLimit {
    pub(crate) fn new(places: usize, tenants: usize) -> Self {
        let sure = places / 2 / tenants.max(1);
        Self { places, sure, shared: places - sure * tenants, held: Mutex::default() }
    }

    /// Takes a place for a principal that has so many already, and may have so many at most.
    pub(crate) fn enter(&self, tenant: &str, own: usize, own_max: usize) -> Result<(), Level> {
        let mut held = self.lock();
        let of_tenant = held.tenants.get(tenant).copied().unwrap_or(0);
        let bounds = Bounds { host: self.places, tenant: self.places, agent: own_max };
        let free = self.shared.saturating_sub(held.beyond);
        if let Some(level) = reached(bounds, [held.all, of_tenant, own], self.sure, free) {
            return Err(level);
        }
        held.all += 1;
        held.beyond += usize::from(of_tenant >= self.sure);
        // There are as many tenants as in the configuration.
        *held.tenants.entry(tenant.to_owned()).or_default() += 1;
        Ok(())
    }

    /// Gives a place back.
    pub(crate) fn leave(&self, tenant: &str) {
        let mut held = self.lock();
        let Some(of_tenant) = held.tenants.get_mut(tenant) else { return };
        *of_tenant = of_tenant.saturating_sub(1);
        let was_beyond = *of_tenant >= self.sure;
        held.all = held.all.saturating_sub(1);
        held.beyond = held.beyond.saturating_sub(usize::from(was_beyond));
    }

    /// Whoever panicked left whole numbers behind.
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes as many as it gets, and says what kept it from more.
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
        // Four are its own, sixteen anybody's; half of all that is left to its tenant's others.
        assert_eq!(all(&hall, "a", 32), (6, Level::Agent));
        let more: Vec<usize> = (0..4).map(|_| all(&hall, "a", 32).0).collect();
        assert_eq!((more, all(&hall, "a", 32)), (vec![3, 2, 1, 0], (0, Level::Tenant)));
        assert_eq!(all(&hall, "b", 2), (2, Level::Agent));
        for tenant in ["b", "c"] {
            while all(&hall, tenant, 32).0 > 0 {}
        }
        // Who comes last has its own, and a part of what the others left.
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
        let held = hall.lock();
        assert_eq!((held.all, held.beyond), (0, 0));
    }
}
