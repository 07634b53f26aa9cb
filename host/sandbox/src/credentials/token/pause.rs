//! The pause before a token is asked for again after it was refused.

use std::time::{Duration, Instant};

/// The pause after the first refusal. Each further refusal doubles it.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(1);
/// After this time without a refusal, the next pause is the first one again.
const QUIET: Duration = Duration::from_mins(10);

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pause {
    refusals: u32,
    until: Option<Instant>,
}

impl Pause {
    /// The time that is left of the pause; `None` if it is over.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        let left = self.until?.checked_duration_since(now)?;
        (!left.is_zero()).then_some(left)
    }

    /// Begins the pause after one more refusal.
    pub(super) fn begin(&mut self, now: Instant) {
        if self.until.is_some_and(|until| now.saturating_duration_since(until) > QUIET) {
            self.refusals = 0;
        }
        let factor = 2_u32.saturating_pow(self.refusals);
        self.refusals = self.refusals.saturating_add(1);
        self.until = now.checked_add(FIRST.saturating_mul(factor).min(LONGEST));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_grows_from_a_second_to_a_minute_and_begins_anew_after_a_quiet_time() {
        let (mut pause, mut now) = (Pause::default(), Instant::now());
        assert_eq!(pause.left(now), None);
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            pause.begin(now);
            let whole = Duration::from_secs(seconds);
            assert_eq!(pause.left(now), Some(whole));
            now += whole;
            assert_eq!(pause.left(now), None);
        }
        now += QUIET + FIRST;
        pause.begin(now);
        assert_eq!(pause.left(now), Some(FIRST));
    }
}
