//! Definitions of tools, and the arguments of the host's own tools.

use std::ops::RangeInclusive;
use std::sync::Arc;

use deed_record::contract::schema::Violation;
use deed_spec::json as strict;
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::api::problem::Problem;
use crate::api::tools;
use crate::stage::contract::BindFault;

/// The definition of a contract's tool as MCP lists it.
pub(super) fn definition(tool: &tools::Tool) -> Tool {
    let hints = ToolAnnotations::from_raw(
        Some(tool.title.clone()),
        Some(tool.read_only),
        Some(tool.destructive),
        Some(tool.idempotent),
        Some(tool.open_world),
    );
    Tool::new(tool.name.clone(), tool.description.clone(), object(tool.input.clone()))
        .with_title(tool.title.clone())
        .with_raw_output_schema(Arc::new(object(tool.output.clone())))
        .with_annotations(hints)
}

/// The definition of a tool of the host itself: its name, title and description, and the schema of its arguments.
/// `reads` says whether the tool changes nothing.
pub(super) fn of_host([name, title, about]: [&'static str; 3], input: Value, reads: bool) -> Tool {
    // The hints do not repeat the title, so that the list is short.
    let hints = ToolAnnotations::from_raw(None, Some(reads), Some(false), Some(true), Some(false));
    Tool::new(name, about, object(input)).with_title(title).with_annotations(hints)
}

/// The members of a JSON object; none if the value is of another type.
pub(super) fn object(value: Value) -> JsonObject {
    match value {
        Value::Object(members) => members,
        _ => JsonObject::new(),
    }
}

/// The schema of an object with these members only.
pub(super) fn schema(properties: &Value, required: &[&str]) -> Value {
    let mut schema = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false
    });
    if let Some(keywords) = schema.as_object_mut().filter(|_| !required.is_empty()) {
        keywords.insert("required".to_owned(), json!(required));
    }
    schema
}

/// The arguments of a call. Fails at the first argument that does not fit.
pub(super) fn arguments<T: DeserializeOwned>(given: JsonObject) -> Result<T, Problem> {
    strict::from_value(Value::Object(given)).map_err(|error| BindFault::Shape(error).into())
}

/// A number among the arguments, which must be within the bounds that the schema states.
pub(super) fn within(name: &str, value: u64, bounds: &RangeInclusive<u64>) -> Result<u64, Problem> {
    if bounds.contains(&value) {
        return Ok(value);
    }
    let reason = format!("must be an integer from {} to {}", bounds.start(), bounds.end());
    Err(Problem::arguments(vec![Violation { pointer: strict::child("", name), reason }]))
}
