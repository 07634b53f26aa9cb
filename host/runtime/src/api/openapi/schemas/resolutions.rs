//! The shapes of what an operator is shown of an open action, and of the word about it.
//!
//! Takes nothing, gives schemas by name. It never describes a statement inside of an envelope.

use serde_json::{Value, json};

use super::{list, object, reference, text};

/// What an operator is shown and says.
pub(super) fn asked() -> Value {
    json!({
        "ResolutionRequest": object("Everything that a word about an open action is about.", &json!({
            "action": reference("Action"),
            "receipt": reference("Envelope"),
            "perform": list(&reference("Rendered")),
            "look?": reference("LastLook"),
            "escalated?": text("Why looks do not settle it; nothing is signed from this."),
            "nonce": text("Of the asking; a word to another one does not fit."),
            "person": text("Whom the host takes the caller for."),
        })),
        "LastLook": object("What the host saw last, which settled nothing; nothing is signed from it.", &json!({
            "at_ms": reference("Milliseconds"),
            "state": {"type": "object", "additionalProperties": true, "description": "The observed state by name."},
            "changes": list(&reference("Change")),
            "reason": text("Why it settles nothing."),
        })),
        "Resolution": object("What a person says of an outcome that the receipt left open.", &json!({
            "person": text(""),
            "role": {"const": "operator"},
            "verdict": {"enum": ["applied", "not_applied", "retry"]},
            "reason": {"type": "string", "minLength": 1, "maxLength": 1000, "description": "At most 1,000 bytes; text from outside."},
            "nonce": text(""),
            "signed_ms": reference("Milliseconds"),
        })),
    })
}
