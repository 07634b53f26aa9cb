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
use crate::stage::approval;
use crate::stage::notify::Notice;

/// The longest time between the notice and the expiry.
const NOTICE_MAX_MS: i64 = 3_600_000;

/// What people are told again about a request for approval.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Told {
    /// The webhook that it expires soon.
    Expiring,
    /// A message to people.
    People(Notice),
    /// The message to this person, who had put the request off until this time in Unix milliseconds.
    PutOff(String, i64),
}

/// What people were told again, by action, each with the nonce of the request for approval. A restart forgets it, so a
/// notice may be sent a second time then.
#[derive(Debug, Default)]
pub(super) struct ToldAgain(Mutex<HashMap<ActionId, HashMap<Told, String>>>);

impl ToldAgain {
    /// Whether people were not told about this request before. From now on they were. Two requests of an action may
    /// expire at the same time, but never have the same nonce.
    pub(super) fn is_first(&self, id: &ActionId, what: Told, ask: &Ask) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = told.entry(id.clone()).or_default().insert(what, ask.nonce.clone());
        last.as_ref() != Some(&ask.nonce)
    }

    fn forget(&self, id: &ActionId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

impl Engine {
    /// Tells people that an action waits for them.
    pub(super) fn tell_waiting(&self, story: &Story) {
        self.current().notifier.tell(WebhookEvent::Waiting, story);
        self.tell_people(Notice::Asked, story);
    }

    /// Tells people, and the action's agent, that the action ended. An action with an open outcome ends a second time,
    /// when its outcome is settled.
    pub(super) fn tell_end(&self, story: &Story) {
        match story.status {
            Status::Ended(Outcome::Indeterminate) => {
                self.current().notifier.tell(WebhookEvent::Indeterminate, story);
            }
            Status::Ended(_) => self.current().notifier.tell(WebhookEvent::Ended, story),
            _ => return,
        }
        self.tell_people(Notice::Ended, story);
    }

    /// Tells people that observations do not settle an open outcome.
    pub(super) fn tell_escalated(&self, story: &Story) {
        self.current().notifier.tell(WebhookEvent::Escalated, story);
    }

    /// Wakes the driver when the request for approval expires, and before that when people are told that it expires
    /// soon. If that time has come, people are told now, but only once.
    pub(super) fn expire_later(self: &Arc<Self>, story: &Story) {
        let Some(ask) = story.ask.as_ref().filter(|_| story.status == Status::Waiting) else {
            return;
        };
        // After a start, this is the first time that the story of the action is in memory.
        self.waiting_list.follow(story);
        let id = &story.bound.action.id;
        self.wake_at(ask.expires_ms, id, Why::Expires);
        self.tell_people_later(story, ask);
        let current = self.current();
        let notifier = &current.notifier;
        if !notifier.tells_people(WebhookEvent::Expiring) {
            return;
        }
        let notice_ms = self.notice_ms(ask);
        if self.clock.now_ms() < notice_ms {
            self.wake_at(notice_ms, id, Why::Expires);
        } else if self.told_again.is_first(id, Told::Expiring, ask) {
            notifier.tell_at(WebhookEvent::Expiring, story, notice_ms);
        }
    }

    /// Removes the timers for the last approval request of an action that has ended.
    pub(super) fn expires_no_more(self: &Arc<Self>, story: &Story) {
        let Some(ask) = &story.ask else { return };
        let id = &story.bound.action.id;
        self.tell_people_no_more(story, ask);
        for at_ms in [self.notice_ms(ask), ask.expires_ms] {
            self.wake_at(at_ms, id, Why::NoMore);
        }
        self.told_again.forget(id);
    }

    /// When people are told that the request expires soon: a quarter of the time for answers before its expiry, but at
    /// most an hour. A reload may change that time; the timer of a request for approval then stays as it was set.
    fn notice_ms(&self, ask: &Ask) -> i64 {
        let configured_ms = self.current().config.approval_expires.as_signed();
        let quarter_ms = approval::patience_ms(&ask.obligations, configured_ms) / 4;
        ask.expires_ms.saturating_sub(quarter_ms.min(NOTICE_MAX_MS))
    }
}

#[cfg(test)]
mod tests {
    use deed_spec::digest::Digest;

    use super::*;

    fn ask(nonce: &str) -> Ask {
        Ask {
            nonce: nonce.to_owned(),
            expires_ms: 1,
            pre_state: Digest::of(b""),
            plan: None,
            policy_set: Digest::of(b""),
            obligations: Vec::new(),
        }
    }

    #[test]
    fn each_request_is_told_once_also_if_two_expire_at_the_same_time() {
        let (told, id) = (ToldAgain::default(), "act_00000000000000000000000000".parse().unwrap());
        let (one, two) = (ask("one"), ask("two"));
        let put_off = Told::PutOff("bob".to_owned(), 1);
        for what in [Told::Expiring, Told::People(Notice::Escalated), put_off] {
            assert!(told.is_first(&id, what.clone(), &one), "{what:?}");
            assert!(!told.is_first(&id, what.clone(), &one), "{what:?}");
            assert!(told.is_first(&id, what.clone(), &two), "{what:?}");
        }
        told.forget(&id);
        assert_eq!(told.0.lock().unwrap().len(), 0, "an action that has ended takes no memory");
    }
}
