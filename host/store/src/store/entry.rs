//! The types of the values that are appended to a store and read from a store, which all stores share.

use serde::{Deserialize, Serialize};

/// How long an idempotency key is held, in milliseconds: seven days.
pub const CLAIM_LIFE_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// Bytes of events that every store accepts in one append, including [`EVENT_COST`] for each event.
pub const EVENTS_MAX: usize = 15 << 20;

/// Bytes that are counted for an event in addition to its length. Empty events take space too, because a store keeps at
/// least the length of each event.
pub const EVENT_COST: usize = 16;

/// Bytes of JSON that every store accepts for the parts of an append other than its events: the action id, the summary,
/// the claim and the nonces.
pub const WORDS_MAX: usize = 512 << 10;

/// Bytes of events above which every store refuses an append, so that no store has to keep an append of unlimited size
/// in memory.
pub const EVENTS_REFUSED: usize = 16 << 20;

/// Events to be appended to one action, and a summary of the action after these events.
#[derive(Debug, Clone)]
pub struct Append {
    pub action: String,
    /// The version that the caller saw: the number of events that the action has. 0 for a new action.
    pub expect: u64,
    /// The events as JSON bytes, which are stored unchanged. There must be at least one event.
    pub events: Vec<Vec<u8>>,
    pub summary: Summary,
    pub claim: Option<KeyClaim>,
    /// Values that the store accepts only once, ever, such as those of approvals.
    pub nonces: Vec<String>,
    /// Whether the call returns only when this append and all appends before it are on disk.
    pub durable: bool,
}

/// What the caller states about an action, so that it can be found without reading its events.
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
    /// Trace id of the proposal, if the caller sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

/// An idempotency key, held by an action for seven days from `at_ms`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyClaim {
    pub tenant: String,
    pub agent: String,
    pub key: String,
    /// SHA-256 of the canonical body that came with the key: 64 hex digits.
    pub body_sha256: String,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// Conditions that an action must meet to be listed; an empty filter accepts every action.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub agent: Option<String>,
    pub contract: Option<String>,
    pub status: Option<String>,
    pub resource: Option<String>,
    pub trace: Option<String>,
    /// Earliest `at_ms` of the action's latest summary, in Unix milliseconds.
    pub since_ms: Option<i64>,
    /// Whether only actions that have ended pass. With `status`, a search then takes no steps for open actions.
    pub ended: bool,
}

impl Filter {
    /// Whether an action with this row passes the filter.
    pub fn takes(&self, row: &Row) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        };
        let Summary { agent, contract, resource, status, at_ms, trace, ended, .. } = &row.summary;
        is(&self.agent, agent)
            && is(&self.contract, contract)
            && is(&self.status, status)
            && is(&self.resource, resource)
            && (self.trace.is_none() || self.trace == *trace)
            && self.since_ms.is_none_or(|since_ms| *at_ms >= since_ms)
            && (*ended || !self.ended)
    }
}

/// Which part of a list is read at once, and how much work that may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The greatest action id that may be in the part; `None` for the beginning of the list.
    pub from: Option<String>,
    /// The maximum number of rows.
    pub rows: usize,
    /// The maximum number of steps in the lists of actions, at least 1. An action that is looked at is one step.
    pub steps: usize,
}

/// A part of a list of actions, in descending order of their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    pub rows: Vec<(String, Row)>,
    /// The id with which the next part begins; `None` at the end of the list. A part may have no rows although the list
    /// continues, because a part takes a limited number of steps.
    pub next: Option<String>,
}

/// The version and the summary of an action, which can be read without its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub version: u64,
    pub summary: Summary,
}

/// The version of an action and its events, oldest first.
pub type Story = (u64, Vec<Vec<u8>>);
