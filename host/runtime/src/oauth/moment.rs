//! Points in time for the ages of what an issuer said.
//!
//! The monotonic clock stops while the machine is suspended, and the system clock can be set back, so an age is the
//! longer one by the two clocks.

use std::time::Duration;

use deed_system::clock::Clock;
use tokio::time::Instant;

/// A point in time by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) instant: Instant,
    pub(super) unix_ms: i64,
}

impl Moment {
    pub(super) fn now(clock: &Clock) -> Self {
        Self { instant: Instant::now(), unix_ms: clock.latest_ms() }
    }

    /// The time since an earlier moment.
    pub(super) fn since(self, earlier: Self) -> Duration {
        let passed_ms = self.unix_ms.saturating_sub(earlier.unix_ms);
        let passed = Duration::from_millis(u64::try_from(passed_ms).unwrap_or(0));
        passed.max(self.instant.saturating_duration_since(earlier.instant))
    }

    pub(super) fn unix_s(self) -> i64 {
        self.unix_ms.div_euclid(1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_the_longer_one_by_two_clocks() {
        let minute = Duration::from_mins(1);
        let start = Moment { instant: Instant::now(), unix_ms: 1_000_000 };
        let suspended = Moment { unix_ms: 1_060_000, ..start };
        let set_back = Moment { instant: start.instant + minute, unix_ms: 0 };
        assert_eq!((suspended.since(start), set_back.since(start)), (minute, minute));
        assert_eq!(start.since(suspended), Duration::ZERO);
        assert_eq!(suspended.unix_s(), 1_060);
    }
}
