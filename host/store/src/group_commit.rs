//! Group commit: the writer pauses between two commits, so that the appends that arrive in the meantime are committed
//! together. The length of the pause depends on the number of actions in progress.
//!
//! With few actions there is no pause, because hardly any appends could share a commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The smallest number of actions in progress for which there is a pause.
const CROWD: usize = 8;

/// Length of the pause per action in progress. The more actions are in progress, the longer each action takes, so the
/// pause stays at about a hundredth of the time that an action takes.
const EACH: Duration = Duration::from_micros(20);

/// The longest pause between two commits.
const MOST: Duration = Duration::from_millis(2);

/// The number of actions in progress. All clones of this value share one number.
#[derive(Clone, Debug, Default)]
pub struct GroupCommit(Arc<AtomicUsize>);

impl GroupCommit {
    /// Sets how many actions are in progress.
    pub fn is(&self, under_way: usize) {
        self.0.store(under_way, Ordering::Relaxed);
    }

    /// Blocks until the time since the previous commit is as long as the number of actions requires. `last` is the time
    /// when the previous commit began, and is set to the present time.
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
