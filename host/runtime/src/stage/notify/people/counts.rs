//! How many messages for people were delivered and were not, since the start of the host.

use std::sync::atomic::{AtomicU64, Ordering};

/// The counts of one channel.
#[derive(Debug, Default)]
pub(super) struct Count {
    delivered: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

/// The counts of all tenants.
#[derive(Debug, Default)]
pub(in crate::stage::notify) struct Counts {
    pub(super) mail: Count,
    pub(super) chat: Count,
}

impl Count {
    pub(super) fn delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    /// The message was given up.
    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// The queue had no place for the message, or the agent no share for the notice.
    pub(super) fn dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

impl Counts {
    /// Each count with its channel and result.
    pub(in crate::stage::notify) fn all(&self) -> Vec<([&'static str; 2], u64)> {
        let of = |channel: &'static str, count: &Count| {
            let results = [
                ("delivered", &count.delivered),
                ("failed", &count.failed),
                ("dropped", &count.dropped),
            ];
            results.map(|(result, value)| ([channel, result], value.load(Ordering::Relaxed)))
        };
        [of("mail", &self.mail), of("chat", &self.chat)].concat()
    }
}
