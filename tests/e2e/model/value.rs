//! Values that fit a schema, made from the schema and from what the program knows.

use deed_record::contract::schema::Pattern;
use serde_json::{Map, Value, json};

/// A value for the argument with this name: the only value allowed, the first that is listed, the fact with this name
/// if it fits, or any fact that fits.
pub(super) fn of(schema: &Value, name: &str, facts: &Value) -> Value {
    let listed = schema.get("const").or_else(|| schema["enum"].get(0));
    if let Some(value) = listed {
        return value.clone();
    }
    match schema["type"].as_str().unwrap() {
        "object" => object(schema, facts),
        "array" => array(schema, name, facts),
        "integer" => json!(integer(schema)),
        "boolean" => json!(false),
        _ => text(schema, name, facts),
    }
}

/// The integer nearest to 0 that fits.
fn integer(schema: &Value) -> i64 {
    let bound = |keyword: &str, end| schema[keyword].as_i64().unwrap_or(end);
    0_i64.clamp(bound("minimum", i64::MIN), bound("maximum", i64::MAX))
}

fn object(schema: &Value, facts: &Value) -> Value {
    let required = schema["required"].as_array().into_iter().flatten();
    let names = required.map(|name| name.as_str().unwrap());
    let member = |name: &str| (name.to_owned(), of(&schema["properties"][name], name, facts));
    Value::Object(names.map(member).collect::<Map<String, Value>>())
}

fn array(schema: &Value, name: &str, facts: &Value) -> Value {
    let count = schema["minItems"].as_u64().unwrap_or(0);
    (0..count).map(|_| of(&schema["items"], name, facts)).collect()
}

fn text(schema: &Value, name: &str, facts: &Value) -> Value {
    let own = facts.get(name).into_iter();
    let mut all = own.chain(facts.as_object().unwrap().values());
    let found = all.find(|fact| fact.as_str().is_some_and(|text| fits(schema, text)));
    found.cloned().unwrap_or_default()
}

fn fits(schema: &Value, text: &str) -> bool {
    let length = text.chars().count() as u64;
    let pattern = schema["pattern"].as_str().map(|pattern| Pattern::new(pattern).unwrap());
    schema["minLength"].as_u64().is_none_or(|least| length >= least)
        && schema["maxLength"].as_u64().is_none_or(|most| length <= most)
        && pattern.is_none_or(|pattern| pattern.matches(text))
}

/// The place at this pointer. Objects on the way are created.
pub(super) fn at<'v>(value: &'v mut Value, pointer: &str) -> &'v mut Value {
    pointer.split('/').skip(1).fold(value, |inner, token| match inner {
        Value::Array(items) => &mut items[token.parse::<usize>().unwrap()],
        object => &mut object[name(token)],
    })
}

/// The name of a member, from its token in a pointer.
fn name(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// Removes the member at this pointer.
pub(super) fn remove(value: &mut Value, pointer: &str) {
    let (parent, token) = pointer.rsplit_once('/').unwrap();
    at(value, parent).as_object_mut().unwrap().remove(&name(token));
}
