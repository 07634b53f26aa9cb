//! The host's clock, in Unix milliseconds. This is the only module that reads the wall clock.
//!
//! The host's clock reads the wall clock once and continues with the monotonic clock, so that a jump of the system
//! clock does not shorten a wait or a deadline. The host's clock reports the difference between itself and the system
//! clock. The host's clock never jumps by itself: it adopts the system time only on request, and only forwards.
//!
//! While a machine is suspended, the monotonic clock stops. Time while the machine is suspended is deliberately not
//! counted, because the host does nothing during this time, and data in a socket is sent only after the machine
//! resumes. To the host, a suspension looks like a system clock that jumped ahead.

#[cfg(all(feature = "failpoints", debug_assertions))]
mod skew;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// The largest difference between the host's clock and the system clock that is not reported. Adjustments by network
/// time protocols stay below this limit.
pub const SLACK_MS: i64 = 2_000;

/// The host's clock. All clones share one clock, so all parts of a process agree on the order of times.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    began: Instant,
    began_ms: i64,
    /// The system time when this clock began, plus all adopted differences since then.
    base_ms: watch::Sender<i64>,
}

/// The difference between the system clock and the host's clock, after the system clock was set or the machine was
/// suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// The system clock is ahead by this many milliseconds.
    Ahead(i64),
    /// The system clock is behind by this many milliseconds.
    Behind(i64),
}

impl Default for Clock {
    fn default() -> Self {
        // The system clock is read before the monotonic clock. If the thread is delayed between the two reads, the
        // host's clock is behind the system clock until it adopts the system time. The host's clock is never ahead.
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

    /// Unix milliseconds, never less than any earlier value of this clock or its clones.
    pub fn now_ms(&self) -> i64 {
        let base_ms = *self.0.base_ms.borrow();
        self.after(base_ms)
    }

    /// The later of this clock and the system clock. This value is for expiry times that other parties check with their
    /// own clocks: it is correct even if the host's clock is behind.
    pub fn latest_ms(&self) -> i64 {
        let ahead_ms = match self.drift() {
            Some(Drift::Ahead(ms)) => ms,
            Some(Drift::Behind(_)) | None => 0,
        };
        self.now_ms().saturating_add(ahead_ms)
    }

    /// When this clock began. Recorded times before this time are from an earlier process.
    pub fn began_ms(&self) -> i64 {
        self.0.began_ms
    }

    fn after(&self, base_ms: i64) -> i64 {
        let passed = i64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        base_ms.saturating_add(passed)
    }

    /// The difference between the system clock and this one, if it exceeds [`SLACK_MS`].
    pub fn drift(&self) -> Option<Drift> {
        self.drift_from(system_ms)
    }

    /// This clock is read before and after the system clock, so that a delayed thread does not report a jump.
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

    /// Adopts the system time if it is ahead of this clock. Call this function only while no caller measures a
    /// duration.
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

    /// Waits until this clock reaches `at_ms`, either because time passes or because the system time is adopted.
    pub async fn until(&self, at_ms: i64) {
        let mut base = self.0.base_ms.subscribe();
        loop {
            let base_ms = *base.borrow_and_update();
            let left = u64::try_from(at_ms.saturating_sub(self.after(base_ms))).unwrap_or(0);
            if left == 0 {
                return;
            }
            // Either the time has passed or the system time was adopted, so the loop checks again.
            let passed = tokio::time::timeout(Duration::from_millis(left), base.changed());
            passed.await.map(|_| ()).unwrap_or_default();
        }
    }
}

/// A system time before 1970 counts as 0. With a system time before 1970, the host refuses to start, because the
/// journal contains later times.
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
