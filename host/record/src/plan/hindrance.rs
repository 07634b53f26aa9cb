//! Whether a rehearsal gave no plan only for a reason that may pass, so that another rehearsal may give one.
//!
//! This is computed from the record alone. A host that continues an action after a restart, and a verifier, therefore
//! come to the same result.

use super::Rehearsal;
use crate::exchange::Exchange;
use crate::exchange::claim::Claim;

impl Rehearsal {
    /// The last read that failed for a reason that may pass: no connection, no complete answer, the status 408, 425, 429
    /// or 5xx, or a rate limit by `throttled`. `None` if there is a plan, or if there is no plan for any other reason: a
    /// refused request, or a failure of the adapter itself.
    pub fn hindrance(&self) -> Option<&Exchange> {
        if self.plan.is_some() || !self.refused.is_empty() {
            return None;
        }
        let is_answered = |failed: &Exchange| {
            self.exchanges.iter().any(|one| one.request == failed.request && one.is_success())
        };
        let last = self.exchanges.iter().rfind(|one| one.is_hindered() && !is_answered(one))?;
        self.is_explained_by(last).then_some(last)
    }

    /// Whether the failed read explains the adapter's claim.
    fn is_explained_by(&self, failed: &Exchange) -> bool {
        match self.claim {
            Claim::Done | Claim::Unavailable(_) | Claim::Unknown(_) => true,
            // The run reached its time limit because it waited for the upstream, and not because the adapter was busy.
            Claim::TimedOut => !failed.is_concluded(),
            Claim::Refused(_) | Claim::Invalid(_) | Claim::Trapped(_) | Claim::Lost => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use deed_spec::digest::Digest;

    use super::*;
    use crate::exchange::{Failure, Fate};
    use crate::fixtures::exchange;
    use crate::plan::Plan;

    const OK: Fate = Fate::Answered { status: 200 };
    const BUSY: Fate = Fate::Answered { status: 503 };

    fn rehearsal(claim: Claim, exchanges: Vec<Exchange>) -> Rehearsal {
        Rehearsal {
            seed: Digest::of(b"seed"),
            claim,
            exchanges,
            refused: vec![],
            plan: None,
            problem: Some("there is no plan".into()),
            started_ms: 0,
            ended_ms: 1,
        }
    }

    fn read(path: &str, fate: Fate) -> Exchange {
        exchange("GET", path, fate)
    }

    #[test]
    fn a_rehearsal_is_hindered_if_a_read_stayed_without_an_answer() {
        let lost = Fate::NoAnswer;
        for (fates, hindered) in [
            (vec![], false),
            (vec![OK], false),
            (vec![Fate::Answered { status: 404 }], false),
            (vec![BUSY], true),
            (vec![lost], true),
            (vec![BUSY, OK], false),
        ] {
            let reads: Vec<Exchange> = fates.iter().map(|fate| read("/a", *fate)).collect();
            let found = rehearsal(Claim::Unavailable(String::new()), reads);
            assert_eq!(found.hindrance().is_some(), hindered, "{fates:?}");
        }
        let others = vec![read("/a", BUSY), read("/b", OK)];
        let found = rehearsal(Claim::Done, others);
        assert_eq!(found.hindrance().map(|one| &*one.request.path), Some("/a"));
    }

    #[test]
    fn the_adapter_the_contract_and_the_configuration_do_not_change_by_waiting() {
        let busy = || vec![read("/a", BUSY)];
        let refused = vec!["POST /b is not in the contract".to_owned()];
        let beyond = Rehearsal { refused, ..rehearsal(Claim::Done, busy()) };
        assert_eq!(beyond.hindrance(), None);
        let denied = Exchange { failure: Some(Failure::Denied), ..read("/a", Fate::NotSent) };
        assert_eq!(rehearsal(Claim::Done, vec![denied]).hindrance(), None);
        for claim in [
            Claim::Refused("no".into()),
            Claim::Invalid("no".into()),
            Claim::Trapped("unreachable".into()),
            Claim::TimedOut,
        ] {
            assert_eq!(rehearsal(claim.clone(), busy()).hindrance(), None, "{claim:?}");
        }
        let waits = rehearsal(Claim::TimedOut, vec![read("/a", Fate::NoAnswer)]);
        assert!(waits.hindrance().is_some(), "the run waited for the upstream");
        let planned = Rehearsal { plan: Some(Plan::default()), ..rehearsal(Claim::Done, busy()) };
        assert_eq!(planned.hindrance(), None);
    }
}
