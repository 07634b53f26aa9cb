//! How a planned body differs from the present one, as a bounded list of lines.

use deed_record::exchange::Rendered;
use deed_record::plan::current::Current;
use deed_spec::json::{self, Change};
use deed_spec::text::safe;
use serde_json::Value;

use super::super::text::compact;

/// The maximum number of differences that are shown; the whole body is shown as well.
const SHOWN_MAX: usize = 50;

/// One line for each difference.
pub(super) fn of(current: &Current, request: &Rendered, body: &Value) -> Vec<String> {
    let changes: Vec<Change> = current.changes(body).into_iter().flat_map(narrowed).collect();
    let mut lines: Vec<String> =
        changes.iter().take(SHOWN_MAX).map(|one| described(one, request)).collect();
    match changes.len().saturating_sub(SHOWN_MAX) {
        _ if changes.is_empty() => lines.push("none".to_owned()),
        0 => {}
        more => lines.push(format!("and {more} more")),
    }
    if current.expose.is_some() {
        lines.push("(the host kept only a part of what is there)".to_owned());
    }
    lines
}

/// One difference, with the old and the new value. A value of an answer is not known yet.
fn described(change: &Change, request: &Rendered) -> String {
    let value =
        |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), compact);
    let new = match request.awaited.get(&change.pointer) {
        Some(name) => format!("<answer.{}>", safe(name)),
        None => value(&change.new),
    };
    let place = if change.pointer.is_empty() { "the whole body" } else { &change.pointer };
    format!("{}: {} -> {new}", safe(place), value(&change.old))
}

/// The difference between two arrays without their equal beginning and end, so that a change in a long array stays
/// visible. If exactly one element differs, its members are compared.
fn narrowed(change: Change) -> Vec<Change> {
    let (Some(Value::Array(old)), Some(Value::Array(new))) = (&change.old, &change.new) else {
        return vec![change];
    };
    let start = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old, new) = (rest(old, start), rest(new, start));
    let ends = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let (old, new) = (without_end(old, ends), without_end(new, ends));
    let at = |n: usize| json::child(&change.pointer, &n.to_string());
    match (old, new) {
        ([old], [new]) => json::diff(old, new)
            .into_iter()
            .map(|inner| Change { pointer: format!("{}{}", at(start), inner.pointer), ..inner })
            .collect(),
        ([], new) => {
            let added = (start..).zip(new);
            added
                .map(|(n, one)| Change { pointer: at(n), old: None, new: Some(one.clone()) })
                .collect()
        }
        (old, []) => {
            let gone = (start..).zip(old);
            gone.map(|(n, one)| Change { pointer: at(n), old: Some(one.clone()), new: None })
                .collect()
        }
        (old, new) => vec![Change {
            pointer: at(start),
            old: Some(Value::from(old.to_vec())),
            new: Some(Value::from(new.to_vec())),
        }],
    }
}

fn rest(items: &[Value], start: usize) -> &[Value] {
    items.get(start..).unwrap_or_default()
}

fn without_end(items: &[Value], ends: usize) -> &[Value] {
    items.get(..items.len().saturating_sub(ends)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The lines for two bodies.
    fn lines(old: Value, new: &Value, request: &Rendered) -> Vec<String> {
        of(&Current { write: 1, body: old, expose: None }, request, new)
    }

    #[test]
    fn each_difference_is_one_line() {
        let request = Rendered {
            awaited: [("/by".to_owned(), "create.id".to_owned())].into(),
            ..Rendered::default()
        };
        let old = json!({"a": 1, "b": "x\u{1b}", "c": [1, 2], "by": "t-1"});
        let new = json!({"a": 2, "c": [1, 2], "d": null, "by": null});
        assert_eq!(
            lines(old.clone(), &new, &request),
            [
                "/a: 1 -> 2",
                "/b: \"x\\u001b\" -> nothing",
                "/by: \"t-1\" -> <answer.create.id>",
                "/d: nothing -> null",
            ]
        );
        assert_eq!(lines(old.clone(), &old, &Rendered::default()), ["none"]);
        assert_eq!(
            lines(json!("a"), &json!("b"), &Rendered::default()),
            ["the whole body: \"a\" -> \"b\""]
        );
    }

    /// The beginnings of two long arrays are equal, so a shortened value would hide the change.
    #[test]
    fn a_change_in_a_long_array_is_found() {
        let member = |n: usize| json!({"id": n, "role": "reader"});
        let old: Vec<Value> = (0..3_000).map(member).collect();
        let shown = |new: Vec<Value>| {
            lines(json!({"m": old}), &json!({"m": new}), &Rendered::default()).join("\n")
        };
        let mut new = old.clone();
        new[2_000]["role"] = json!("owner");
        assert_eq!(shown(new), "/m/2000/role: \"reader\" -> \"owner\"");
        let mut new = old.clone();
        new.remove(7);
        assert_eq!(shown(new), "/m/7: {\"id\":7,\"role\":\"reader\"} -> nothing");
        let mut new = old.clone();
        new.push(json!("x"));
        assert_eq!(shown(new), "/m/3000: nothing -> \"x\"");
        let mut new = old.clone();
        new.swap(1, 2);
        assert!(shown(new).starts_with("/m/1: [{"), "{old:?}");
    }

    #[test]
    fn many_differences_are_cut() {
        let members = |n: usize| -> Value {
            (0..80).map(|at| (format!("m{at}"), json!(n))).collect::<serde_json::Map<_, _>>().into()
        };
        let found = lines(members(1), &members(2), &Rendered::default());
        assert_eq!(found.len(), SHOWN_MAX + 1);
        assert_eq!(found[SHOWN_MAX], "and 30 more");
    }
}
