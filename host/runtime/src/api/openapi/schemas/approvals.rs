//! The shapes of what people are asked and of what they send.
//!
//! Takes nothing, gives schemas by name. It never describes a statement inside of an envelope.

use serde_json::{Value, json};

use super::{closed, contract_text, list, object, reference, text};

/// What people are asked and what they send.
pub(super) fn asked() -> Value {
    json!({
        "ApprovalRequest": object("Everything that an answer covers.", &request_fields()),
        "Action": object("`action.json`, the subject of every statement about this action.", &action_fields()),
        "ContractRef": object("", &json!({"name": text(""), "version": text(""), "digest": reference("Digest")})),
        "Binding": object("Everything about one upstream that an approval covers.", &json!({
            "base_url": text(""),
            "addresses": list(&json!({"enum": ["public", "private", "loopback"]})),
            "tls_roots?": reference("Digest"),
            "read?": reference("CredentialRef"),
            "write?": reference("CredentialRef"),
            "idempotency?": reference("Idempotency"),
            "rules": list(&reference("Rendered")),
        })),
        "Idempotency": object("Of the writes that carry the same key, the upstream carries out the first one only.", &json!({
            "header": text(""),
            "window_ms": {"type": "integer", "minimum": 0, "description": "How long it remembers a key."},
        })),
        "CredentialRef": object("A credential by name, never its value.", &json!({"secret": text(""), "slot": slot()})),
        "Opening": object("A private value; its commitment is HMAC-SHA-256 under the salt, of the value's canonical JSON.", &json!({
            "salt": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "value": text(""),
        })),
        "Ask": object("One asking; an answer to another one does not fit.", &json!({
            "nonce": text(""),
            "expires_ms": reference("Milliseconds"),
            "pre_state": reference("Digest"),
            "policy_set": reference("Digest"),
            "obligations": list(&reference("Obligation")),
        })),
        "Envelope": closed("A DSSE v1.0.2 envelope.", &json!({
            "payload": {"type": "string", "contentEncoding": "base64", "description": "An in-toto Statement v1 in RFC 8785 form."},
            "payloadType": {"const": "application/vnd.in-toto+json"},
            "signatures": {"type": "array", "items": reference("EnvelopeSignature"), "minItems": 1, "maxItems": 1},
        })),
        "EnvelopeSignature": closed("Pure Ed25519 (RFC 8032) over the pre-authentication encoding.", &json!({
            "keyid": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "Hex SHA-256 of the key's SPKI DER."},
            "sig": {"type": "string", "contentEncoding": "base64"},
        })),
    })
}

fn request_fields() -> Value {
    json!({
        "action": reference("Action"),
        "proposal": reference("Proposal"),
        "contract": contract_text(),
        "bindings": {"type": "object", "additionalProperties": reference("Binding"), "description": "By upstream."},
        "perform": list(&reference("Rendered")),
        "pre": {"type": "object", "additionalProperties": true, "description": "The observed state by name."},
        "looked_ms?": {"$ref": "#/components/schemas/Milliseconds", "description": "When the host read `pre`; nothing is signed from it."},
        "derived": list(&text("Names of states that the adapter computed.")),
        "ask": reference("Ask"),
        "not_yet": list(&text("Obligations that are open; nothing is signed from these.")),
        "stale": list(&text("Why earlier approvals count for nothing; nothing is signed from these.")),
        "private?": {"type": "object", "additionalProperties": reference("Opening"), "description": "Private parameters by name, for those who may answer; `action` has their commitments."},
    })
}

fn action_fields() -> Value {
    json!({
        "v": {"const": 1},
        "id": reference("ActionId"),
        "tenant": text(""),
        "environment": text(""),
        "principal": text("The agent."),
        "person": text("Who answers for the agent."),
        "on_behalf_of?": text(""),
        "contract": reference("ContractRef"),
        "adapter": reference("Digest"),
        "resource": text(""),
        "params": {"type": "object", "additionalProperties": true},
        "binding": {"type": "object", "additionalProperties": reference("Digest"), "description": "By upstream."},
        "nonce": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    })
}

/// Where the host puts a credential: a word, or an object with the word as its one field.
fn slot() -> Value {
    let field = |name: &str, schema: Value| Value::from_iter([(name.to_owned(), schema)]);
    let with =
        |word: &str, name: &str| object("", &field(word, object("", &field(name, text("")))));
    json!({"oneOf": [{"const": "bearer"}, with("basic", "user"), with("header", "name")]})
}
