//! The calls without an idempotency key whose action's end no answer has reported to the agent.
//!
//! The table is in memory, with a digest in place of each call, because a call can contain private parameters.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deed_record::action::commitment::Live;
use deed_record::action::id::ActionId;
use deed_spec::digest::Digest;
use serde_json::Value;
use tokio::sync::{Mutex as AsyncMutex, OnceCell};

use crate::http::Caller;

/// The maximum number of calls of one agent in the table.
const CALLS_MAX: usize = 2_048;
/// To how many calls the table of an agent is reduced when it is full, if so many actions have ended.
const CALLS_KEPT: usize = CALLS_MAX / 4 * 3;

/// The statuses of actions that have not ended.
pub(super) const OPEN: [&str; 3] = ["pending", "waiting", "running"];

/// What a call asks for, as a digest.
pub(super) type Asked = Live<Digest>;

/// The action that equal calls are part of. The slot is locked while the first of these calls is being accepted.
pub(super) type Slot = Arc<AsyncMutex<Option<ActionId>>>;

/// The calls of all agents, by tenant and agent.
#[derive(Debug, Default)]
pub(super) struct Joins(Mutex<HashMap<(String, String), Arc<Calls>>>);

/// The calls of one agent.
#[derive(Debug, Default)]
pub(super) struct Calls {
    table: Mutex<Table>,
    /// Set once the open actions of earlier processes are in the table.
    pub(super) is_complete: OnceCell<()>,
}

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<Asked, Entry>,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    slot: Slot,
    /// The accepted action; `None` while no call has been accepted.
    action: Option<ActionId>,
    /// Later entries have greater numbers.
    number: u64,
}

impl Joins {
    pub(super) fn of(&self, caller: &Caller) -> Arc<Calls> {
        Arc::clone(lock(&self.0).entry(agent(caller)).or_default())
    }

    /// Removes the calls whose action's end this answer reports to the agent. An answer counts once it has been made,
    /// because the host does not learn whether it arrived.
    pub(super) fn told(&self, caller: &Caller, answer: &Value) {
        let calls = lock(&self.0).get(&agent(caller)).cloned();
        let Some(calls) = calls else { return };
        for action in ends(answer) {
            lock(&calls.table).reported(action);
        }
    }
}

impl Calls {
    /// The slot of a call. `has_ended` says which entries can be dropped if the table is full.
    pub(super) fn slot(&self, asked: Asked, has_ended: impl Fn(&ActionId) -> bool) -> Slot {
        lock(&self.table).slot(asked, has_ended)
    }

    /// Notes the action of a call. The caller has locked the slot.
    pub(super) fn accepted(&self, asked: Asked, slot: &Slot, action: ActionId) {
        lock(&self.table).insert(asked, Arc::clone(slot), action);
    }

    /// Notes actions of an earlier process. Of equal actions, the first one counts.
    pub(super) fn found(&self, actions: Vec<(Asked, ActionId)>) {
        let mut table = lock(&self.table);
        for (asked, action) in actions {
            if !table.entries.contains_key(&asked) {
                let slot = Arc::new(AsyncMutex::new(Some(action.clone())));
                table.insert(asked, slot, action);
            }
        }
    }
}

impl Table {
    fn slot(&mut self, asked: Asked, has_ended: impl Fn(&ActionId) -> bool) -> Slot {
        if self.entries.len() >= CALLS_MAX && !self.entries.contains_key(&asked) {
            self.make_room(has_ended);
        }
        let number = self.number();
        let vacant = || Entry { slot: Slot::default(), action: None, number };
        Arc::clone(&self.entries.entry(asked).or_insert_with(vacant).slot)
    }

    fn insert(&mut self, asked: Asked, slot: Slot, action: ActionId) {
        let number = self.number();
        self.entries.insert(asked, Entry { slot, action: Some(action), number });
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn reported(&mut self, action: &str) {
        let is_other =
            |entry: &Entry| entry.action.as_ref().is_none_or(|one| one.as_str() != action);
        self.entries.retain(|_, entry| is_other(entry));
    }

    /// Removes calls that were refused, then the oldest actions that have ended. If none has ended, removes the oldest
    /// one, so that the table stays bounded.
    fn make_room(&mut self, has_ended: impl Fn(&ActionId) -> bool) {
        // Only this table hands out slots, so no call uses a slot that has no other owner.
        let is_used = |entry: &Entry| Arc::strong_count(&entry.slot) > 1;
        self.entries.retain(|_, entry| entry.action.is_some() || is_used(entry));
        let accepted = self.entries.iter().filter_map(|(asked, entry)| {
            let action = entry.action.as_ref()?;
            Some((!has_ended(action), entry.number, asked.clone()))
        });
        let mut accepted: Vec<(bool, u64, Asked)> = accepted.collect();
        accepted.sort_by_key(|(is_open, number, _)| (*is_open, *number));
        let surplus = self.entries.len().saturating_sub(CALLS_KEPT);
        for (is_open, _, asked) in accepted.into_iter().take(surplus) {
            if !is_open || self.entries.len() >= CALLS_MAX {
                self.entries.remove(&asked);
            }
        }
    }
}

/// The ids of the actions whose end an answer reports: of the one action that it shows, and of all that it lists.
fn ends(answer: &Value) -> Vec<&str> {
    let one = answer.get("action").filter(|_| answer.get("outcome").is_some());
    let has_ended = |action: &&Value| {
        let status = action.get("status").and_then(Value::as_str);
        status.is_some_and(|status| !OPEN.contains(&status))
    };
    let listed = answer.get("actions").and_then(Value::as_array).into_iter().flatten();
    let listed = listed.filter(has_ended).filter_map(|action| action.get("id"));
    one.into_iter().chain(listed).filter_map(Value::as_str).collect()
}

fn agent(caller: &Caller) -> (String, String) {
    (caller.tenant.name.clone(), caller.name().to_owned())
}

/// Every change of these tables is complete in itself, so a panic of another thread leaves no partial change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(n: usize) -> Asked {
        Live::new(Digest::of(&n.to_be_bytes()))
    }

    fn id(n: usize) -> ActionId {
        ActionId::new(u64::try_from(n).unwrap(), [0; 10])
    }

    fn full() -> Calls {
        let calls = Calls::default();
        for n in 0..CALLS_MAX {
            let slot = calls.slot(asked(n), |_| false);
            calls.accepted(asked(n), &slot, id(n));
        }
        calls
    }

    fn has(calls: &Calls, n: usize) -> bool {
        lock(&calls.table).entries.contains_key(&asked(n))
    }

    #[test]
    fn an_answer_reports_the_ends_that_it_has() {
        for (answer, expected) in [
            (json!({"action": "a", "status": "waiting"}), vec![]),
            (json!({"action": "a", "status": "verified", "outcome": "verified"}), vec!["a"]),
            (
                json!({"actions": [
                    {"id": "a", "status": "running"}, {"id": "b", "status": "denied"}, {"id": "c"},
                    {"id": "d", "status": "indeterminate"}
                ]}),
                vec!["b", "d"],
            ),
            (json!({"refused": "not found"}), vec![]),
            (json!(null), vec![]),
        ] {
            assert_eq!(ends(&answer), expected, "{answer}");
        }
    }

    #[test]
    fn equal_calls_have_one_slot_until_the_end_is_reported() {
        let calls = Calls::default();
        let slot = calls.slot(asked(1), |_| false);
        assert!(Arc::ptr_eq(&slot, &calls.slot(asked(1), |_| false)));
        assert!(!Arc::ptr_eq(&slot, &calls.slot(asked(2), |_| false)));
        calls.accepted(asked(1), &slot, id(1));
        lock(&calls.table).reported(id(2).as_str());
        assert!(Arc::ptr_eq(&slot, &calls.slot(asked(1), |_| false)));
        lock(&calls.table).reported(id(1).as_str());
        assert!(!Arc::ptr_eq(&slot, &calls.slot(asked(1), |_| false)));
    }

    #[test]
    fn a_full_table_drops_what_has_ended_first() {
        let calls = full();
        let ended = id(CALLS_MAX / 2);
        drop(calls.slot(asked(CALLS_MAX), |id| *id == ended));
        assert!(has(&calls, 0) && !has(&calls, CALLS_MAX / 2) && has(&calls, CALLS_MAX));
        // The oldest quarter is dropped at once, so that the table is not searched at every call.
        let calls = full();
        drop(calls.slot(asked(CALLS_MAX), |_| true));
        assert_eq!(lock(&calls.table).entries.len(), CALLS_KEPT + 1);
        assert!(!has(&calls, CALLS_MAX - CALLS_KEPT - 1) && has(&calls, CALLS_MAX - CALLS_KEPT));
    }

    #[test]
    fn a_full_table_of_open_actions_drops_the_oldest() {
        let calls = full();
        drop(calls.slot(asked(CALLS_MAX), |_| false));
        assert_eq!(lock(&calls.table).entries.len(), CALLS_MAX);
        assert!(!has(&calls, 0) && has(&calls, 1) && has(&calls, CALLS_MAX));
    }

    #[test]
    fn a_full_table_keeps_the_slots_that_calls_use() {
        let calls = Calls::default();
        let used = calls.slot(asked(0), |_| false);
        for n in 1..=CALLS_MAX {
            drop(calls.slot(asked(n), |_| false));
        }
        assert!(has(&calls, 0) && !has(&calls, 1) && has(&calls, CALLS_MAX));
        drop(used);
    }

    #[test]
    fn no_digest_of_a_call_is_shown() {
        let calls = full();
        let shown = format!("{:?}", lock(&calls.table).entries.keys().next());
        assert!(!shown.contains("sha256"), "{shown}");
    }
}
