//! The shapes of requests and answers as JSON Schema 2020-12, by the names of their Rust types.
//!
//! Takes nothing, gives `components/schemas`. It never describes a contract's own parameters or
//! state: those are in the contract. A name that ends in `?` is a field that may be absent.

mod actions;
mod approvals;
mod resolutions;

use deed_record::lifecycle::status::Status;
use serde_json::{Map, Value, json};

/// Every schema by name.
pub(super) fn all() -> Map<String, Value> {
    let groups = [
        words(),
        proposed(),
        seen(),
        actions::view(),
        actions::judged(),
        approvals::asked(),
        resolutions::asked(),
        granted(),
        problem(),
    ];
    let named = groups.into_iter().filter_map(|group| group.as_object().cloned());
    named.flatten().collect()
}

/// A reference to one of them.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// Single values.
fn words() -> Value {
    let status = json!({"type": "integer", "minimum": 100, "maximum": 999});
    let answered = closed("", &json!({"status": status}));
    json!({
        "ActionId": {"type": "string", "pattern": "^act_[0-9a-v]{26}$", "description": "Text order is order of age."},
        "Digest": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
        "Milliseconds": {"type": "integer", "format": "int64", "description": "Since 1970-01-01T00:00:00Z."},
        "Outcome": {"enum": OUTCOMES},
        "Status": {
            "enum": Status::WORDS,
            "description": "The outcome once there is a receipt; until then what is awaited.",
        },
        "Fate": {
            "description": "Whether bytes of a request left, and whether a complete answer came.",
            "oneOf": [
                {"enum": ["not_sent", "no_answer"]},
                closed("A complete answer came.", &json!({"answered": answered})),
            ],
        },
    })
}

const OUTCOMES: [&str; 7] =
    ["verified", "mismatch", "denied", "failed", "indeterminate", "expired", "cancelled"];

/// What an agent sends.
fn proposed() -> Value {
    json!({
        "Proposal": closed("What an agent asks for.", &json!({
            "contract": text("Name of a granted contract, such as `idp.restore_access`."),
            "params": {"type": "object", "description": "As the contract's parameter schema says."},
            "intent": {"type": "string", "minLength": 1, "maxLength": 4096, "description": "What the agent wants to achieve; for people, never a fact for policy."},
            "reasoning?": {"type": "string", "maxLength": 4096},
            "on_behalf_of?": {"type": "string", "minLength": 1, "maxLength": 256, "description": "Who asked the agent."},
            "sources?": {"type": "array", "items": reference("Source"), "maxItems": 32},
            "environment?": text("Where the agent believes it acts; a difference is denied."),
            "expect?": {"type": "object", "additionalProperties": true, "description": "JSON pointer into the state → the value that the agent expects there afterwards."},
        })),
        "Source": closed("A ticket or document that the agent relies on.", &json!({
            "uri": {"type": "string", "minLength": 1, "maxLength": 4096},
            "sha256?": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "Digest of what the agent read there."},
        })),
    })
}

/// Requests as the host renders and sends them.
fn seen() -> Value {
    json!({
        "Rendered": object("One request that an action may send, rendered by the host.", &json!({
            "upstream": text("The upstream's short name."),
            "method": text("In upper case."),
            "path": text("Percent-encoded, with the query; joined to the upstream's base URL."),
            "body?": {"description": "Any JSON; of a form an object of texts."},
            "codec?": reference("Codec"),
            "calls": {"type": "integer", "minimum": 1, "description": "How often one run may send it."},
            "writes": {"type": "boolean", "description": "Whether it may change something."},
            "guard?": {"enum": ["etag"], "description": "Its precondition: the entity tag that the host saw must still be the one."},
            "expose?": list(&text("A JSON pointer into the answer: what is seen and recorded of it; all where it is absent.")),
        })),
        "Codec": object("How the body leaves and what the answer must be; JSON where it is absent.", &json!({
            "request?": {"enum": ["json", "form"]},
            "response?": {"enum": ["json", "form", "xml"]},
            "lists?": list(&text("A list of an XML answer, as `parent/child`.")),
        })),
        "Call": object("One request as it went.", &json!({
            "phase": {"enum": ["observe", "perform"]},
            "upstream": text(""),
            "method": text(""),
            "path": text(""),
            "fate": reference("Fate"),
            "at_ms": reference("Milliseconds"),
        })),
    })
}

/// Contracts as the caller may see them.
fn granted() -> Value {
    json!({
        "ContractList": object("", &json!({"contracts": list(&reference("ContractSummary"))})),
        "ContractSummary": object("One contract of the list.", &json!({
            "name": text(""),
            "version": text(""),
            "title": text(""),
            "verb": {"enum": ["read", "create", "update", "delete", "call"]},
            "mode": {"enum": ["read", "draft", "write", "side_effect", "autonomous"]},
            "effect": {"enum": ["idempotent", "keyed", "observable", "opaque"]},
            "resource": text("A template over the parameters."),
            "digest": reference("Digest"),
            "params": {"type": "object", "additionalProperties": true, "description": "A closed JSON Schema subset; see contracts/README.md."},
            "sources": {"type": "integer", "minimum": 0, "description": "How many sources a proposal must name."},
        })),
        "GrantedContract": object("A contract, and what is granted for it.", &json!({
            "contract": contract_text(),
            "digest": reference("Digest"),
            "adapter": reference("Digest"),
            "upstreams": list(&text("")),
        })),
    })
}

fn contract_text() -> Value {
    json!({
        "type": "object",
        "additionalProperties": true,
        "description": "The contract's canonical JSON; its fields are those of contracts/README.md.",
    })
}

fn problem() -> Value {
    let place = json!({"pointer": text("RFC 6901."), "reason": text("")});
    json!({
        "Problem": object("RFC 9457.", &json!({
            "type": {"const": "about:blank"},
            "title": text(""),
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": text("What is wrong, and what would be right."),
            "errors?": list(&reference("Place")),
            "limit?": text("The limit that is reached, such as `agent_under_way`, where one is."),
        })),
        "Place": object("One place of the body that does not fit.", &place),
    })
}

/// An object to which later versions may add fields.
fn object(what: &str, fields: &Value) -> Value {
    let fields = fields.as_object().cloned().unwrap_or_default();
    let required: Vec<&String> = fields.keys().filter(|name| !name.ends_with('?')).collect();
    let mut schema = json!({"type": "object", "required": required});
    let plain = fields.iter().map(|(name, s)| (name.trim_end_matches('?').to_owned(), s.clone()));
    let properties = Value::Object(plain.collect());
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("properties".to_owned(), properties);
        describe(schema, what);
    }
    schema
}

/// An object in which any other field is an error.
fn closed(what: &str, fields: &Value) -> Value {
    let mut schema = object(what, fields);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    schema
}

fn text(what: &str) -> Value {
    let mut schema = Map::new();
    schema.insert("type".to_owned(), Value::from("string"));
    describe(&mut schema, what);
    Value::Object(schema)
}

fn list(items: &Value) -> Value {
    json!({"type": "array", "items": items})
}

/// Where the name says it all there is no description.
fn describe(schema: &mut Map<String, Value>, what: &str) {
    if !what.is_empty() {
        schema.insert("description".to_owned(), Value::from(what));
    }
}
