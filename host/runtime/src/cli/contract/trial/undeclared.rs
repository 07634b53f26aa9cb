//! Members of answers that the contract does not declare, so that its author sees what is not in the state. Only names,
//! because the contract does not keep the values.

use std::collections::BTreeMap;

use deed_record::contract::{Contract, StateShape};
use deed_record::exchange::Exchange;
use deed_spec::json;
use deed_spec::text::safe;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::cli::text::line;

/// How many names are reported of a state, and how many characters of each.
const NAMES_MAX: usize = 20;
const NAME_MAX: usize = 60;

/// The members of an answer that a state does not have.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Undeclared {
    names: Vec<String>,
    /// How many members there are beyond these.
    more: usize,
}

/// The undeclared members by the name of the state. A state that was computed, or whose answer has no other members, is
/// not there.
pub(super) fn of(
    contract: &Contract,
    states: &BTreeMap<String, Value>,
    looks: &[Exchange],
) -> BTreeMap<String, Undeclared> {
    let one = |(name, state): (&String, &Value)| {
        let shape = contract.state.get(name).filter(|shape| shape.from.is_some())?;
        let answers = looks.iter().filter(|look| look.is_success());
        let mut objects = answers.filter_map(|look| object(shape, look.response.as_ref()?));
        let state = state.as_object()?;
        let found = undeclared(shape, objects.find(|object| has(object, state))?)?;
        Some((name.clone(), found))
    };
    states.iter().filter_map(one).collect()
}

/// The object of an answer from which the state may have been read.
fn object<'a>(shape: &StateShape, answer: &'a Value) -> Option<&'a Map<String, Value>> {
    let at = shape.at.as_deref().or(shape.only.as_deref()).unwrap_or_default();
    let value = json::pointer(answer, at)?;
    let element = value.as_array().filter(|_| shape.only.is_some()).and_then(|list| list.first());
    element.unwrap_or(value).as_object()
}

/// Whether an object has every member of a state. Decimals have another form in a state, so values are not compared.
fn has(object: &Map<String, Value>, state: &Map<String, Value>) -> bool {
    !state.is_empty() && state.keys().all(|name| object.contains_key(name))
}

fn undeclared(shape: &StateShape, object: &Map<String, Value>) -> Option<Undeclared> {
    let other = object.keys().filter(|name| !shape.properties.contains_key(name.as_str()));
    let all: Vec<&String> = other.collect();
    let short = |name: &&String| -> String { name.chars().take(NAME_MAX).collect() };
    let names: Vec<String> = all.iter().take(NAMES_MAX).map(short).collect();
    let more = all.len().saturating_sub(names.len());
    (!names.is_empty()).then_some(Undeclared { names, more })
}

/// Appends one line for each state.
pub(super) fn list(text: &mut String, all: &BTreeMap<String, Undeclared>) {
    for (state, Undeclared { names, more }) in all {
        let names: Vec<String> = names.iter().map(|name| safe(name)).collect();
        let more = if *more > 0 { format!(", and {more} more") } else { String::new() };
        let (state, names) = (safe(state), names.join(", "));
        line(text, format_args!("not declared {state}: {names}{more}"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shape(at: Option<&str>, only: Option<&str>) -> StateShape {
        let properties = json!({"id": {"type": "integer"}, "name": {"type": "string"}});
        serde_json::from_value(json!({"at": at, "only": only, "properties": properties})).unwrap()
    }

    fn found(shape: &StateShape, answer: &Value) -> Option<Undeclared> {
        undeclared(shape, object(shape, answer)?)
    }

    #[test]
    fn only_members_beside_the_declared_ones_are_named() {
        let one = json!({"id": 7, "name": "a", "owner": "bob"});
        let names = ["owner".to_owned()].to_vec();
        let wanted = Some(Undeclared { names, more: 0 });
        assert_eq!(found(&shape(None, None), &one), wanted);
        assert_eq!(found(&shape(Some("/data"), None), &json!({"data": one})), wanted);
        assert_eq!(found(&shape(None, Some("/list")), &json!({"list": [one]})), wanted);
        for other in [json!({"id": 7}), json!([1]), json!("text"), Value::Null] {
            assert_eq!(found(&shape(None, None), &other), None);
        }
    }

    #[test]
    fn names_are_bounded_and_escaped() {
        let mut many: Map<String, Value> =
            (0..30).map(|n| (format!("m{n:02}"), json!(n))).collect();
        many.insert(format!("a\u{1b}[2J{}", "x".repeat(1_000)), json!(1));
        let all = found(&shape(None, None), &Value::Object(many)).unwrap();
        assert_eq!((all.names.len(), all.more), (NAMES_MAX, 11));
        assert!(all.names.iter().all(|name| name.chars().count() <= NAME_MAX));
        let mut text = String::new();
        list(&mut text, &[("t".to_owned(), all)].into());
        assert!(text.contains("and 11 more") && !text.contains('\u{1b}'), "{text}");
        assert!(text.chars().count() < 2_000);
    }
}
