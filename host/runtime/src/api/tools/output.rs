//! The JSON Schema of a tool's structured result. Later versions may add members, so the object is open.
//!
//! A refusal fits the schema too, and no member is required. Version 1 of the TypeScript SDK validates every structured
//! result, also that of an error, and drops one that does not fit.

use deed_record::contract::Contract;
use deed_record::contract::schema::Schema;
use deed_record::lifecycle::status::Status;
use serde_json::{Map, Value, json};

use super::schema;

/// The schema of the result.
pub(super) fn schema(contract: &Contract) -> Value {
    let text = |what: &str| json!({"type": "string", "description": what});
    let mut properties = Map::new();
    let mut put = |name: &str, schema: Value| properties.insert(name.to_owned(), schema);
    put("action", text("The id of the action."));
    put("status", json!({"type": "string", "enum": Status::WORDS}));
    put("outcome", text("How the action ended, once it has ended."));
    if !contract.outputs.is_empty() {
        put("outputs", outputs(contract));
    }
    if contract.secrets().next().is_some() {
        put("secrets", secrets());
    }
    if contract.is_read() {
        put("result", result(contract));
    }
    put(
        "waits_for",
        json!({
            "type": "array",
            "items": {"type": "string"},
            "description": "What people still have to do, such as `approve:1:support-lead`, or `confirm` \
                            if the responsible person must confirm the action.",
        }),
    );
    put("approve_url", text("A page for the people who approve. You cannot approve."));
    put(
        "poll_after_ms",
        json!({
            "type": "integer",
            "minimum": 0,
            "description": "When to ask for the status again, in milliseconds.",
        }),
    );
    put("joined", text("The id of the earlier action that this call is part of."));
    put("why", text("The reason for the outcome or for the refusal."));
    put(
        "policies",
        json!({
            "type": "array",
            "items": {"type": "string"},
            "description": "The policies that denied the action, or that require approvals.",
        }),
    );
    put("receipt", text("The URI of the signed receipt, once the action has ended."));
    properties.extend(refusal());
    json!({"type": "object", "properties": properties})
}

/// The further members of a refusal, which has no `action`.
fn refusal() -> Map<String, Value> {
    let members = json!({
        "refused": {"type": "string", "description": "What was refused. Then there is no action."},
        "again": {
            "type": "string",
            "enum": ["corrected", "later", "depends", "no"],
            "description": "Whether the call can succeed later.",
        },
        "errors": {"type": "array", "items": {"type": "object"}, "description": "The wrong arguments."},
        "limit": {"type": "string"},
        "retry_after_ms": {"type": "integer", "minimum": 0},
    });
    members.as_object().cloned().unwrap_or_default()
}

/// The secrets that the upstreams created.
fn secrets() -> Value {
    json!({
        "type": "array",
        "items": {"type": "string"},
        "description": "The secrets that were created, such as `secret access_key stored`. You cannot read them.",
    })
}

/// The values that the contract names in `[outputs]`. A value is left out if the state does not have it.
fn outputs(contract: &Contract) -> Value {
    let states = contract.state_schemas();
    let whole = Schema { properties: states, ..Schema::default() };
    let one = |(name, output): (&String, &deed_record::contract::outputs::Output)| {
        let pointer = output.pointer();
        let steps: Vec<String> = pointer
            .split('/')
            .skip(1)
            .map(|step| step.replace("~1", "/").replace("~0", "~"))
            .collect();
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        let found = whole.at(&steps).map_or_else(|| json!({}), |(inner, _)| schema::of(inner));
        (name.clone(), found)
    };
    let properties: Map<String, Value> = contract.outputs.iter().map(one).collect();
    json!({
        "type": "object",
        "properties": properties,
        "description": "Values of the state after the action.",
    })
}

/// The state that a read observed, by name.
fn result(contract: &Contract) -> Value {
    let states = contract.state_schemas();
    let properties: Map<String, Value> =
        states.iter().map(|(name, state)| (name.clone(), schema::of(state))).collect();
    json!({
        "type": "object",
        "properties": properties,
        "description": "The observed state.",
    })
}
