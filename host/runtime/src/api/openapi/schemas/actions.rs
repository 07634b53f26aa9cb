//! The shapes of answers about actions: the view, the list, what policy and the judge said.
//!
//! Takes nothing, gives schemas by name. It never describes an action's own state.

use serde_json::{Value, json};

use super::{list, object, reference, text};

/// Answers about actions.
pub(super) fn view() -> Value {
    json!({
        "View": object("One action as the caller may see it.", &view_fields()),
        "Said": object("Who answered what.", &json!({
            "person": text(""),
            "role": text(""),
            "approves": {"type": "boolean"},
            "counts": {"type": "boolean", "description": "False once it went stale."},
            "reason?": text("Why, as it was signed; for people only."),
        })),
        "ReceiptRef": object("Where a receipt or reconciliation stands.", &json!({
            "payload_sha256": reference("Digest"),
            "keyid": text("Hex SHA-256 of the key's SPKI DER."),
            "index": {"type": ["integer", "null"], "minimum": 0, "description": "Of the leaf in the tenant's log."},
        })),
        "Line": object("One event as a sentence.", &json!({
            "at_ms": reference("Milliseconds"),
            "event": text("The event's name in the journal, such as `attempt_started`."),
            "text": text("Holds text from outside: escape it before a terminal or a page shows it."),
        })),
        "ActionList": object("", &json!({"actions": list(&reference("ActionSummary"))})),
        "ActionSummary": object("One action of a list.", &json!({
            "id": reference("ActionId"),
            "status": reference("Status"),
            "contract": text(""),
            "resource": text(""),
            "agent": text(""),
            "at_ms": reference("Milliseconds"),
        })),
    })
}

fn view_fields() -> Value {
    json!({
        "id": reference("ActionId"),
        "status": reference("Status"),
        "outcome?": reference("Outcome"),
        "reason?": text("Why this outcome, in one sentence."),
        "contract": text(""),
        "resource": text("Such as `idp/users/42`."),
        "agent": text(""),
        "person": text("Who answers for the agent."),
        "on_behalf_of?": text(""),
        "environment": text(""),
        "intent": text(""),
        "reasoning?": text(""),
        "sources": list(&reference("Source")),
        "params": {"type": "object", "additionalProperties": true, "description": "What was asked for. A private parameter is its commitment, `private:hmac-sha256:HEX`."},
        "writes": {"type": "array", "items": reference("Rendered"), "description": "The writes that may leave, rendered by the host from contract and parameters, with the commitments of private ones. A read has none."},
        "obligations": list(&text("What people still have to do, such as `approve:1:support-lead` or `resolve:1:operator`.")),
        "held_by?": {"$ref": "#/components/schemas/ActionId", "description": "The other action that holds the resource that this one needs; for people only."},
        "escalated?": text("Why looks do not settle an open outcome, so that an operator has to."),
        "expires_ms?": reference("Milliseconds"),
        "approvals": list(&reference("Said")),
        "stale": list(&text("Why earlier approvals count for nothing.")),
        "decision?": reference("Decision"),
        "calls": list(&reference("Call")),
        "changes": list(&reference("Change")),
        "unexpected": list(&reference("Change")),
        "checks": list(&reference("Check")),
        "result?": {"type": "object", "additionalProperties": true, "description": "The observed state by name, where a read ended verified."},
        "receipt?": reference("ReceiptRef"),
        "resolution?": reference("Resolution"),
        "reconciliation?": reference("ReceiptRef"),
        "proposed_ms": reference("Milliseconds"),
        "at_ms": reference("Milliseconds"),
        "ledger": list(&reference("Line")),
    })
}

/// What policy and the judge said.
pub(super) fn judged() -> Value {
    json!({
        "Decision": object("What the policies say, and which of them said it.", &json!({
            "verdict": {"enum": ["allow", "ask", "deny"]},
            "obligations": list(&reference("Obligation")),
            "determining": list(&text("Ids of the policies that decided; empty where the host itself refused.")),
            "not_applied": list(&text("Ids of the other policies about this action.")),
            "errors": list(&text("Any of them denies.")),
            "policy_set": reference("Digest"),
            "reason": {"type": ["string", "null"]},
            "rests_on_private?": {"const": true, "description": "It rests on private parameters, so nobody without their values can make it again."},
        })),
        "Obligation": object("So many distinct persons must approve in this role.", &json!({
            "count": {"type": "integer", "minimum": 1},
            "role": text(""),
            "policy": text("The policy that says so."),
        })),
        "Change": object("One leaf that differs.", &json!({
            "pointer": text("RFC 6901, into the state."),
            "old?": {"description": "Any JSON; absent when the leaf was added."},
            "new?": {"description": "Any JSON; absent when it was removed."},
        })),
        "Check": object("One expectation and its answer.", &json!({
            "expression": text("CEL, or `<pointer> == <json>` for an `expect`."),
            "holds": {"type": "boolean"},
            "problem?": text("Why it could not be evaluated; it then counts as false."),
        })),
        "Explained": object("What would happen.", &json!({
            "contract": text(""),
            "resource": text(""),
            "decision": reference("Decision"),
            "would_read": list(&reference("Rendered")),
            "would_send": list(&reference("Rendered")),
            "before": list(&text("CEL that must hold before; it is not evaluated here.")),
            "missing": list(&text("What stands between this proposal and a run.")),
        })),
    })
}
