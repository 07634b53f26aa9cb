//! Refuses tables in bodies of writes that are literal although they resemble a part that the adapter computes: a key
//! is misspelled, or `any` is not a table.
//!
//! Such a contract would send the schema to the upstream, and would be closed if it has no other open part. A literal
//! table of this kind can be in `body_json`, in which only misspelled keys are refused, or in a parameter.

use deed_spec::json::{self, child};
use serde_json::{Map, Value};

use super::super::Contract;
use super::super::fault::Fault;
use crate::contract::schema::Schema;
use crate::contract::template::text::Format;
use crate::contract::template::{Rule, is_part};

/// The keys by which a table is taken for a schema.
const KEYWORDS: [&str; 6] = ["type", "properties", "items", "enum", "const", "pattern"];

pub(super) fn check(contract: &Contract) -> Result<(), Fault> {
    if contract.templates() == Format::One {
        return Ok(());
    }
    contract.perform.http.iter().try_for_each(rule)
}

fn rule(rule: &Rule) -> Result<(), Fault> {
    // A body that cannot be read is refused by the checks of the rule.
    let Ok(Some(body)) = rule.body_template() else { return Ok(()) };
    let Some((pointer, name, what)) = find(&body, "", rule.body_json.is_some()) else {
        return Ok(());
    };
    let what = format!("at `/body{pointer}`, {what}");
    Err(Fault::in_part(&rule.request, name, &pointer, what))
}

/// The first table that resembles a computed part, as its pointer, the text in `name` and the fault.
fn find<'b>(body: &'b Value, at: &str, is_json: bool) -> Option<(String, Option<&'b str>, String)> {
    match body {
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(n, item)| find(item, &child(at, &n.to_string()), is_json))
        }
        Value::Object(members) if is_part(members) => None,
        Value::Object(members) => {
            if let Some(what) = resembles(members, is_json) {
                let name = members.get("name").and_then(Value::as_str);
                return Some((at.to_owned(), name, what));
            }
            let mut members = members.iter();
            members.find_map(|(name, member)| find(member, &child(at, name), is_json))
        }
        _ => None,
    }
}

/// What is wrong with a table that is literal and resembles a computed part. A table with a table in `any` and with
/// `name`, or with no other key than `any`, is a computed part, and is checked as one.
fn resembles(members: &Map<String, Value>, is_json: bool) -> Option<String> {
    let name = members.get("name");
    let found = match members.get("any") {
        Some(Value::Object(_)) if name.is_some() => None,
        Some(Value::Object(schema)) => {
            let key = beside(members, !is_json && is_schema(schema))?;
            Some(format!("`{key}` is beside `any`; did you mean `name`?"))
        }
        Some(_) if !is_json && name.is_some_and(Value::is_string) => Some(
            "`any` is beside `name` and is not a table; to let the adapter compute the value, write a schema, such as \
             `any = { type = \"string\" }`."
                .to_owned(),
        ),
        Some(_) => None,
        None => {
            let key = misspelled_any(members)?;
            Some(format!("`{key}` is beside `name`; did you mean `any`?"))
        }
    };
    let elsewhere = if is_json { "a parameter" } else { "`body_json` or a parameter" };
    found.map(|what| format!("{what} For a literal table of this kind, use {elsewhere}"))
}

/// The key that stands in the place of `name`. Any key does if `any` has a schema.
fn beside(members: &Map<String, Value>, has_schema: bool) -> Option<&str> {
    let mut others = members.iter().filter(|(key, _)| *key != "any");
    let near = others.clone().find(|(key, value)| value.is_string() && is_near(key, "name"));
    let key = near.or_else(|| others.next().filter(|_| has_schema));
    key.map(|(key, _)| key.as_str())
}

/// The key of a schema beside a text in `name`, if the key is nearly `any`.
fn misspelled_any(members: &Map<String, Value>) -> Option<&str> {
    if members.len() != 2 || !members.get("name").is_some_and(Value::is_string) {
        return None;
    }
    let has_schema = |value: &Value| value.as_object().is_some_and(is_schema);
    let mut keys = members.iter();
    let key = keys.find(|(key, value)| is_near(key, "any") && has_schema(value));
    key.map(|(key, _)| key.as_str())
}

/// Whether a table reads as a schema.
fn is_schema(table: &Map<String, Value>) -> bool {
    KEYWORDS.iter().any(|keyword| table.contains_key(*keyword))
        && json::from_value::<Schema>(Value::Object(table.clone())).is_ok()
}

/// Whether a key differs from a word only by the case of letters and by one letter that is missing, added or different,
/// or by two letters that changed places.
fn is_near(key: &str, word: &str) -> bool {
    let key: Vec<char> = key.to_lowercase().chars().collect();
    let word: Vec<char> = word.chars().collect();
    let head = key.iter().zip(&word).take_while(|(one, other)| one == other).count();
    let (key, word) = (key.get(head..), word.get(head..));
    let (key, word) = (key.unwrap_or_default(), word.unwrap_or_default());
    let pairs = key.iter().rev().zip(word.iter().rev());
    let tail = pairs.take_while(|(one, other)| one == other).count();
    let (key, word) = (key.get(..key.len() - tail), word.get(..word.len() - tail));
    match (key.unwrap_or_default(), word.unwrap_or_default()) {
        ([] | [_], [] | [_]) => true,
        ([one, other], [first, second]) => one == second && other == first,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_word_is_near() {
        for key in ["name", "nmae", "nam", "names", "Name", "nane", "ame", "anme"] {
            assert!(is_near(key, "name"), "{key}");
        }
        for key in ["", "title", "na", "mean", "named_by", "nmea"] {
            assert!(!is_near(key, "name"), "{key}");
        }
        for key in ["Any", "ayn", "an", "many"] {
            assert!(is_near(key, "any"), "{key}");
        }
        assert!(!is_near("schema", "any"));
    }
}
