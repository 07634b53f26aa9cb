//! Checks real answers against the OpenAPI document. Any part of an answer that the document does not describe is a
//! fault.

use std::collections::BTreeSet;

use deed_record::contract::schema::Pattern;
use deed_tests::client::Answer;
use serde_json::{Map, Value};

/// The OpenAPI document, and those of its operations that have already answered successfully.
#[derive(Debug)]
pub(crate) struct Document {
    value: Value,
    answered: BTreeSet<String>,
}

impl Document {
    pub(crate) fn new(text: &str) -> Self {
        Self { value: serde_json::from_str(text).unwrap(), answered: BTreeSet::new() }
    }

    /// Checks that the answer's status, its media type and every field of its body are described for this operation.
    pub(crate) fn check(&mut self, method: &str, path: &str, answer: &Answer) {
        let operation = &self.value["paths"][path][method];
        let response = self.resolve(&operation["responses"][answer.status.to_string()]);
        let shown = String::from_utf8_lossy(&answer.bytes);
        let place = format!("{method} {path} {}", answer.status);
        assert!(response.is_object(), "{place} is not described: {shown}");
        let media = answer.content_type.split(';').next().unwrap();
        let content = &response["content"][media];
        assert!(content.is_object(), "{place}: `{media}` is not described: {shown}");
        if media.ends_with("json") {
            let faults = self.faults(&content["schema"], &answer.json(), "");
            assert!(faults.is_empty(), "{place}: {faults:#?}\n{shown}");
        }
        if answer.status < 300 {
            self.answered.insert(format!("{method} {path}"));
        }
    }

    /// Whether a body matches a schema in the document's components.
    pub(crate) fn fits(&self, schema: &str, body: &Value) -> bool {
        self.faults(&self.value["components"]["schemas"][schema], body, "").is_empty()
    }

    /// Operations without a successful answer so far.
    pub(crate) fn unanswered(&self) -> Vec<String> {
        let mut all = Vec::new();
        for (path, item) in self.value["paths"].as_object().unwrap() {
            let methods = item.as_object().unwrap().keys().filter(|key| *key != "servers");
            all.extend(methods.map(|method| format!("{method} {path}")));
        }
        all.retain(|operation| !self.answered.contains(operation));
        all
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(pointer) => self.value.pointer(pointer.trim_start_matches('#')).unwrap(),
            None => value,
        }
    }

    /// Implements the part of JSON Schema 2020-12 that the document uses, except that every field without a declaration
    /// is a fault.
    fn faults(&self, schema: &Value, value: &Value, at: &str) -> Vec<String> {
        let schema = self.resolve(schema).as_object().unwrap();
        let mut faults = Vec::new();
        for (keyword, rule) in schema {
            let fits = match keyword.as_str() {
                "oneOf" => {
                    let fitting = |s: &&Value| self.faults(s, value, at).is_empty();
                    rule.as_array().unwrap().iter().filter(fitting).count() == 1
                }
                "items" => {
                    let inner = |(n, item)| self.faults(rule, item, &format!("{at}/{n}"));
                    faults.extend(items(value).iter().enumerate().flat_map(inner));
                    true
                }
                _ => holds(keyword, rule, value),
            };
            if !fits {
                faults.push(format!("{at}: {value} breaks `{keyword}` {rule}"));
            }
        }
        if let Some(members) = value.as_object() {
            faults.extend(self.member_faults(schema, members, at));
        }
        faults
    }

    fn member_faults(
        &self,
        schema: &Map<String, Value>,
        members: &Map<String, Value>,
        at: &str,
    ) -> Vec<String> {
        let mut faults = Vec::new();
        let required = schema.get("required").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                faults.push(format!("{at}/{name} is missing"));
            }
        }
        // If a schema names fields, every other field counts as not described.
        let (named, other) = (schema.get("properties"), schema.get("additionalProperties"));
        let open = named.is_none() && other != Some(&Value::Bool(false));
        let other = other.filter(|rule| rule.is_object());
        for (name, value) in members {
            let place = format!("{at}/{name}");
            match named.and_then(|named| named.get(name)).or(other) {
                Some(rule) => faults.extend(self.faults(rule, value, &place)),
                None if open => {}
                None => faults.push(format!("{place} is not described")),
            }
        }
        faults
    }
}

/// Evaluates a keyword that constrains the value itself and not its members.
fn holds(keyword: &str, rule: &Value, value: &Value) -> bool {
    let at_least = |count: Option<u64>| count.is_none_or(|n| n >= rule.as_u64().unwrap());
    let at_most = |count: Option<u64>| count.is_none_or(|n| n <= rule.as_u64().unwrap());
    match keyword {
        "type" => is_one_of(rule, value),
        "enum" => rule.as_array().unwrap().contains(value),
        "const" => rule == value,
        "pattern" => {
            let pattern = Pattern::new(rule.as_str().unwrap()).unwrap();
            value.as_str().is_none_or(|text| pattern.matches(text))
        }
        "minimum" => value.as_i64().is_none_or(|n| n >= rule.as_i64().unwrap()),
        "maximum" => value.as_i64().is_none_or(|n| n <= rule.as_i64().unwrap()),
        "minLength" => at_least(text_length(value)),
        "maxLength" => at_most(text_length(value)),
        "minItems" => at_least(Some(items(value).len() as u64)),
        "maxItems" => at_most(Some(items(value).len() as u64)),
        "required"
        | "properties"
        | "additionalProperties"
        | "description"
        | "format"
        | "contentEncoding"
        | "title" => true,
        other => unreachable!("the keyword `{other}` is not judged here; add it"),
    }
}

fn is_one_of(types: &Value, value: &Value) -> bool {
    let fits = |name: &Value| match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => unreachable!("`{other}` is no type"),
    };
    types.as_array().map_or_else(|| fits(types), |types| types.iter().any(fits))
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text_length(value: &Value) -> Option<u64> {
    value.as_str().map(|text| text.chars().count() as u64)
}
