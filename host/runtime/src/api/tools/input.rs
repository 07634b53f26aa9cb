//! The JSON Schema of a tool's arguments: the parameters of the contract, and what every proposal has.

use deed_record::contract::{Contract, StateShape, Verb};
use deed_spec::json::child;
use serde_json::{Map, Value, json};

use super::schema;
use crate::api::KEY_MAX;

/// The member that holds the parameters if a parameter has the name of another argument.
pub(super) const PARAMS: &str = "params";
pub(super) const INTENT: &str = "intent";
pub(super) const SOURCES: &str = "sources";
pub(super) const EXPECT: &str = "expect";
pub(super) const KEY: &str = "idempotency_key";

/// The longest text, in characters. The host permits 4096 bytes, and a character has at most four.
const TEXT_MAX: usize = 1024;
/// A text with a character other than white space. U+0085 is white space for the host, but not for regular expressions.
const NOT_BLANK: &str = "[^\\s\\u0085]";

/// How many pointers the description of `expect` names.
const POINTERS_MAX: usize = 6;

/// Whether the parameters are below `params`, because one of them has the name of another argument.
pub(super) fn is_nested(contract: &Contract) -> bool {
    let taken = [PARAMS, INTENT, SOURCES, EXPECT, KEY];
    contract.params.properties.keys().any(|name| taken.contains(&name.as_str()))
}

/// Whether a call must have an idempotency key. Without a key, a repeated call could create a second object.
pub(super) fn needs_key(contract: &Contract) -> bool {
    matches!(contract.action.verb, Verb::Create | Verb::Call)
}

/// The schema of the arguments, a closed object.
pub(super) fn schema(contract: &Contract) -> Value {
    let (mut properties, mut required) = parameters(contract);
    for (name, argument) in [
        (INTENT, intent()),
        (SOURCES, sources(contract)),
        (EXPECT, expect(contract)),
        (KEY, key(contract)),
    ] {
        properties.insert(name.to_owned(), argument);
    }
    required.push(INTENT.to_owned());
    if contract.evidence.sources > 0 {
        required.push(SOURCES.to_owned());
    }
    if needs_key(contract) {
        required.push(KEY.to_owned());
    }
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// The properties for the contract's parameters, and the names of those that are required.
fn parameters(contract: &Contract) -> (Map<String, Value>, Vec<String>) {
    let params = contract.params_schema();
    if is_nested(contract) {
        let required = if params.required.is_empty() { vec![] } else { vec![PARAMS.to_owned()] };
        return (Map::from_iter([(PARAMS.to_owned(), schema::of(&params))]), required);
    }
    let one = |(name, inner): (&String, _)| (name.clone(), schema::of(inner));
    (params.properties.iter().map(one).collect(), params.required.into_iter().collect())
}

fn intent() -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "maxLength": TEXT_MAX,
        "pattern": NOT_BLANK,
        "description": "What the action is for, in one sentence. The people who approve read it.",
    })
}

fn sources(contract: &Contract) -> Value {
    let mut sources = json!({
        "type": "array",
        "maxItems": 32,
        "items": {
            "type": "object",
            "properties": {
                "uri": {"type": "string", "minLength": 1, "maxLength": TEXT_MAX},
                "sha256": {
                    "type": "string",
                    "pattern": "^[0-9a-f]{64}$",
                    "description": "SHA-256 of the content that you read.",
                },
            },
            "required": ["uri"],
            "additionalProperties": false,
        },
        "description": "The tickets or documents that you rely on, such as `{\"uri\": \"ticket:4711\"}`.",
    });
    let least = contract.evidence.sources;
    if let Some(keywords) = sources.as_object_mut().filter(|_| least > 0) {
        keywords.insert("minItems".to_owned(), least.into());
    }
    sources
}

fn expect(contract: &Contract) -> Value {
    let pointers: Vec<String> = contract.state.iter().flat_map(of_state).collect();
    let shown: Vec<&str> = pointers.iter().take(POINTERS_MAX).map(String::as_str).collect();
    let what =
        "Maps JSON pointers into the state to the values that you expect there after the action";
    let numbers = format!("Numbers are integers, {}", schema::DIGITS);
    json!({
        "type": "object",
        "additionalProperties": schema::numbers(),
        "description": format!("{what}. {numbers}. Pointers: `{}`.", shown.join("`, `")),
    })
}

/// The pointers to the properties of one state, such as `/user/active`.
fn of_state((state, shape): (&String, &StateShape)) -> Vec<String> {
    let state = child("", state);
    shape.properties.keys().map(|name| child(&state, name)).collect()
}

fn key(contract: &Contract) -> Value {
    let what = "A text that is unique for each intended action. A repeated call with the same key and the same \
                arguments is the same action.";
    let required = if needs_key(contract) { " Required." } else { "" };
    json!({
        "type": "string",
        "minLength": 1,
        "maxLength": KEY_MAX,
        "pattern": "^[!-~]+$",
        "description": format!("{what}{required}"),
    })
}
