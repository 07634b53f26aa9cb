//! What is appended to a store and listed from it: plain values, the same for every store.

use serde::{Deserialize, Serialize};

/// How long an idempotency key is held, in milliseconds: seven days.
pub const CLAIM_LIFE_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// Bytes of events that every store takes in one append, with [`EVENT_COST`] for each of them.
pub const EVENTS_MAX: usize = 15 << 20;

/// What one event counts beside its bytes: a store keeps at least its length, so events without bytes take room too.
pub const EVENT_COST: usize = 16;

/// Bytes of all other words of an append that every store takes, as JSON: its id, its summary, its claim, its nonces.
pub const WORDS_MAX: usize = 512 << 10;

/// Bytes of events beyond which every store refuses an append, so that none has to hold one of any size in memory.
pub const EVENTS_REFUSED: usize = 16 << 20;

/// Events to be appended to one action, and what is known about it then.
#[derive(Debug, Clone)]
pub struct Append {
    pub action: String,
    /// The version that the caller saw: how many events the action has. 0 for a new one.
    pub expect: u64,
    /// JSON bytes, kept as they are. At least one.
    pub events: Vec<Vec<u8>>,
    pub summary: Summary,
    pub claim: Option<KeyClaim>,
    /// Words that can be used once, ever (approvals).
    pub nonces: Vec<String>,
    /// Whether the answer must wait until this, and all before it, is on disk.
    pub durable: bool,
}

/// What the caller says about an action, to be found by it without reading events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    pub tenant: String,
    pub agent: String,
    pub contract: String,
    pub resource: String,
    pub status: String,
    pub ended: bool,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Trace id of the proposal, where the caller sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

/// An idempotency key, taken by an action for seven days from `at_ms`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyClaim {
    pub tenant: String,
    pub agent: String,
    pub key: String,
    /// Of the canonical body that came with the key: 64 hex digits.
    pub body_sha256: String,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// What actions must be to be listed; nothing at all takes every one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub agent: Option<String>,
    pub status: Option<String>,
    pub resource: Option<String>,
    pub trace: Option<String>,
    /// Unix milliseconds: whatever happened last to the action happened then or later.
    pub since_ms: Option<i64>,
}

impl Filter {
    /// Whether an action with this row is listed.
    pub fn takes(&self, row: &Row) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        };
        let Summary { agent, resource, status, at_ms, trace, .. } = &row.summary;
        is(&self.agent, agent)
            && is(&self.status, status)
            && is(&self.resource, resource)
            && (self.trace.is_none() || self.trace == *trace)
            && self.since_ms.is_none_or(|since_ms| *at_ms >= since_ms)
    }
}

/// What is known of an action without its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub version: u64,
    pub summary: Summary,
}

/// The version of an action and its events, oldest first.
pub type Story = (u64, Vec<Vec<u8>>);
