//! Finds the element of a list that is a state.

use deed_spec::json::{self, overlap};
use serde_json::Value;

use crate::exchange::Exchange;

/// Maximum number of redacted places of one list.
const REDACTED_MAX: usize = 64;

/// Whether a value cannot be compared with a wanted one, because it has another type. A null is an absent value.
fn is_other_type(found: &Value, wanted: &Value) -> bool {
    !found.is_null() && std::mem::discriminant(found) != std::mem::discriminant(wanted)
        || found.is_number() && !found.is_i64()
}

/// The pointer to the only element of a list that has the values of `where`; `None` if there is no such element.
pub(super) fn element(
    list: &str,
    body: &Value,
    answer: &Exchange,
) -> Result<Option<String>, String> {
    let Some(Value::Array(items)) = json::pointer(body, list) else {
        return Err(format!("has no list at `{list}`"));
    };
    let wanted = &answer.request.selected;
    let near: Vec<&String> = answer.redacted.iter().filter(|place| overlap(place, list)).collect();
    if near.len() > REDACTED_MAX {
        return Err(format!("held more than {REDACTED_MAX} secrets at `{list}`"));
    }
    let mut found = Vec::new();
    for (n, item) in items.iter().enumerate() {
        let at = |pointer: &String| format!("{list}/{n}{pointer}");
        let hidden = |place: &&&String| wanted.keys().any(|one| overlap(place, &at(one)));
        if let Some(place) = near.iter().find(hidden) {
            return Err(format!("held a secret at `{place}`, so the element is not known"));
        }
        let other = |(pointer, value): &(&String, &Value)| {
            json::pointer(item, pointer).is_some_and(|found| is_other_type(found, value))
        };
        if let Some((pointer, _)) = wanted.iter().find(other) {
            let place = at(pointer);
            return Err(format!("has a value of another type than in `where` at `{place}`"));
        }
        if wanted.iter().all(|(pointer, value)| json::pointer(item, pointer) == Some(value)) {
            found.push(format!("{list}/{n}"));
        }
    }
    match found.len() {
        0 | 1 => Ok(found.pop()),
        count => Err(format!("has {}", too_many(count, !wanted.is_empty(), list))),
    }
}

/// Says that a list has several elements, of which only one can be the state. `selects` says whether the rule has
/// `where`.
pub(super) fn too_many(count: usize, selects: bool, list: &str) -> String {
    let such = if selects { " with the values of `where`" } else { "" };
    format!("{count} elements{such} at `{list}`, where at most one is expected")
}
