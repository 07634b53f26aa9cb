//! What the host read of the state: how it changed while people were asked, and the values before and after the action.
//! Only people of the tenant have pages, and each of them may see the state, as in the bundle of the action.

use std::collections::BTreeMap;

use deed_record::lifecycle::observation::Observation;
use deed_spec::json::{self, Change};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::super::parts::{Cells, code, fold, paragraph, section, table};
use super::super::text::{Shown as _, Text, Time};
use super::evidence::{ROWS, more};
use super::seen::{Observed, Seen};
use crate::api::view::{StaleState, View};
use crate::shown::page::old_and_new;

/// The values that changed after they were shown to people.
pub(super) fn stale(view: &View) -> Markup {
    if view.stale_states.is_empty() {
        return Markup::default();
    }
    let content = html! {
        @for one in &view.stale_states { (changed(one)) }
    };
    section("stale", "What changed after people were asked", &content)
}

fn changed(one: &StaleState) -> Markup {
    let cells = |change: &Change| -> Cells {
        let (old, new) = old_and_new(change);
        vec![code(&Text::new(&change.pointer)), Text::new(&old).shown(), Text::new(&new).shown()]
    };
    let rows: Vec<Cells> = one.changes.iter().map(cells).collect();
    html! {
        p {
            @match &one.reason {
                Some(reason) => { "The approvals became void: " (Text::new(reason).shown()) ". " }
                None => { "The action ended after the state changed. " }
            }
            "People were shown the state of " (Time(one.shown_ms)) ", and the host read it again at "
            (Time(one.read_ms)) "."
        }
        @if rows.is_empty() { (paragraph(&"No value of the state changed.")) }
        @else { (table("Values that changed", &["Value", "Shown to people", "Read later"], &rows)) }
        @if one.more > 0 { p { (one.more.shown()) " more are not shown here." } }
    }
}

/// The values that the host read before and after the action.
pub(super) fn observed(seen: &Seen<'_>) -> Markup {
    let Observed { before, after } = seen.observed;
    if before.is_none() && after.is_none() {
        return Markup::default();
    }
    let is_ended = seen.view.outcome.is_some();
    let rows = rows(before, after);
    let cells: Vec<Cells> = rows.iter().take(ROWS).map(|one| cells(one, after.is_some())).collect();
    let heads: &[&'static str] =
        if after.is_some() { &["Value", "Before", "After"] } else { &["Value", "Before"] };
    let values = html! {
        (table("Values that the host read", heads, &cells))
        (more(rows.len()))
    };
    let content = html! {
        @if let Some(look) = before { (read("Before the action", look, is_ended)) }
        @if let Some(look) = after { (read("After the action", look, is_ended)) }
        @if cells.is_empty() { (paragraph(&"The host read no value.")) }
        @else { (fold("The values that the host read", &values)) }
    };
    section("observed", "What the host observed", &content)
}

/// When the host read the state. Until the action has ended, a page has no text of an adapter, which the problem may be.
fn read(when: &'static str, look: &Observation, is_ended: bool) -> Markup {
    html! {
        p {
            (when) ": read at " (Time(look.at_ms)) "."
            @if let Some(problem) = &look.problem {
                " The observation does not count"
                @if is_ended { ": " (Text::new(problem).shown()) }
                "."
            }
        }
    }
}

/// A value with its pointer: `old` is the value before, and `new` the value after the action.
fn rows(before: Option<&Observation>, after: Option<&Observation>) -> Vec<Change> {
    let mut found: BTreeMap<String, Change> = BTreeMap::new();
    let one = |pointer: String| Change { pointer, old: None, new: None };
    for (pointer, value) in values(before) {
        found.entry(pointer.clone()).or_insert_with(|| one(pointer)).old = Some(value);
    }
    for (pointer, value) in values(after) {
        found.entry(pointer.clone()).or_insert_with(|| one(pointer)).new = Some(value);
    }
    found.into_values().collect()
}

/// The values of a state with their pointers. A list is one value.
fn values(look: Option<&Observation>) -> Vec<(String, Value)> {
    let state = look.map_or_else(|| json!({}), Observation::value);
    let all = json::diff(&json!({}), &state).into_iter();
    all.filter_map(|one| Some((one.pointer, one.new?))).collect()
}

fn cells(one: &Change, has_after: bool) -> Cells {
    let (old, new) = old_and_new(one);
    let mut cells = vec![code(&Text::new(&one.pointer)), Text::new(&old).shown()];
    if has_after {
        cells.push(Text::new(&new).shown());
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(title: &str) -> Observation {
        let state = json!({"user": {"title": title, "tags": ["a"], "name": {}}, "gone": null});
        let look = json!({"state": state, "exchanges": [], "at_ms": 0, "problem": "it <says>"});
        serde_json::from_value(look).unwrap()
    }

    #[test]
    fn every_value_has_one_row() {
        let (before, after) = (look("old"), look("new"));
        let rows = rows(Some(&before), Some(&after));
        let pointers: Vec<&str> = rows.iter().map(|one| one.pointer.as_str()).collect();
        assert_eq!(pointers, ["/gone", "/user/name", "/user/tags", "/user/title"]);
        assert_eq!(old_and_new(&rows[0]).0, "does not exist");
        assert_eq!(old_and_new(&rows[3]), ("\"old\"".to_owned(), "\"new\"".to_owned()));
    }

    #[test]
    fn a_problem_is_told_when_the_action_has_ended() {
        let told = |is_ended: bool| read("Before the action", &look("x"), is_ended).into_string();
        assert!(
            told(true).contains("does not count: <bdi>it &lt;says&gt;</bdi>"),
            "{}",
            told(true)
        );
        assert!(told(false).contains("does not count.") && !told(false).contains("says"));
    }

    #[test]
    fn what_changed_names_the_value_and_is_escaped() {
        let change = Change {
            pointer: "/user/<b>".to_owned(),
            old: Some(json!("<i>")),
            new: Some(json!(null)),
        };
        let one = StaleState {
            reason: Some("the state changed".to_owned()),
            shown_ms: 0,
            read_ms: 1_000,
            changes: vec![change],
            more: 2,
        };
        let shown = changed(&one).into_string();
        for wanted in [
            "/user/&lt;b&gt;",
            "<bdi>&quot;&lt;i&gt;&quot;</bdi>",
            "<bdi>null</bdi>",
            "the state changed",
            "1970-01-01 00:00:01Z",
            "2</span> more are not shown here.",
        ] {
            assert!(shown.contains(wanted), "{wanted}: {shown}");
        }
    }
}
