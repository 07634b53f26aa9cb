//! Notifications about the progress of a call, for a client that gave a progress token. The first notification turns
//! the answer into a stream of events.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deed_record::lifecycle::story::Story;
use rmcp::RoleServer;
use rmcp::model::{NumberOrString, ProgressNotificationParam, ProgressToken};
use rmcp::service::{Peer, RequestContext};
use tokio::time::Instant;

use super::answer;
use crate::http::App;

/// The most notifications of one call.
const MAX: u32 = 30;
/// The shortest time between two notifications. The status of the action may change more often.
const PERIOD: Duration = Duration::from_secs(1);
/// How long a client may leave a notification unread. After that, the call sends no more of them, so that it ends in
/// time.
const PATIENCE: Duration = Duration::from_secs(1);
/// The longest token in bytes. The token is repeated in each notification, and notifications wait in memory until the
/// client reads them.
const TOKEN_MAX: usize = 256;

/// Reports the progress of one call.
#[derive(Debug)]
pub(super) struct Progress {
    peer: Peer<RoleServer>,
    token: ProgressToken,
    sent: Mutex<Sent>,
}

/// What was sent so far.
#[derive(Debug, Default)]
struct Sent {
    count: u32,
    /// The status that was reported last, and when.
    last: Option<(&'static str, Instant)>,
    is_over: bool,
}

impl Progress {
    /// `None` if the request has no token that can be used.
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Option<Self> {
        let token = context.meta.get_progress_token()?;
        if let NumberOrString::String(text) = &token.0
            && text.len() > TOKEN_MAX
        {
            return None;
        }
        Some(Self { peer: context.peer.clone(), token, sent: Mutex::default() })
    }

    /// Reports the status of an open action, if it is another than the last one and a notification is due.
    pub(super) async fn report(&self, app: &App, story: &Story) {
        let Some(count) = self.lock().next(story.status.word(), Instant::now()) else { return };
        let progress = ProgressNotificationParam::new(self.token.clone(), f64::from(count))
            .with_message(answer::standing(app, story));
        let sent = tokio::time::timeout(PATIENCE, self.peer.notify_progress(progress)).await;
        if !matches!(sent, Ok(Ok(()))) {
            self.lock().is_over = true;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sent {
    /// The number of the next notification, which is also the progress; `None` if none is due.
    fn next(&mut self, status: &'static str, now: Instant) -> Option<u32> {
        let is_due =
            self.last.is_none_or(|(last, at)| last != status && now.duration_since(at) >= PERIOD);
        if self.is_over || self.count >= MAX || !is_due {
            return None;
        }
        self.count += 1;
        self.last = Some((status, now));
        Some(self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notifications_are_bounded_in_rate_and_number() {
        let (mut sent, mut now) = (Sent::default(), Instant::now());
        assert_eq!(sent.next("pending", now), Some(1));
        assert_eq!(sent.next("waiting", now), None, "too early");
        now += PERIOD;
        assert_eq!(sent.next("pending", now), None, "nothing new");
        assert_eq!(sent.next("waiting", now), Some(2));
        let mut last = 2;
        for round in 0..100 {
            now += PERIOD;
            let status = if round % 2 == 0 { "pending" } else { "waiting" };
            last = sent.next(status, now).unwrap_or(last);
        }
        assert_eq!(last, MAX);
    }

    #[test]
    fn nothing_is_sent_after_a_notification_that_was_not_read() {
        let mut sent = Sent { is_over: true, ..Sent::default() };
        assert_eq!(sent.next("pending", Instant::now()), None);
    }
}
