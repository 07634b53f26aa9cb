//! JSON Schema 2020-12 of a schema in a contract.
//!
//! A contract's own keywords become standard keywords: a decimal is a string with a pattern, `nullable` is a second
//! type, and `private` is `writeOnly` with a sentence in the description.

use deed_record::contract::schema::{Kind, Pattern, Schema};
use deed_spec::json::MAX_INTEGER;
use serde_json::{Map, Value, json};

/// How integers are written. No keyword says this: `1.0` and `1e0` are integers in JSON Schema, but the host accepts
/// only digits.
pub(super) const DIGITS: &str = "written without a fraction or exponent";
/// The texts that are decimals. The range of a decimal is in its description.
const DECIMAL: &str = "^-?[0-9]+(\\.[0-9]{1,4})?$";
const PRIVATE: &str = "Private: records contain a commitment in place of this value. Do not repeat the value in any \
                       other argument.";

/// The schema of a value as callers send it or as the host returns it.
pub(super) fn of(schema: &Schema) -> Value {
    let mut keywords = Map::new();
    if let Some(kind) = schema.kind() {
        keywords.insert("type".to_owned(), types(kind, schema.nullable));
        values(schema, &mut keywords);
        match kind {
            Kind::Object => members(schema, &mut keywords),
            Kind::Array => items(schema, &mut keywords),
            Kind::String => text(schema, &mut keywords),
            Kind::Integer => integer(schema, &mut keywords),
            Kind::Decimal => {
                keywords.insert("pattern".to_owned(), DECIMAL.into());
            }
            Kind::Boolean => {}
        }
    }
    if let Some(title) = &schema.title {
        keywords.insert("title".to_owned(), title.as_str().into());
    }
    let described = description(schema);
    if !described.is_empty() {
        keywords.insert("description".to_owned(), described.into());
    }
    if schema.private {
        keywords.insert("writeOnly".to_owned(), true.into());
    }
    Value::Object(keywords)
}

fn types(kind: Kind, nullable: bool) -> Value {
    let word = match kind {
        Kind::Object => "object",
        Kind::Array => "array",
        Kind::String | Kind::Decimal => "string",
        Kind::Integer => "integer",
        Kind::Boolean => "boolean",
    };
    if nullable { json!([word, "null"]) } else { word.into() }
}

/// The values that `enum` or `const` allow. For a nullable value, they also allow null.
fn values(schema: &Schema, keywords: &mut Map<String, Value>) {
    let listed = match (&schema.constant, &schema.choices) {
        (Some(constant), _) if !schema.nullable => {
            keywords.insert("const".to_owned(), constant.clone());
            return;
        }
        (Some(constant), _) => vec![constant.clone()],
        (None, Some(choices)) => choices.clone(),
        (None, None) => return,
    };
    let null = (schema.nullable && !listed.contains(&Value::Null)).then_some(Value::Null);
    keywords.insert("enum".to_owned(), listed.into_iter().chain(null).collect());
}

fn members(schema: &Schema, keywords: &mut Map<String, Value>) {
    let properties: Map<String, Value> =
        schema.properties.iter().map(|(name, inner)| (name.clone(), of(inner))).collect();
    keywords.insert("properties".to_owned(), Value::Object(properties));
    if !schema.required.is_empty() {
        keywords.insert("required".to_owned(), json!(schema.required));
    }
    keywords.insert("additionalProperties".to_owned(), false.into());
}

fn items(schema: &Schema, keywords: &mut Map<String, Value>) {
    if let Some(inner) = &schema.items {
        keywords.insert("items".to_owned(), of(inner));
    }
    count("minItems", schema.min_items, keywords);
    count("maxItems", schema.max_items, keywords);
}

fn text(schema: &Schema, keywords: &mut Map<String, Value>) {
    count("minLength", schema.min_length, keywords);
    count("maxLength", schema.max_length, keywords);
    if let Some(pattern) = schema.pattern.as_ref().and_then(Pattern::ecma) {
        keywords.insert("pattern".to_owned(), pattern.into());
    }
}

/// The bounds of an integer. Without bounds in the contract, they are those of strict JSON; values that are listed need
/// none.
fn integer(schema: &Schema, keywords: &mut Map<String, Value>) {
    let is_listed = schema.constant.is_some() || schema.choices.is_some();
    let end = |end: i64| (!is_listed).then_some(end);
    count("minimum", schema.minimum.or(end(-MAX_INTEGER)), keywords);
    count("maximum", schema.maximum.or(end(MAX_INTEGER)), keywords);
}

/// The bounds of every number in a value of any type.
pub(super) fn numbers() -> Value {
    json!({"multipleOf": 1, "minimum": -MAX_INTEGER, "maximum": MAX_INTEGER})
}

fn count(keyword: &str, bound: Option<impl Into<Value>>, keywords: &mut Map<String, Value>) {
    if let Some(bound) = bound {
        keywords.insert(keyword.to_owned(), bound.into());
    }
}

/// The contract's own description, and what no keyword says.
fn description(schema: &Schema) -> String {
    let own = schema.description.clone();
    let pattern = schema.pattern.as_ref().filter(|pattern| pattern.ecma().is_none());
    let pattern =
        pattern.map(|it| format!("Matches `{}` (syntax of the Rust crate `regex`).", it.as_str()));
    let number = match schema.kind() {
        Some(Kind::Integer) => Some(format!("An integer, {DIGITS}.")),
        Some(Kind::Decimal) => Some(decimal(schema)),
        _ => None,
    };
    let private = schema.private.then(|| PRIVATE.to_owned());
    let parts: Vec<String> = [own, pattern, number, private].into_iter().flatten().collect();
    parts.join(" ")
}

fn decimal(schema: &Schema) -> String {
    let (least, most) = schema.decimal_range();
    format!("An exact number as text, with at most four fraction digits; from {least} to {most}.")
}
