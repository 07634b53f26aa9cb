//! How many messages people get about the actions of one agent, so that an agent that proposes and cancels again and again
//! floods neither people nor the queues of its tenant.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::super::queue::QUEUE_MAX;

/// How many messages about the actions of one agent are sent within `WINDOW`: half of what a queue holds.
const MESSAGES_MAX: usize = QUEUE_MAX / 2;
const WINDOW: Duration = Duration::from_mins(10);

/// The messages of late, by tenant and agent.
#[derive(Debug, Default)]
pub(in crate::stage::notify) struct Shares(Mutex<BTreeMap<(String, String), Share>>);

#[derive(Debug)]
struct Share {
    since: Instant,
    taken: usize,
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
    /// Takes the messages of a notice from the share of this agent.
    pub(in crate::stage::notify) fn take(
        &self,
        (tenant, agent): (&str, &str),
        messages: usize,
        now: Instant,
    ) -> Taken {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, share| now.saturating_duration_since(share.since) < WINDOW);
        let share = all
            .entry((tenant.to_owned(), agent.to_owned()))
            .or_insert(Share { since: now, taken: 0 });
        let before = share.taken;
        share.taken = before.saturating_add(messages);
        match (before, share.taken) {
            (_, ..=MESSAGES_MAX) => Taken::Fits,
            (..=MESSAGES_MAX, _) => Taken::FirstBeyond,
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
        let take = |tenant: &str, agent: &str, now| shares.take((tenant, agent), 4, now);
        for _ in 0..MESSAGES_MAX / 4 {
            assert_eq!(take("acme", "helpdesk", now), Taken::Fits);
        }
        assert_eq!(take("acme", "helpdesk", now), Taken::FirstBeyond);
        assert_eq!(take("acme", "helpdesk", now), Taken::Beyond);
        assert_eq!(take("acme", "other", now), Taken::Fits);
        assert_eq!(take("globex", "helpdesk", now), Taken::Fits);
        assert_eq!(take("acme", "helpdesk", now + WINDOW), Taken::Fits);
        assert_eq!(shares.0.lock().unwrap().len(), 1, "what is over takes no memory");
    }
}
