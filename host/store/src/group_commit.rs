//! How many actions are under way, for those who commit for all of them: takes the number, gives the pause in which
//! more comes to be committed together.
//!
//! Never lets a few wait: whoever is alone has nobody to share with.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// With fewer under way, nothing pauses.
const CROWD: usize = 8;

/// The pause grows with the crowd, as the time does that an action takes anyway: a hundredth of it or so.
const EACH: Duration = Duration::from_micros(20);

/// No pause is longer.
const MOST: Duration = Duration::from_millis(2);

/// The number; clones share it.
#[derive(Clone, Debug, Default)]
pub struct GroupCommit(Arc<AtomicUsize>);

impl GroupCommit {
    /// Says how many actions are under way.
    pub fn is(&self, under_way: usize) {
        self.0.store(under_way, Ordering::Relaxed);
    }

    /// Waits until two commits are as far apart as the crowd is large; `last` is when the one before began. Blocks.
    pub(crate) fn gather(&self, last: &mut Instant) {
        if let Some(rest) = self.apart().checked_sub(last.elapsed()) {
            thread::sleep(rest);
        }
        *last = Instant::now();
    }

    fn apart(&self) -> Duration {
        let under_way = self.0.load(Ordering::Relaxed);
        if under_way < CROWD {
            return Duration::ZERO;
        }
        EACH.saturating_mul(u32::try_from(under_way).unwrap_or(u32::MAX)).min(MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_wait_for_nobody_and_a_crowd_not_long() {
        let crowd = GroupCommit::default();
        let mut before = Duration::ZERO;
        for under_way in [0, 1, CROWD - 1, CROWD, 64, 100, usize::MAX] {
            crowd.is(under_way);
            let apart = crowd.apart();
            assert_eq!(apart.is_zero(), under_way < CROWD, "{under_way}");
            assert!(apart >= before && apart <= MOST, "{under_way}: {apart:?}");
            before = apart;
        }
    }
}
