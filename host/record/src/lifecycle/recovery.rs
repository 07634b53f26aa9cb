//! Recovery: whether another attempt may follow the previous attempts of an action, and why.
//!
//! Recovery never allows an attempt that could have a second effect. Each write is judged separately, by its known fate
//! and by what the contract's `effect` guarantees about a repetition of the write.

use std::collections::BTreeMap;

use deed_spec::digest::Digest;

use crate::action::Binding;
use crate::contract::{Contract, Effect};
use crate::exchange::claim::Claim;
use crate::exchange::meaning::Meaning;
use crate::exchange::{Exchange, ExchangeSummary, Failure, Fate, Rendered};
use crate::lifecycle::event::Attempt;
use crate::lifecycle::outcome::{Judgement, Outcome};

/// Whether another attempt may follow the latest attempt. `judged` must be based on an observation that began after the
/// last time at which a sent write could take effect. Returns the reason for the next attempt, for the ledger; fails
/// with the reason why no attempt follows.
///
/// # Errors
///
/// Fails with the reason why no attempt may follow.
pub fn another(
    contract: &Contract,
    attempts: &[Attempt],
    bindings: &BTreeMap<String, Binding>,
    judged: &Judgement,
    now_ms: i64,
) -> Result<&'static str, Final> {
    let limits = &contract.limits;
    let (Some(first), Some(last)) = (attempts.first(), attempts.last()) else {
        return Err(Final::Nothing);
    };
    if !matches!(judged.outcome, Outcome::Failed | Outcome::Indeterminate | Outcome::Mismatch) {
        return Err(Final::Answered);
    }
    if !judged.unexpected.is_empty() {
        return Err(Final::Unexpected);
    }
    if attempts.len() >= usize::try_from(limits.attempts).unwrap_or(usize::MAX)
        || now_ms > first.started_ms.saturating_add(limits.total.as_signed())
    {
        return Err(Final::Budget);
    }
    if !is_hindered(last) {
        return Err(Final::NotHindered);
    }
    let runs: Vec<Vec<ExchangeSummary>> = attempts.iter().map(summaries).collect();
    let writes = standing(&runs);
    // If a write succeeded and its effect is not visible in the state, the unchanged state does not prove that another
    // write had no effect.
    let seen = judged.changes.is_empty() && !judged.checks.is_empty();
    // While the upstream still carries out the action, an unchanged state shows nothing.
    let pending = judged.outcome == Outcome::Indeterminate && contract.verify.pending.is_some();
    let untouched = seen && !pending && !writes.iter().any(|write| write.is(Word::Done));
    // The state may lag behind a write of which only the answer is missing. With another effect, the host would not send
    // the write again either, because the file of the secret exists.
    if attempts.iter().any(has_secret_only) {
        return Err(Final::SecretStored);
    }
    repeatable(contract.action.effect, &writes, bindings, untouched, now_ms)
}

/// Whether the host stored a secret of a write of which the record has no complete answer.
fn has_secret_only(attempt: &Attempt) -> bool {
    attempt.exchanges.iter().any(|one| one.has_stored_secret() && !one.is_done())
}

/// Checks that a planned attempt is still allowed at this time.
///
/// # Errors
///
/// Fails when the time budget is used up, or when the upstream may have forgotten the idempotency key of a write that
/// may have reached it.
pub fn in_time(
    contract: &Contract,
    attempts: &[Attempt],
    bindings: &BTreeMap<String, Binding>,
    now_ms: i64,
) -> Result<(), Final> {
    let first_ms = attempts.first().map_or(now_ms, |first| first.started_ms);
    if now_ms > first_ms.saturating_add(contract.limits.total.as_signed()) {
        return Err(Final::Budget);
    }
    let runs: Vec<Vec<ExchangeSummary>> = attempts.iter().map(summaries).collect();
    let writes = standing(&runs);
    let forgotten = |write: &Write<'_>| write.is(Word::Open) && !write.is_keyed(bindings, now_ms);
    if contract.action.effect == Effect::Keyed && writes.iter().any(forgotten) {
        return Err(Final::Keyless);
    }
    Ok(())
}

/// The first time at which [`in_time`] fails; `i64::MAX` if there is no such time.
pub fn in_time_until_ms(
    contract: &Contract,
    attempts: &[Attempt],
    bindings: &BTreeMap<String, Binding>,
) -> i64 {
    let budget_ms = |first: &Attempt| {
        first.started_ms.saturating_add(contract.limits.total.as_signed()).saturating_add(1)
    };
    let budget_ms = attempts.first().map_or(i64::MAX, budget_ms);
    if contract.action.effect != Effect::Keyed {
        return budget_ms;
    }
    let runs: Vec<Vec<ExchangeSummary>> = attempts.iter().map(summaries).collect();
    let writes = standing(&runs);
    let open = writes.iter().filter(|write| write.is(Word::Open));
    let keys_ms = open.map(|write| write.keyed_until_ms(bindings).unwrap_or(i64::MIN)).min();
    budget_ms.min(keys_ms.unwrap_or(i64::MAX))
}

/// Checks, as far as the records of these runs show, that another run may follow them. The records do not contain the
/// observations between the runs.
///
/// # Errors
///
/// Fails with the reason why no run may follow.
pub fn may_follow(
    effect: Effect,
    runs: &[Vec<ExchangeSummary>],
    bindings: &BTreeMap<String, Binding>,
    now_ms: i64,
) -> Result<(), Final> {
    repeatable(effect, &standing(runs), bindings, true, now_ms).map(|_| ())
}

/// Finds a write that a correct host never produces: a write that was sent again after it had succeeded, or whose
/// result was carried over although it had not succeeded.
pub fn sent_twice(runs: &[Vec<ExchangeSummary>]) -> Option<&ExchangeSummary> {
    standing(runs).into_iter().find_map(|write| {
        let mut done = false;
        write.sent.into_iter().find(|one| {
            let wrong = one.fate != Fate::NotSent && one.carried_from.is_some() != done;
            done |= word(one) == Word::Done;
            wrong
        })
    })
}

/// The writes of earlier attempts, for the next attempt: the idempotency key of each write, and the result of each
/// write that succeeded. Equal requests are in the order in which they were sent.
pub fn known(attempts: &[Attempt]) -> Vec<Known> {
    let mut all: Vec<(usize, Known)> = Vec::new();
    for attempt in attempts {
        let mut sent: Vec<&Rendered> = Vec::new();
        for one in attempt.exchanges.iter().filter(|one| one.request.writes) {
            let nth = sent.iter().filter(|other| ***other == one.request).count();
            sent.push(&one.request);
            let at = all.iter().position(|(n, known)| *n == nth && known.request == one.request);
            let at = at.unwrap_or_else(|| {
                let request = one.request.clone();
                all.push((nth, Known { request, key: None, left_ms: None, done: None }));
                all.len() - 1
            });
            let Some((_, known)) = all.get_mut(at) else { continue };
            known.key = known.key.take().or_else(|| one.idempotency_key.clone());
            let left_ms = Some(one.started_ms).filter(|_| one.fate != Fate::NotSent);
            known.left_ms = known.left_ms.or(left_ms);
            if known.done.is_none() && one.is_done() {
                let carried_from = one.carried_from.or(Some(attempt.n));
                known.done = Some(Exchange { carried_from, ..one.clone() });
            }
        }
    }
    all.sort_by_key(|(nth, _)| *nth);
    all.into_iter().map(|(_, known)| known).collect()
}

/// A write that an earlier attempt requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub request: Rendered,
    /// The idempotency key that the write carried.
    pub key: Option<String>,
    /// When the write may have been sent for the first time, in Unix milliseconds.
    pub left_ms: Option<i64>,
    /// The exchange in which the write succeeded, if it did; the next attempt gets the recorded response, and the write
    /// is not sent again.
    pub done: Option<Exchange>,
}

/// Why no further attempt follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Final {
    #[error("nothing was attempted")]
    Nothing,
    #[error("the outcome is already known")]
    Answered,
    #[error("a value changed although the contract does not allow the change")]
    Unexpected,
    #[error("the contract allows no further attempt")]
    Budget,
    #[error("no failure interrupted the attempt")]
    NotHindered,
    #[error("the upstream refused a write")]
    Refused,
    #[error("a write whose effect the contract declares `opaque` may have been carried out")]
    Opaque,
    #[error("a write got no answer, and the state leaves open whether it was carried out")]
    Inconclusive,
    #[error("a secret that the host stored shows that a write without an answer was carried out")]
    SecretStored,
    #[error("a write got no answer, and its idempotency key is missing or has expired")]
    Keyless,
}

/// What is known about one write after all attempts; the variants are ordered from the weakest to the strongest
/// knowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    NotSent,
    Open,
    Refused,
    Done,
}

/// A write, identified by its content and by the number of equal writes that its run sent before it.
struct Write<'a> {
    place: Place<'a>,
    sent: Vec<&'a ExchangeSummary>,
}

type Place<'a> = (&'a str, &'a str, &'a str, Option<Digest>, usize);

impl Write<'_> {
    fn word(&self) -> Word {
        self.sent.iter().map(|one| word(one)).max().unwrap_or(Word::NotSent)
    }

    fn is(&self, word: Word) -> bool {
        self.word() == word
    }

    /// Whether the write carried the same key every time it may have been sent, and the upstream still remembers the
    /// key.
    fn is_keyed(&self, bindings: &BTreeMap<String, Binding>, now_ms: i64) -> bool {
        self.keyed_until_ms(bindings).is_some_and(|until_ms| now_ms < until_ms)
    }

    /// The time until which the upstream remembers the write's key; `None` if the write had no key, or several keys.
    fn keyed_until_ms(&self, bindings: &BTreeMap<String, Binding>) -> Option<i64> {
        let mut left = self.sent.iter().filter(|one| one.fate != Fate::NotSent);
        let Some(first) = left.clone().next() else { return Some(i64::MAX) };
        let promise = bindings.get(&first.upstream)?.idempotency.as_ref()?;
        let window_ms = i64::try_from(promise.window_ms).unwrap_or(i64::MAX);
        first.idempotency_key.as_ref()?;
        // The upstream may measure the time for which it remembers a key by a different clock. The margin of at most 60
        // s ensures that a repetition arrives within that time.
        let until_ms = first.started_ms.saturating_add(window_ms - (window_ms / 10).min(60_000));
        left.all(|one| one.idempotency_key == first.idempotency_key).then_some(until_ms)
    }
}

/// Every distinct write of these runs.
fn standing(runs: &[Vec<ExchangeSummary>]) -> Vec<Write<'_>> {
    let mut writes: Vec<Write<'_>> = Vec::new();
    for run in runs {
        let mut counts: BTreeMap<_, usize> = BTreeMap::new();
        for one in run.iter().filter(|one| one.writes) {
            let (upstream, method, path) = (&*one.upstream, &*one.method, &*one.path);
            let nth = counts.entry((upstream, method, path, one.request_sha256)).or_default();
            let place = (upstream, method, path, one.request_sha256, *nth);
            *nth += 1;
            match writes.iter_mut().find(|write| write.place == place) {
                Some(write) => write.sent.push(one),
                None => writes.push(Write { place, sent: vec![one] }),
            }
        }
    }
    writes
}

fn repeatable(
    effect: Effect,
    writes: &[Write<'_>],
    bindings: &BTreeMap<String, Binding>,
    untouched: bool,
    now_ms: i64,
) -> Result<&'static str, Final> {
    if writes.iter().any(|write| write.is(Word::Refused)) {
        return Err(Final::Refused);
    }
    let open: Vec<&Write<'_>> = writes.iter().filter(|write| write.is(Word::Open)).collect();
    if open.is_empty() {
        return Ok("the remaining writes were not sent");
    }
    match effect {
        Effect::Idempotent => Ok("the effect is idempotent"),
        Effect::Keyed if open.iter().all(|write| write.is_keyed(bindings, now_ms)) => {
            Ok("the upstream recognizes a repeated write by its idempotency key")
        }
        Effect::Keyed => Err(Final::Keyless),
        Effect::Observable if untouched => Ok("the look shows that it was not carried out"),
        Effect::Observable => Err(Final::Inconclusive),
        Effect::Opaque => Err(Final::Opaque),
    }
}

fn word(one: &ExchangeSummary) -> Word {
    match (one.fate, one.known_meaning()) {
        (Fate::NotSent, _) => Word::NotSent,
        // Like a write that was carried out, a write that the upstream accepted is not sent again, because it may be
        // carried out later.
        (_, Some(Meaning::Done | Meaning::Accepted)) => Word::Done,
        (_, Some(Meaning::Refused)) => Word::Refused,
        (_, Some(Meaning::Open) | None) => Word::Open,
    }
}

/// Whether the last attempt failed because of the connection to the upstream, the upstream or the host. No further
/// attempt is made if the adapter gave up by itself or the host refused a request, because the next attempt would end
/// in the same way.
fn is_hindered(last: &Attempt) -> bool {
    let hindered = |one: &Exchange| match one.fate {
        Fate::NotSent => one.failure != Some(Failure::Denied),
        Fate::NoAnswer => true,
        Fate::Answered { status } => {
            one.is_throttled() || matches!(status, 300..=399 | 408 | 409 | 425 | 429 | 500..=599)
        }
    };
    last.claim == Claim::Lost || last.exchanges.iter().any(hindered)
}

fn summaries(attempt: &Attempt) -> Vec<ExchangeSummary> {
    attempt.exchanges.iter().map(Exchange::summary).collect()
}

#[cfg(test)]
mod tests;
