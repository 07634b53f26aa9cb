//! When people and agents are told about an action (`stage/notify.rs`), and the timers of a request for approval: one
//! for the notice that it expires soon, one for its expiry.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use deed_record::action::id::ActionId;
use deed_record::lifecycle::outcome::Outcome;
use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Story;
use deed_record::statement::approval::Ask;

use super::Engine;
use super::timers::Why;
use crate::config::WebhookEvent;

/// The longest time between the notice and the expiry.
const NOTICE_MAX_MS: i64 = 3_600_000;

/// The requests for approval about which people were told that they expire soon, by action, each with its time of
/// expiry. A restart forgets them, so the notice may be sent a second time then.
#[derive(Debug, Default)]
pub(super) struct ToldExpiring(Mutex<HashMap<ActionId, i64>>);

impl ToldExpiring {
    /// Whether people were not told about this request before. From now on they were.
    fn is_first(&self, id: &ActionId, expires_ms: i64) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert(id.clone(), expires_ms) != Some(expires_ms)
    }

    fn forget(&self, id: &ActionId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

impl Engine {
    /// Tells people that an action waits for them.
    pub(super) fn tell_waiting(&self, story: &Story) {
        self.notifier.tell(WebhookEvent::Waiting, story);
    }

    /// Tells people, and the action's agent, that the action ended. An action with an open outcome ends a second time,
    /// when its outcome is settled.
    pub(super) fn tell_end(&self, story: &Story) {
        match story.status {
            Status::Ended(Outcome::Indeterminate) => {
                self.notifier.tell(WebhookEvent::Indeterminate, story);
            }
            Status::Ended(_) => self.notifier.tell(WebhookEvent::Ended, story),
            _ => {}
        }
    }

    /// Tells people that observations do not settle an open outcome.
    pub(super) fn tell_escalated(&self, story: &Story) {
        self.notifier.tell(WebhookEvent::Escalated, story);
    }

    /// Wakes the driver when the request for approval expires, and before that when people are told that it expires
    /// soon. If that time has come, people are told now, but only once.
    pub(super) fn expire_later(self: &Arc<Self>, story: &Story) {
        let Some(ask) = story.ask.as_ref().filter(|_| story.status == Status::Waiting) else {
            return;
        };
        let id = &story.bound.action.id;
        self.wake_at(ask.expires_ms, id, Why::Expires);
        if !self.notifier.tells_people(WebhookEvent::Expiring) {
            return;
        }
        let notice_ms = self.notice_ms(ask);
        if self.clock.now_ms() < notice_ms {
            self.wake_at(notice_ms, id, Why::Expires);
        } else if self.told_expiring.is_first(id, ask.expires_ms) {
            self.notifier.tell_at(WebhookEvent::Expiring, story, notice_ms);
        }
    }

    /// Removes the timers for the last approval request of an action that has ended.
    pub(super) fn expires_no_more(self: &Arc<Self>, story: &Story) {
        let Some(ask) = &story.ask else { return };
        let id = &story.bound.action.id;
        for at_ms in [self.notice_ms(ask), ask.expires_ms] {
            self.wake_at(at_ms, id, Why::NoMore);
        }
        self.told_expiring.forget(id);
    }

    /// When people are told that the request expires soon: a quarter of the time for answers before its expiry, but at
    /// most an hour.
    fn notice_ms(&self, ask: &Ask) -> i64 {
        let quarter_ms = self.config.approval_expires.as_signed() / 4;
        ask.expires_ms.saturating_sub(quarter_ms.min(NOTICE_MAX_MS))
    }
}
