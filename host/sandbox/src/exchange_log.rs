//! The record of a run's exchanges, in order, kept up to date while they happen.
//!
//! A request gets its entry before its host name is resolved. For a run that is cut off, the record therefore still
//! shows which requests were never sent and which may have reached the upstream.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deed_record::exchange::secret::TakenSecret;
use deed_record::exchange::{Exchange, Failure, Fate, Rendered};
use deed_system::clock::Clock;
use serde_json::Value;

use super::limits;

/// The exchanges of one run, shared between the guest's calls and the tasks of its writes.
#[derive(Clone, Debug)]
pub(super) struct ExchangeLog {
    clock: Clock,
    entries: Arc<Mutex<Vec<Exchange>>>,
    /// Total bytes of all answers so far.
    received: Arc<AtomicUsize>,
}

/// One exchange in progress. If this value is dropped, the log keeps what is known about the exchange so far.
#[derive(Debug)]
pub(super) struct Entry {
    exchanges: ExchangeLog,
    pub(super) ordinal: u32,
    pub(super) deadline_ms: i64,
}

/// Header values that the host adds to the rendering of a write.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) if_match: Option<String>,
    pub(super) idempotency_key: Option<String>,
}

/// The content of an upstream's answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Option<Value>,
    pub(super) etag: Option<String>,
    pub(super) redacted: Vec<String>,
    pub(super) problem: Option<String>,
    /// The headers that are shown to the guest.
    pub(super) headers: BTreeMap<String, String>,
    /// The failure that the guest gets instead of the answer.
    pub(super) failure: Option<Failure>,
    /// How many seconds the upstream asks the host to wait before it retries.
    pub(super) retry_after_s: Option<u32>,
    /// What became of the secrets that the upstream created.
    pub(super) secrets: Vec<TakenSecret>,
}

const CUT_OFF: &str = "the run ended before an answer arrived";

impl ExchangeLog {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, entries: Arc::default(), received: Arc::default() }
    }

    /// Adds an entry for a request of which no byte was sent yet. The host gives up the connection after `timeout`.
    pub(super) fn open(&self, request: Rendered, known: Known, timeout: Duration) -> Entry {
        let started_ms = self.clock.now_ms();
        let timeout_ms = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
        let deadline_ms = started_ms.saturating_add(timeout_ms);
        let mut entries = self.lock();
        let ordinal = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        entries.push(Exchange {
            ordinal,
            request,
            fate: Fate::NotSent,
            response: None,
            etag: None,
            if_match: known.if_match,
            idempotency_key: known.idempotency_key,
            carried_from: None,
            retry_after_s: None,
            redacted: Vec::new(),
            problem: Some(CUT_OFF.into()),
            headers: BTreeMap::new(),
            failure: None,
            secrets: Vec::new(),
            started_ms,
            ended_ms: deadline_ms,
            deadline_ms,
        });
        drop(entries);
        Entry { exchanges: self.clone(), ordinal, deadline_ms }
    }

    /// The position that the next exchange will have.
    pub(super) fn next_ordinal(&self) -> u32 {
        u32::try_from(self.lock().len()).unwrap_or(u32::MAX)
    }

    /// Calls `read` with one exchange and returns the result.
    pub(super) fn with<T>(&self, ordinal: u32, read: impl FnOnce(&Exchange) -> T) -> Option<T> {
        let entries = self.lock();
        usize::try_from(ordinal).ok().and_then(|index| entries.get(index)).map(read)
    }

    /// Returns all exchanges, in the order in which the guest requested them.
    ///
    /// An exchange that is still open is recorded as ended at the current time, or at its deadline if the deadline is
    /// earlier.
    pub(super) fn close(self) -> Vec<Exchange> {
        let now = self.clock.now_ms();
        let mut entries = std::mem::take(&mut *self.lock());
        for entry in entries.iter_mut().filter(|entry| entry.problem.as_deref() == Some(CUT_OFF)) {
            entry.ended_ms = entry.ended_ms.min(now);
        }
        entries
    }

    /// A poisoned lock is used as it is, because a panic cannot leave an entry half written: while the lock is held,
    /// only plain assignments are made.
    fn lock(&self) -> MutexGuard<'_, Vec<Exchange>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Adds the size of an answer to the total of the run. Returns false when the total exceeds the limit.
    pub(super) fn fits(&self, bytes: usize) -> bool {
        let before = self.exchanges.received.fetch_add(bytes, Ordering::Relaxed);
        before.saturating_add(bytes) <= limits::RESPONSES
    }

    /// Records that sending begins. From then on, the request may have reached the upstream.
    pub(super) fn sending(&self) {
        self.update(|entry| entry.fate = Fate::NoAnswer);
    }

    /// Records that the exchange ended without an answer. The log already shows whether the request may have been sent.
    pub(super) fn failed(&self, failure: Failure, problem: &str) {
        let now = self.exchanges.clock.now_ms();
        self.update(|entry| {
            entry.problem = Some(problem.into());
            entry.failure = Some(failure);
            entry.ended_ms = now;
        });
    }

    pub(super) fn answered(&self, answer: Answer) {
        let now = self.exchanges.clock.now_ms();
        self.update(|entry| {
            entry.fate = Fate::Answered { status: answer.status };
            entry.response = answer.body;
            entry.etag = answer.etag;
            entry.redacted = answer.redacted;
            entry.problem = answer.problem;
            entry.headers = answer.headers;
            entry.failure = answer.failure;
            entry.retry_after_s = answer.retry_after_s;
            entry.secrets = answer.secrets;
            entry.ended_ms = now;
        });
    }

    /// Replaces the entry with the recorded exchange of an earlier run.
    pub(super) fn repeat(&self, recorded: Exchange) {
        self.update(|entry| *entry = Exchange { ordinal: entry.ordinal, ..recorded });
    }

    /// The current record of the exchange.
    pub(super) fn exchange(&self) -> Option<Exchange> {
        self.exchanges.with(self.ordinal, Exchange::clone)
    }

    /// The time at which the host gives up the exchange. If the system's clock is ahead of the host's clock, the time
    /// is given on the system's clock.
    pub(super) fn given_up_ms(&self) -> i64 {
        let clock = &self.exchanges.clock;
        let ahead_ms = clock.latest_ms().saturating_sub(clock.now_ms()).max(0);
        self.deadline_ms.saturating_add(ahead_ms)
    }

    /// The time for what the upstream checks by its own clock.
    pub(super) fn latest_ms(&self) -> i64 {
        self.exchanges.clock.latest_ms()
    }

    pub(super) fn fate(&self) -> Fate {
        self.exchanges.with(self.ordinal, |entry| entry.fate).unwrap_or(Fate::NoAnswer)
    }

    fn update(&self, change: impl FnOnce(&mut Exchange)) {
        let mut entries = self.exchanges.lock();
        let index = usize::try_from(self.ordinal).unwrap_or(usize::MAX);
        if let Some(entry) = entries.get_mut(index) {
            change(entry);
        }
    }
}
