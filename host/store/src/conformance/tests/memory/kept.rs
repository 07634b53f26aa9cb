//! The data of the in-memory store, and its lookups, which search the sequence from the beginning.

use std::collections::BTreeMap;

use super::Flaw;
use crate::store::{
    Append, AppendError, CLAIM_LIFE_MS, EVENT_COST, EVENTS_REFUSED, KeyClaim, Row, Unfit,
};

/// The data that outlives a store: the sequence of appends, the number of appends that are on disk, and the payloads.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) appends: Vec<Append>,
    pub(super) durable: usize,
    pub(super) payloads: BTreeMap<String, Vec<u8>>,
}

impl Kept {
    /// Puts an append on disk together with earlier appends of the same action, but without earlier appends of other
    /// actions.
    pub(super) fn put_before_others(&mut self, append: Append) {
        let open = self.appends.split_off(self.durable);
        let own = |one: &Append| one.action == append.action;
        let (own, others): (Vec<_>, Vec<_>) = open.into_iter().partition(own);
        self.appends.extend(own);
        self.appends.push(append);
        self.durable = self.appends.len();
        self.appends.extend(others);
    }
}

/// A part of the sequence of appends, as a store with this flaw sees it.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) appends: &'a [Append],
    pub(super) flaw: Option<Flaw>,
}

impl<'a> Seen<'a> {
    pub(super) fn has(self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    pub(super) fn events(self, action: &str) -> Vec<Vec<u8>> {
        let own = self.appends.iter().filter(|one| one.action == action);
        own.flat_map(|one| one.events.clone()).collect()
    }

    pub(super) fn row(self, action: &str) -> Option<Row> {
        let own = || self.appends.iter().filter(|one| one.action == action);
        let version = own().map(|one| one.events.len() as u64).sum();
        own().next_back().map(|last| Row { version, summary: last.summary.clone() })
    }

    /// All actions with their rows, in the order of their ids.
    pub(super) fn rows(&self) -> BTreeMap<String, Row> {
        let row = |one: &Append| Some((one.action.clone(), self.row(&one.action)?));
        self.appends.iter().filter_map(row).collect()
    }

    pub(super) fn latest_ms(&self) -> i64 {
        let times = || self.appends.iter().map(|one| one.summary.at_ms);
        let latest = match self.flaw {
            Some(Flaw::LatestOfRows) => self.rows().values().map(|row| row.summary.at_ms).max(),
            Some(Flaw::LatestOfTheLast) => times().next_back(),
            _ => times().max(),
        };
        latest.unwrap_or(0)
    }

    /// Fails when an append must be refused. Each append is checked twice; `again` is set for the second check, which
    /// is made at the moment of the append.
    pub(super) fn refusal(self, append: &Append, again: bool) -> Result<(), AppendError> {
        self.fits(append)?;
        let actual = self.row(&append.action).map_or(0, |row| row.version);
        if append.expect != actual && !self.has(Flaw::ForgetsVersions) {
            return Err(AppendError::Conflict { actual });
        }
        if !(again && self.has(Flaw::ChecksKeysTooEarly)) {
            self.taken(append)?;
        }
        if !(again && self.has(Flaw::ChecksNoncesTooEarly)) {
            self.used(append)?;
        }
        Ok(())
    }

    fn fits(self, append: &Append) -> Result<(), AppendError> {
        if append.events.is_empty() && !self.has(Flaw::TakesNothing) {
            return Err(Unfit::NoEvents.into());
        }
        let (mut bytes, max) = (append.events.iter().map(Vec::len).sum::<usize>(), EVENTS_REFUSED);
        bytes += match self.flaw {
            Some(Flaw::TakesFewEvents) => 2 * EVENT_COST * append.events.len(),
            Some(Flaw::TakesShortWords) => max.min(append.summary.resource.len() << 10),
            _ => 0,
        };
        if bytes > max && !self.has(Flaw::TakesAnySize) {
            return Err(Unfit::TooLarge { bytes, max }.into());
        }
        Ok(())
    }

    fn taken(self, append: &Append) -> Result<(), AppendError> {
        let Some(claim) = &append.claim else { return Ok(()) };
        let holder = self.holder(&claim.tenant, &claim.agent, &claim.key, claim.at_ms);
        let other = |(_, body): &(String, String)| {
            !self.has(Flaw::KeysByDigest) || *body == claim.body_sha256
        };
        match holder.filter(other) {
            Some((action, body_sha256)) => Err(AppendError::KeyTaken { action, body_sha256 }),
            None => Ok(()),
        }
    }

    fn used(self, append: &Append) -> Result<(), AppendError> {
        let used = |nonce: &String| self.appends.iter().any(|one| one.nonces.contains(nonce));
        for (n, nonce) in append.nonces.iter().enumerate() {
            let used = used(nonce) || append.nonces[..n].contains(nonce);
            if used && !self.has(Flaw::ForgetsNonces) {
                return Err(AppendError::NonceUsed { nonce: nonce.clone() });
            }
        }
        Ok(())
    }

    pub(super) fn holder(
        self,
        tenant: &str,
        agent: &str,
        key: &str,
        now_ms: i64,
    ) -> Option<(String, String)> {
        let live = |claim: &&KeyClaim| {
            let over = now_ms.saturating_sub(claim.at_ms) >= CLAIM_LIFE_MS;
            let ahead = now_ms < claim.at_ms && self.has(Flaw::KeysFromTheirTime);
            !(over && !self.has(Flaw::KeysForever) || ahead)
        };
        self.claims(tenant, agent, key)
            .rfind(|(_, claim)| live(claim))
            .map(|(action, claim)| (action.to_owned(), claim.body_sha256.clone()))
    }

    pub(super) fn last_claim(self, tenant: &str, agent: &str, key: &str) -> Option<String> {
        let now_ms = self.latest_ms();
        let live = |claim: &KeyClaim| {
            !self.has(Flaw::ForgetsOldClaims) || now_ms - claim.at_ms < CLAIM_LIFE_MS
        };
        let mut claims = self.claims(tenant, agent, key).filter(|(_, claim)| live(claim));
        let last = if self.has(Flaw::FirstClaims) { claims.next() } else { claims.next_back() };
        last.map(|(action, _)| action.to_owned())
    }

    /// Every claim of a key, in the order of the sequence.
    fn claims(
        self,
        tenant: &str,
        agent: &str,
        key: &str,
    ) -> impl DoubleEndedIterator<Item = (&'a str, &'a KeyClaim)> {
        let claims =
            self.appends.iter().filter_map(|one| Some((&*one.action, one.claim.as_ref()?)));
        claims.filter(move |(_, claim)| {
            (claim.tenant == tenant || self.has(Flaw::KeysOfEveryTenant))
                && (claim.agent == agent || self.has(Flaw::KeysOfEveryAgent))
                && claim.key == key
        })
    }
}
