//! Contracts as tools for models: the definition of each tool, and the proposal that a call of the tool means.

use std::collections::BTreeSet;

use deed_record::action::Proposal;
use deed_record::contract::schema::Violation;
use deed_record::contract::{Contract, Effect, Verb};
use deed_spec::json::child;
use serde_json::{Map, Value, json};

/// A contract as a tool, in a form from which each kind of tool definition can be made.
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are the four hints of MCP's `ToolAnnotations`"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Matches `[a-zA-Z0-9_-]{1,64}`.
    pub name: String,
    /// The name of the contract.
    pub contract: String,
    pub title: String,
    pub description: String,
    /// The JSON Schema of the arguments.
    pub input: Value,
    /// The JSON Schema of the structured result.
    pub output: Value,
    pub read_only: bool,
    pub destructive: bool,
    pub idempotent: bool,
    pub open_world: bool,
}

/// What a call proposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub proposal: Proposal,
    pub idempotency_key: Option<String>,
}

/// The arguments of a call do not fit. The pointers lead into the arguments as the caller wrote them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the arguments do not fit the tool")]
pub struct ArgumentsError(pub Vec<Violation>);

/// The arguments of a tool that are not parameters of its contract.
const OWN: [&str; 4] = ["intent", "sources", "expect", "idempotency_key"];
/// The prefix of the host's own tools.
const RESERVED: &str = "deed_";
const NAME_MAX: usize = 64;

/// The tools of these contracts, sorted by name.
pub fn all<'c>(contracts: impl Iterator<Item = &'c Contract>) -> Vec<Tool> {
    let mut tools: Vec<Tool> = contracts.map(of).collect();
    tools.sort_by(|a, b| (&a.name, &a.contract).cmp(&(&b.name, &b.contract)));
    let mut taken = BTreeSet::new();
    for tool in &mut tools {
        let plain = tool.name.clone();
        let mut number = 1_u32;
        while !taken.insert(tool.name.clone()) {
            number += 1;
            let suffix = format!("_{number}");
            let kept = plain.chars().take(NAME_MAX - suffix.len());
            tool.name = kept.chain(suffix.chars()).collect();
        }
    }
    tools.sort_by(|a, b| a.name.cmp(&b.name));
    tools
}

/// The tool of one contract.
pub fn of(contract: &Contract) -> Tool {
    let head = &contract.action;
    Tool {
        name: name(&head.name),
        contract: head.name.clone(),
        title: head.title.clone(),
        description: format!(
            "{}. The action is `{}` on `{}`; the host decides by policy whether it runs, and people may have to \
             approve it.",
            head.title, head.name, head.resource
        ),
        input: input(contract),
        output: output(),
        read_only: head.verb == Verb::Read,
        destructive: head.verb == Verb::Delete,
        idempotent: head.effect == Effect::Idempotent,
        open_world: true,
    }
}

/// Splits the arguments of a call into a proposal and its idempotency key.
///
/// # Errors
///
/// Fails if an argument has no place in a proposal, or if a key that the contract needs is missing.
pub fn split(
    contract: &Contract,
    mut arguments: Map<String, Value>,
) -> Result<Call, ArgumentsError> {
    let idempotency_key = match arguments.remove("idempotency_key") {
        Some(Value::String(key)) => Some(key),
        None if !needs_key(contract) => None,
        None => return Err(fault("/idempotency_key", "is required but absent")),
        Some(_) => return Err(fault("/idempotency_key", "must be a string")),
    };
    let mut proposal = Map::new();
    proposal.insert("contract".to_owned(), Value::String(contract.action.name.clone()));
    for own in ["intent", "sources", "expect"] {
        if let Some(value) = arguments.remove(own) {
            proposal.insert(own.to_owned(), value);
        }
    }
    let params = if is_nested(contract) {
        let params = arguments.remove("params").unwrap_or_else(|| json!({}));
        if let Some(name) = arguments.keys().next() {
            return Err(fault(&child("", name), "is not an argument of this tool"));
        }
        params
    } else {
        Value::Object(arguments)
    };
    proposal.insert("params".to_owned(), params);
    let proposal = deed_spec::json::from_value(Value::Object(proposal))
        .map_err(|error| fault(&error.pointer, &error.reason))?;
    Ok(Call { proposal, idempotency_key })
}

/// The pointer into the arguments that corresponds to a pointer into the proposal, such as `/user_id` for
/// `/params/user_id`.
pub fn as_written(contract: &Contract, pointer: &str) -> String {
    let inner =
        pointer.strip_prefix("/params").filter(|rest| rest.is_empty() || rest.starts_with('/'));
    inner.filter(|_| !is_nested(contract)).unwrap_or(pointer).to_owned()
}

/// Whether a proposal for this contract must have an idempotency key, because a repetition would have a further effect.
fn needs_key(contract: &Contract) -> bool {
    matches!(contract.action.verb, Verb::Create | Verb::Call)
}

fn fault(pointer: &str, reason: &str) -> ArgumentsError {
    ArgumentsError(vec![Violation { pointer: pointer.to_owned(), reason: reason.to_owned() }])
}

fn is_nested(contract: &Contract) -> bool {
    OWN.iter().any(|own| contract.params.properties.contains_key(*own))
}

fn name(contract: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = contract.chars().map(plain).take(NAME_MAX).collect();
    if name.starts_with(RESERVED) {
        return format!("x_{name}").chars().take(NAME_MAX).collect();
    }
    name
}

fn input(contract: &Contract) -> Value {
    let params = serde_json::to_value(contract.params_schema()).unwrap_or_default();
    let own = json!({
        "intent": {
            "type": "string", "minLength": 1, "maxLength": 4096,
            "description": "One sentence that tells approvers what the action is for."
        },
        "sources": {
            "type": "array", "minItems": contract.evidence.sources, "maxItems": 32,
            "description": "The tickets or documents that the action relies on.",
            "items": {
                "type": "object", "required": ["uri"], "additionalProperties": false,
                "properties": {"uri": {"type": "string", "minLength": 1}, "sha256": {"type": "string"}}
            }
        },
        "expect": {
            "type": "object",
            "description": "Maps JSON pointers into the state to the values that it must have after the action."
        },
        "idempotency_key": {
            "type": "string", "minLength": 1, "maxLength": 128,
            "description": "Unique for each intended action. A call with the same key and arguments is the same action."
        }
    });
    let mut properties = own.as_object().cloned().unwrap_or_default();
    let mut required = vec![json!("intent")];
    if contract.evidence.sources > 0 {
        required.push(json!("sources"));
    }
    if needs_key(contract) {
        required.push(json!("idempotency_key"));
    }
    if is_nested(contract) {
        properties.insert("params".to_owned(), params);
        required.push(json!("params"));
    } else {
        let of_params = params.get("properties").and_then(Value::as_object);
        properties.extend(of_params.cloned().unwrap_or_default());
        required.extend(contract.params.required.iter().map(|name| json!(name)));
    }
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false
    })
}

fn output() -> Value {
    let text = json!({"type": "string"});
    json!({
        "type": "object",
        "required": ["action", "status"],
        "properties": {
            "action": {"type": "string", "description": "The id of the action, for `deed_status`."},
            "status": text,
            "outcome": text,
            "why": text,
            "outputs": {"type": "object"},
            "result": {"type": "object", "description": "The observed state, if the action only reads."},
            "waits_for": {"type": "array", "items": text},
            "approve_url": text,
            "poll_after_ms": {"type": "integer"},
            "joined": text,
            "policies": {"type": "array", "items": text},
            "receipt": text
        }
    })
}
