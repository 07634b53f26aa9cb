//! `[limits]`: how long each step of an action may take, and how often the action is tried.
//!
//! Every limit has a default. `timeout` is always part of the canonical form. Any other limit is left out of the
//! canonical form if it has its default value, so that a contract written before the limit existed keeps its digest.

#![expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]

use serde::{Deserialize, Serialize};

use super::Duration;
use super::fault::Fault;

/// The maximum number of attempts of one action. The number is limited because a bundle has no room for the envelopes
/// of more attempts.
pub const ATTEMPTS_MAX: u32 = 5;

/// `[limits]`: the limits of one action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The maximum wall-clock time of one run.
    #[serde(default = "timeout")]
    pub timeout: Duration,
    /// The maximum number of attempts, if recovery allows more than one attempt; 1 means no retry.
    #[serde(default = "attempts", skip_serializing_if = "is_attempts")]
    pub attempts: u32,
    /// The pause before the second attempt, which doubles for each further attempt and is jittered.
    #[serde(default = "backoff", skip_serializing_if = "is_backoff")]
    pub backoff: Duration,
    /// No attempt starts later than this time after the start of the first attempt.
    #[serde(default = "total", skip_serializing_if = "is_total")]
    pub total: Duration,
    /// How long the action may wait for its resource.
    #[serde(default = "queue", skip_serializing_if = "is_queue")]
    pub queue: Duration,
    /// How long the host keeps reading the state to settle an outcome before the host asks a person.
    #[serde(default = "observe", skip_serializing_if = "is_observe")]
    pub observe: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: timeout(),
            attempts: attempts(),
            backoff: backoff(),
            total: total(),
            queue: queue(),
            observe: observe(),
        }
    }
}

const HOUR_MS: u64 = 3_600_000;

const fn timeout() -> Duration {
    Duration::from_millis(30_000)
}

const fn attempts() -> u32 {
    1
}

const fn backoff() -> Duration {
    Duration::from_millis(1_000)
}

const fn total() -> Duration {
    Duration::from_millis(HOUR_MS)
}

const fn queue() -> Duration {
    Duration::from_millis(HOUR_MS / 6)
}

const fn observe() -> Duration {
    Duration::from_millis(HOUR_MS)
}

fn is_attempts(value: &u32) -> bool {
    *value == attempts()
}

fn is_backoff(value: &Duration) -> bool {
    *value == backoff()
}

fn is_total(value: &Duration) -> bool {
    *value == total()
}

fn is_queue(value: &Duration) -> bool {
    *value == queue()
}

fn is_observe(value: &Duration) -> bool {
    *value == observe()
}

pub(super) fn check(limits: &Limits) -> Result<(), Fault> {
    if !(100..=300_000).contains(&limits.timeout.as_millis()) {
        return Err(Fault::at("timeout", "`timeout` must be from 100ms to 5m"));
    }
    if !(1..=ATTEMPTS_MAX).contains(&limits.attempts) {
        let what = format!("`attempts` must be from 1 to {ATTEMPTS_MAX}");
        return Err(Fault::at("attempts", what));
    }
    if !(10..=600_000).contains(&limits.backoff.as_millis()) {
        return Err(Fault::at("backoff", "`backoff` must be from 10ms to 10m"));
    }
    let spans = [("total", limits.total), ("queue", limits.queue), ("observe", limits.observe)];
    match spans.iter().find(|(_, span)| !(100..=24 * HOUR_MS).contains(&span.as_millis())) {
        Some((name, _)) => Err(Fault::at(name, format!("`{name}` must be from 100ms to 24h"))),
        None => Ok(()),
    }
}
