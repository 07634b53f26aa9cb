//! How the state changed after it was shown to people, so that their approvals became void or the action could no longer
//! run.

use deed_record::contract::Contract;
use deed_record::lifecycle::event::{Entry, Event, Phase};
use deed_record::lifecycle::observation::Observation;
use deed_spec::json::{self, Change};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The maximum number of changes of one state.
const CHANGES_MAX: usize = 100;

/// How a later state differs from the state that people were shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StaleState {
    /// Why the approvals became void; absent if the action ended before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When the host read the state that people were shown, in Unix milliseconds.
    pub shown_ms: i64,
    /// When the host read the later state, in Unix milliseconds.
    pub read_ms: i64,
    /// The values that differ, except those that the contract declares as volatile.
    pub changes: Vec<Change>,
    /// How many further values differ.
    #[serde(default)]
    pub more: usize,
}

/// The state that people were shown, and what the host read later, in order.
struct Shown<'a> {
    reason: Option<&'a str>,
    state: &'a Observation,
    later: Vec<&'a Observation>,
}

/// The differences for each time that approvals became void, and for the end of an action that sent nothing. The
/// contract is needed only if a state changed. Without it, lists are compared as a whole, and volatile values count.
pub(crate) fn of(
    entries: &[Entry],
    contract: impl FnOnce() -> Option<Contract>,
) -> Vec<StaleState> {
    let all = shown(entries);
    let has_changed = |one: &Shown<'_>| one.later.iter().any(|new| new.state != one.state.state);
    let contract = if all.iter().any(has_changed) { contract() } else { None };
    all.iter().filter_map(|one| one.told(contract.as_ref())).collect()
}

/// The states that people were shown in vain.
fn shown(entries: &[Entry]) -> Vec<Shown<'_>> {
    let mut found = Vec::new();
    let is_sent = entries.iter().any(|one| matches!(one.event, Event::AttemptStarted { .. }));
    let (mut asked, mut last): (Option<&Observation>, Option<&Observation>) = (None, None);
    for (n, entry) in entries.iter().enumerate() {
        if let Some(look) = look(entry) {
            last = Some(look);
        }
        match &entry.event {
            Event::Asked { .. } => asked = last,
            Event::Stale { reason } => {
                // If a write was rejected because the state had changed, the host read the changed state only
                // afterwards.
                let next = entries.get(n..).unwrap_or_default().iter().find_map(look);
                let later = last.into_iter().chain(next).collect();
                let of = |state| Shown { reason: Some(reason.as_str()), state, later };
                found.extend(asked.take().map(of));
            }
            Event::Judged { .. } if !is_sent => {
                let later = last.into_iter().collect();
                found.extend(asked.take().map(|state| Shown { reason: None, state, later }));
            }
            _ => {}
        }
    }
    found
}

/// The state that the host read before an attempt.
fn look(entry: &Entry) -> Option<&Observation> {
    match &entry.event {
        Event::Observed { phase: Phase::Pre | Phase::Gate, observation } => Some(&***observation),
        _ => None,
    }
}

impl Shown<'_> {
    fn told(&self, contract: Option<&Contract>) -> Option<StaleState> {
        let mut all = self.later.iter().map(|new| difference(self.state, new, contract));
        let first = all.next()?;
        let found = if first.changes.is_empty() {
            all.find(|one| !one.changes.is_empty()).unwrap_or(first)
        } else {
            first
        };
        let reason = self.reason.map(str::to_owned);
        let is_told = reason.is_some() || !found.changes.is_empty();
        is_told.then_some(StaleState { reason, ..found })
    }
}

fn difference(old: &Observation, new: &Observation, contract: Option<&Contract>) -> StaleState {
    let (before, after) = (old.value(), new.value());
    let mut changes = match contract {
        Some(contract) => {
            let mut all = json::diff(&contract.comparable(&before), &contract.comparable(&after));
            let volatile = contract.volatile();
            all.retain(|one| !volatile.iter().any(|place| json::covers(place, &one.pointer)));
            all
        }
        None => json::diff(&before, &after),
    };
    let more = changes.len().saturating_sub(CHANGES_MAX);
    changes.truncate(CHANGES_MAX);
    StaleState { reason: None, shown_ms: old.at_ms, read_ms: new.at_ms, changes, more }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn entry(event: &Value) -> Entry {
        serde_json::from_value(json!({"at_ms": 0, "event": event})).unwrap()
    }

    fn look(phase: &str, at_ms: i64, title: &str) -> Entry {
        let state = json!({"user": {"title": title, "id": "1"}});
        let look = json!({"state": state, "exchanges": [], "at_ms": at_ms});
        entry(&json!({"observed": {"phase": phase, "observation": look}}))
    }

    fn asked() -> Entry {
        let digest = format!("sha256:{}", "0".repeat(64));
        let ask = json!({
            "nonce": "0", "pre_state": digest, "plan": null, "policy_set": digest, "obligations": [],
            "expires_ms": 1
        });
        entry(&json!({"asked": {"ask": ask}}))
    }

    fn stale() -> Entry {
        entry(&json!({"stale": {"reason": "the state changed"}}))
    }

    fn told(entries: &[Entry]) -> Vec<(Option<String>, i64, i64, usize)> {
        let all = of(entries, || None).into_iter();
        all.map(|one| (one.reason, one.shown_ms, one.read_ms, one.changes.len())).collect()
    }

    #[test]
    fn each_time_has_the_values_that_changed_since_people_were_asked() {
        let reason = Some("the state changed".to_owned());
        let entries = [
            look("pre", 1, "a"),
            asked(),
            look("gate", 2, "b"),
            stale(),
            look("pre", 3, "b"),
            asked(),
            look("gate", 4, "c"),
            stale(),
        ];
        assert_eq!(told(&entries), [(reason.clone(), 1, 2, 1), (reason, 3, 4, 1)]);
        let first = of(&entries, || None).remove(0).changes.remove(0);
        assert_eq!(first.pointer, "/user/title");
        assert_eq!((first.old, first.new), (Some(json!("a")), Some(json!("b"))));
    }

    #[test]
    fn a_change_that_the_host_read_only_afterwards_is_shown() {
        let entries =
            [look("pre", 1, "a"), asked(), look("gate", 2, "a"), stale(), look("pre", 3, "b")];
        assert_eq!(told(&entries), [(Some("the state changed".to_owned()), 1, 3, 1)]);
    }

    #[test]
    fn what_was_not_shown_to_people_does_not_count() {
        assert_eq!(told(&[look("pre", 1, "a"), look("gate", 2, "b"), stale()]), []);
        assert_eq!(told(&[asked(), look("gate", 2, "b"), stale()]), []);
        let other_reason = [look("pre", 1, "a"), asked(), look("gate", 2, "a"), stale()];
        assert_eq!(told(&other_reason), [(Some("the state changed".to_owned()), 1, 2, 0)]);
    }

    #[test]
    fn the_end_of_an_action_that_sent_nothing_has_what_changed() {
        let judged =
            || entry(&json!({"judged": {"judgement": {"outcome": "denied", "reason": "x"}}}));
        let ended = |title: &str| [look("pre", 1, "a"), asked(), look("gate", 2, title), judged()];
        assert_eq!(told(&ended("b")), [(None, 1, 2, 1)]);
        assert_eq!(told(&ended("a")), []);
    }

    #[test]
    fn the_number_of_changes_is_limited() {
        let many = |value: &str| {
            let members = (0..CHANGES_MAX + 3).map(|n| (n.to_string(), json!(value)));
            let state = json!({"user": members.collect::<serde_json::Map<_, _>>()});
            let look = json!({"state": state, "exchanges": [], "at_ms": 1});
            entry(&json!({"observed": {"phase": "gate", "observation": look}}))
        };
        let entries = [many("a"), asked(), many("b"), stale()];
        let found = of(&entries, || None).remove(0);
        assert_eq!((found.changes.len(), found.more), (CHANGES_MAX, 3));
    }
}
