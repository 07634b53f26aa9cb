//! The result of an attempt during which the host stopped.
//!
//! The result contains no guesses: a write has its known result, or is recorded as a write that may have taken effect.

use std::collections::BTreeMap;

use deed_spec::digest::Digest;

use super::{Intended, Story};
use crate::contract::Contract;
use crate::exchange::claim::Claim;
use crate::exchange::{Exchange, Fate, Guard, Rendered};
use crate::lifecycle::event::Attempt;

impl Story {
    /// The result of an attempt during which the host stopped. Writes without a known result are recorded as writes
    /// that may have taken effect.
    pub fn lost_attempt(&self, contract: &Contract, now_ms: i64) -> Option<Attempt> {
        let running = self.running.as_ref()?;
        let unended = running
            .writes
            .iter()
            .filter(|write| running.ended.iter().all(|ended| ended.ordinal != write.ordinal));
        let writes = self.writes(contract).unwrap_or_default();
        let unended = unended.map(|write| self.lost(write, &writes, now_ms));
        let ended = running.ended.iter().map(|ended| again_from(ended, now_ms));
        let mut exchanges: Vec<Exchange> = ended.chain(unended).collect();
        exchanges.sort_by_key(|exchange| exchange.ordinal);
        // The journal may contain the same intent twice.
        exchanges.dedup_by_key(|exchange| exchange.ordinal);
        Some(Attempt {
            n: running.n,
            claim: Claim::Lost,
            exchanges,
            refused: vec![],
            started_ms: running.started_ms,
            ended_ms: now_ms,
        })
    }

    fn lost(&self, write: &Intended, writes: &[Rendered], now_ms: i64) -> Exchange {
        let request = intended(writes, write.request_sha256);
        // The entity tag of the write is the tag from the observation, because a write that is guarded by an entity tag
        // is sent with no other tag.
        let tag = self.pre.as_ref().filter(|_| request.guard == Some(Guard::Etag));
        let if_match = tag.and_then(|pre| pre.tag(&request)).map(str::to_owned);
        Exchange {
            ordinal: write.ordinal,
            request,
            fate: Fate::NoAnswer,
            response: None,
            etag: None,
            if_match,
            idempotency_key: write.idempotency_key.clone(),
            carried_from: None,
            retry_after_s: None,
            redacted: vec![],
            problem: Some("the host stopped while this was under way".to_owned()),
            headers: BTreeMap::new(),
            failure: None,
            secrets: vec![],
            started_ms: write.at_ms,
            ended_ms: now_ms,
            // The full time until the deadline counts again, because the clock may have been changed while the host was
            // stopped.
            deadline_ms: now_ms.saturating_add(write.deadline_ms.saturating_sub(write.at_ms)),
        }
    }
}

/// The write of an intent, which names the write as it was sent: with the values of the answers that were known then.
/// If no write of the action has this digest, a placeholder is returned, because the intended write may still have
/// taken effect.
fn intended(writes: &[Rendered], digest: Digest) -> Rendered {
    let fits = |r: &&Rendered| {
        deed_spec::json::to_canonical(r).is_ok_and(|bytes| Digest::of(&bytes) == digest)
    };
    let unknown = || Rendered {
        upstream: "unknown".to_owned(),
        method: "UNKNOWN".to_owned(),
        path: "/".to_owned(),
        calls: 1,
        writes: true,
        ..Rendered::default()
    };
    writes.iter().find(fits).cloned().unwrap_or_else(unknown)
}

/// Extends the deadline of a write without a definite response. The time that was left counts again in full, because
/// the clock may have been changed while the host was stopped.
fn again_from(ended: &Exchange, now_ms: i64) -> Exchange {
    let mut ended = ended.clone();
    if ended.is_open() {
        let left_ms = ended.deadline_ms.saturating_sub(ended.ended_ms).max(0);
        ended.deadline_ms = ended.deadline_ms.max(now_ms.saturating_add(left_ms));
    }
    ended
}
