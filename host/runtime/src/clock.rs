//! Takes nothing, gives the time in Unix milliseconds. The only place that reads the wall clock.
//!
//! Never goes back within a process: when the system's clock does, time stands still until it catches up.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The host's clock. Clones share what was read last, so no two parts of a process disagree on order.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    last: Arc<AtomicI64>,
}

impl Clock {
    pub fn new() -> Self {
        Self::default()
    }

    /// Unix milliseconds, never less than any earlier answer of this clock or its clones.
    pub fn now_ms(&self) -> i64 {
        let now = system_ms();
        self.last.fetch_max(now, Ordering::AcqRel).max(now)
    }
}

/// A system clock before 1970 counts as 0: the journal's own times are later, and it refuses.
fn system_ms() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "this is the module that reads the wall clock")]
    let now = SystemTime::now();
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_goes_back() {
        let clock = Clock::new();
        let first = clock.now_ms();
        assert!(first > 1_700_000_000_000, "{first}");
        clock.last.store(first + 60_000, Ordering::Release);
        assert_eq!(clock.clone().now_ms(), first + 60_000);
    }
}
