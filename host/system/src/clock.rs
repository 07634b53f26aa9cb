//! Takes nothing, gives the time in Unix milliseconds. The only place that reads the wall clock.
//!
//! It reads the wall clock once and goes on with the monotonic one, so that no jump of the system's clock
//! shortens a wait or a deadline. It says how far the two have come apart, and never jumps by itself: it
//! takes over the system's time when it is told to, forwards only.
//!
//! While a machine is suspended the monotonic clock stands still, and that is meant: nothing of ours was
//! waited for in that time, and what stood in a socket leaves after it. To us it is a system's clock that
//! jumped ahead.

#[cfg(all(feature = "failpoints", debug_assertions))]
mod skew;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// How far the clocks may be apart unnoticed: what setting the system's by network time may do.
pub const SLACK_MS: i64 = 2_000;

/// The host's clock. Clones are the same clock, so no two parts of a process disagree on order.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    began: Instant,
    began_ms: i64,
    /// The system's time when this clock began, and what was taken over since.
    base_ms: watch::Sender<i64>,
}

/// The system's clock was set, or the machine was suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// The system's clock is ahead by so many milliseconds.
    Ahead(i64),
    /// It is behind by so many.
    Behind(i64),
}

impl Default for Clock {
    fn default() -> Self {
        // In this order: a thread that is held up in between begins late, which is put right by taking over
        // the system's time, and never early.
        let began_ms = system_ms();
        let began = Instant::now();
        let base_ms = watch::Sender::new(began_ms);
        Self(Arc::new(Inner { began, began_ms, base_ms }))
    }
}

impl Clock {
    pub fn new() -> Self {
        Self::default()
    }

    /// Unix milliseconds, never less than any earlier answer of this clock or its clones.
    pub fn now_ms(&self) -> i64 {
        let base_ms = *self.0.base_ms.borrow();
        self.after(base_ms)
    }

    /// The later one of this clock and the system's: for what ends by the clocks of others, however ours fared.
    pub fn latest_ms(&self) -> i64 {
        let ahead_ms = match self.drift() {
            Some(Drift::Ahead(ms)) => ms,
            Some(Drift::Behind(_)) | None => 0,
        };
        self.now_ms().saturating_add(ahead_ms)
    }

    /// When this clock began: times from before are another process's.
    pub fn began_ms(&self) -> i64 {
        self.0.began_ms
    }

    fn after(&self, base_ms: i64) -> i64 {
        let passed = i64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        base_ms.saturating_add(passed)
    }

    /// How far the system's clock is from this one, where that is more than the slack.
    pub fn drift(&self) -> Option<Drift> {
        self.drift_from(system_ms)
    }

    /// Ours is read before and after: a thread that is held up in between has seen no jump.
    fn drift_from(&self, system_ms: impl Fn() -> i64) -> Option<Drift> {
        let before_ms = self.now_ms();
        let system_ms = system_ms();
        let ahead_ms = system_ms.saturating_sub(self.now_ms());
        let behind_ms = before_ms.saturating_sub(system_ms);
        if ahead_ms > SLACK_MS {
            Some(Drift::Ahead(ahead_ms))
        } else if behind_ms > SLACK_MS {
            Some(Drift::Behind(behind_ms))
        } else {
            None
        }
    }

    /// Takes over the system's time where that is ahead. Only for a moment in which nobody measures anything.
    pub fn adopt(&self) -> Option<Drift> {
        self.adopt_from(system_ms())
    }

    fn adopt_from(&self, system_ms: i64) -> Option<Drift> {
        let mut adopted = None;
        self.0.base_ms.send_if_modified(|base_ms| {
            let ahead_ms = system_ms.saturating_sub(self.after(*base_ms));
            adopted = Some(Drift::Ahead(ahead_ms)).filter(|_| ahead_ms > SLACK_MS);
            if adopted.is_some() {
                *base_ms = base_ms.saturating_add(ahead_ms);
            }
            adopted.is_some()
        });
        adopted
    }

    /// Waits until this clock says so, however it gets there.
    pub async fn until(&self, at_ms: i64) {
        let mut base = self.0.base_ms.subscribe();
        loop {
            let base_ms = *base.borrow_and_update();
            let left = u64::try_from(at_ms.saturating_sub(self.after(base_ms))).unwrap_or(0);
            if left == 0 {
                return;
            }
            // Whether the time passed or was taken over: look again.
            let passed = tokio::time::timeout(Duration::from_millis(left), base.changed());
            passed.await.map(|_| ()).unwrap_or_default();
        }
    }
}

/// A system clock before 1970 counts as 0: the journal's own times are later, and it refuses.
fn system_ms() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "this is the module that reads the wall clock")]
    let now = SystemTime::now();
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    #[cfg(all(feature = "failpoints", debug_assertions))]
    let now_ms = now_ms.saturating_add(skew::ms());
    now_ms
}

#[cfg(test)]
mod tests;
