//! The schemas of requests and answers (JSON Schema 2020-12), derived from their types.
//!
//! A contract's own parameters and state are not described here; they are in the contract.

use std::collections::BTreeSet;

use schemars::Schema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value};

/// Makes the schema of a type: a reference if the type has a name.
pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// The named schemas that operations refer to.
#[derive(Debug)]
pub(super) struct Schemas {
    generator: SchemaGenerator,
    /// Schemas of request bodies. In a request body, a member that the schema does not name is an error.
    closed: BTreeSet<String>,
}

impl Schemas {
    pub(super) fn new(bodies: impl Iterator<Item = SchemaOf>) -> Self {
        let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
        });
        let mut generator = settings.into_generator();
        bodies.for_each(|body| drop(body(&mut generator)));
        let closed = generator.definitions().keys().cloned().collect();
        Self { generator, closed }
    }

    pub(super) fn of(&mut self, schema: SchemaOf) -> Value {
        schema(&mut self.generator).to_value()
    }

    /// Every schema by name.
    pub(super) fn finish(mut self) -> Map<String, Value> {
        let mut all = self.generator.take_definitions(false);
        for (name, schema) in &mut all {
            if let Some(schema) = schema.as_object_mut().filter(|_| !self.closed.contains(name)) {
                open(schema);
                absent_or_not_null(schema);
            }
            plain(schema);
        }
        all
    }
}

/// Removes `additionalProperties: false` from the schema of an answer, because later versions may add members. Code
/// that reads a record still refuses unknown members.
fn open(schema: &mut Map<String, Value>) {
    if schema.get("additionalProperties") == Some(&Value::Bool(false)) {
        schema.remove("additionalProperties");
    }
}

/// Removes `null` from the schema of optional members of answers: the host leaves an absent member out. In a request, an
/// optional member may also be null.
fn absent_or_not_null(schema: &mut Map<String, Value>) {
    let required: BTreeSet<String> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    let members = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (name, member) in members.into_iter().flatten() {
        if let Some(member) = member.as_object_mut().filter(|_| !required.contains(name)) {
            not_null(member);
        }
    }
}

fn not_null(schema: &mut Map<String, Value>) {
    let is_null = |schema: &Value| schema.get("type").is_some_and(|name| name == "null");
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            schema.insert("type".to_owned(), one);
        }
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Array(mut choices)) = schema.remove("anyOf") {
        choices.retain(|choice| !is_null(choice));
        match choices.pop() {
            Some(Value::Object(one)) if choices.is_empty() => schema.extend(one),
            last => {
                choices.extend(last);
                schema.insert("anyOf".to_owned(), Value::Array(choices));
            }
        }
    }
}

/// Removes what only Rust uses: line breaks of comments, defaults of members that may be absent, and the comments on
/// the values of an enumeration.
fn plain(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(plain),
        Value::Object(members) => {
            members.remove("default");
            if let Some(Value::String(text)) = members.get_mut("description") {
                *text = text.replace("\n\n", "\r").replace('\n', " ").replace('\r', "\n\n");
            }
            words(members);
            members.values_mut().for_each(plain);
        }
        _ => {}
    }
}

/// Replaces a choice between constants with an enumeration.
fn words(members: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = members.get("oneOf") else { return };
    let constants: Option<Vec<Value>> =
        choices.iter().map(|one| one.get("const").cloned()).collect();
    if let Some(constants) = constants {
        members.remove("oneOf");
        members.insert("type".to_owned(), Value::from("string"));
        members.insert("enum".to_owned(), Value::Array(constants));
    }
}
