//! The pause before something that failed is tried again.

use std::time::Duration;

use deed_record::contract::Limits;
use deed_record::exchange::Exchange;

use super::error::EngineError;
use crate::config::keys;

/// The longest pause, before it is reduced at random, unless the contract or the upstream asks for a longer pause.
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// How many observations, or how many rehearsals, failed since the last recorded one, and when the first of the failed
/// ones began.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Failed {
    pub(super) times: u32,
    /// Unix milliseconds at the start of the first failed run.
    pub(super) first_ms: i64,
}

/// The pause after this many failures: the contract's backoff, doubled for each failure after the first, up to a minute
/// or the backoff if that is longer. Jitter reduces the pause to between half and all of this value, so that actions
/// that failed together are not tried again together. The pause is never shorter than the wait that the upstream
/// requested with `Retry-After` in the given exchanges.
pub(super) fn after(
    limits: &Limits,
    failures: u32,
    exchanges: &[Exchange],
) -> Result<Duration, EngineError> {
    let first = Duration::from_millis(limits.backoff.as_millis());
    let factor = 2_u32.saturating_pow(failures.saturating_sub(1));
    let full = first.saturating_mul(factor).min(PAUSE_MAX.max(first));
    let [chance] = keys::random::<1>()?;
    let jittered = full / 2 + (full / 2).saturating_mul(u32::from(chance)) / 255;
    Ok(jittered.max(asked_for(exchanges)))
}

/// The wait that the upstream requested with `Retry-After`, limited to an hour.
fn asked_for(exchanges: &[Exchange]) -> Duration {
    // An exchange that was carried over from an earlier attempt does not count, because its answer is old.
    let exchanges = exchanges.iter().filter(|one| one.carried_from.is_none());
    let seconds = exchanges.filter_map(|one| one.retry_after_s).max().unwrap_or(0);
    Duration::from_secs(u64::from(seconds)).min(Duration::from_hours(1))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn exchange(seconds: Option<u32>) -> Exchange {
        let request =
            json!({"upstream": "idp", "method": "PATCH", "path": "/", "calls": 1, "writes": true});
        let mut value = json!({
            "ordinal": 0, "request": request, "fate": {"answered": {"status": 503}},
            "started_ms": 0, "ended_ms": 0, "deadline_ms": 0,
        });
        if let Some(seconds) = seconds {
            value["retry_after_s"] = json!(seconds);
        }
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_the_upstream_asks_for_is_kept_within_an_hour() {
        let all = |all: &[Option<u32>]| -> Vec<_> { all.iter().copied().map(exchange).collect() };
        assert_eq!(asked_for(&[]), Duration::ZERO);
        assert_eq!(asked_for(&all(&[None])), Duration::ZERO);
        assert_eq!(asked_for(&all(&[Some(2), None, Some(7)])), Duration::from_secs(7));
        assert_eq!(asked_for(&all(&[Some(u32::MAX)])), Duration::from_hours(1));
        let mut carried = all(&[Some(7)]);
        carried[0].carried_from = Some(1);
        assert_eq!(asked_for(&carried), Duration::ZERO);
    }
}
