//! How many notices people get about the actions of one agent, so that an agent that proposes and cancels again and again
//! floods neither people nor the queues of its tenant.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many notices about the actions of one agent are sent within `WINDOW`. Each of them may go to several people.
const NOTICES_MAX: u32 = 100;
const FIRST_BEYOND: u32 = NOTICES_MAX + 1;
const WINDOW: Duration = Duration::from_mins(10);

/// The notices of late, by tenant and agent.
#[derive(Debug, Default)]
pub(in crate::stage::notify) struct Shares(Mutex<BTreeMap<(String, String), Share>>);

#[derive(Debug)]
struct Share {
    since: Instant,
    taken: u32,
}

/// Whether a notice is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::stage::notify) enum Taken {
    Fits,
    /// It is not, and it is the first such notice in its window. Only this one is logged.
    FirstBeyond,
    Beyond,
}

impl Shares {
    /// Takes a notice from the share of this agent.
    pub(in crate::stage::notify) fn take(&self, tenant: &str, agent: &str, now: Instant) -> Taken {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, share| now.saturating_duration_since(share.since) < WINDOW);
        let share = all
            .entry((tenant.to_owned(), agent.to_owned()))
            .or_insert(Share { since: now, taken: 0 });
        share.taken = share.taken.saturating_add(1);
        match share.taken {
            0..=NOTICES_MAX => Taken::Fits,
            FIRST_BEYOND => Taken::FirstBeyond,
            _ => Taken::Beyond,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_has_a_share_of_its_own_in_each_window() {
        let (shares, now) = (Shares::default(), Instant::now());
        for _ in 0..NOTICES_MAX {
            assert_eq!(shares.take("acme", "helpdesk", now), Taken::Fits);
        }
        assert_eq!(shares.take("acme", "helpdesk", now), Taken::FirstBeyond);
        assert_eq!(shares.take("acme", "helpdesk", now), Taken::Beyond);
        assert_eq!(shares.take("acme", "other", now), Taken::Fits);
        assert_eq!(shares.take("globex", "helpdesk", now), Taken::Fits);
        assert_eq!(shares.take("acme", "helpdesk", now + WINDOW), Taken::Fits);
        assert_eq!(shares.0.lock().unwrap().len(), 1, "what is over takes no memory");
    }
}
