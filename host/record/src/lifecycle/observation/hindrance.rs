//! Whether an observation failed only for reasons that may pass, so that another observation may succeed.

use super::Observation;
use super::answers::Asked;
use super::declared::misfits;
use crate::contract::Contract;
use crate::exchange::claim::Claim;
use crate::exchange::{Exchange, Fate, beyond_grant};

impl Observation {
    /// The last request that failed for a reason that may pass: no connection, no complete answer, the status 408, 425,
    /// 429 or 5xx, or a rate limit by `throttled`. `None` if the observation is usable, or if it failed for any other
    /// reason: another status, an answer that does not fit the contract, or a failure of the adapter itself. `looks`
    /// contains what each `observe` rule sends, in the order of the contract.
    pub fn hindrance(&self, contract: &Contract, looks: &[Asked<'_>]) -> Option<&Exchange> {
        self.unusable(contract)?;
        let failed: Vec<&Exchange> =
            self.exchanges.iter().filter(|one| !self.is_answered(one)).collect();
        // A POST that was sent is not sent again, although it only reads.
        let is_repeatable =
            |one: &Exchange| one.request.method != "POST" || one.fate == Fate::NotSent;
        let only_hindered = failed.iter().all(|one| one.is_hindered())
            && self.exchanges.iter().all(is_repeatable)
            && self.is_claim_about(&failed)
            && beyond_grant(&self.refused, &self.exchanges).next().is_none()
            && !misfits(contract, looks, &self.exchanges)
            && self.is_complete(contract);
        failed.last().copied().filter(|_| only_hindered)
    }

    /// Whether the run has a usable answer to this request.
    fn is_answered(&self, request: &Exchange) -> bool {
        let same = |one: &&Exchange| one.request == request.request;
        self.exchanges.iter().filter(same).any(|one| one.is_success() || one.says_absent())
    }

    /// Whether the failed requests explain the adapter's claim.
    fn is_claim_about(&self, failed: &[&Exchange]) -> bool {
        match &self.claim {
            Some(Claim::Done | Claim::Unavailable(_) | Claim::Unknown(_)) => true,
            // The run reached its time limit because it waited for the upstream, and not because the adapter was busy.
            Some(Claim::TimedOut) => failed.last().is_some_and(|last| !last.is_concluded()),
            _ => false,
        }
    }

    /// Whether every state that was read has all required members and no redacted value.
    fn is_complete(&self, contract: &Contract) -> bool {
        let shape_of = |name: &String| contract.state.get(name);
        let lacks = |(name, value): (&String, &serde_json::Value)| {
            shape_of(name).is_some_and(|shape| !value.is_null() && !shape.missing(value).is_empty())
        };
        !self.state.iter().any(lacks) && self.exchanges.iter().all(|one| one.redacted.is_empty())
    }
}

#[cfg(test)]
mod tests;
