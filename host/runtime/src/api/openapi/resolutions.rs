//! The operations by which an operator says what nobody could find out.
//!
//! Takes nothing, gives operations of the document.

use serde_json::{Value, json};

use super::parts::shown;
use super::{body, json_answer, operation, parameter};

pub(super) fn request() -> Value {
    let head =
        ["showResolutionRequest", "resolutions", "What an operator is asked to say and sign"];
    let particulars = json!({
        "description": "There is one while the action is `indeterminate`. The person's client recomputes the \
                        digests of action and receipt from what this shows.",
        "parameters": [parameter("ActionId")],
        "responses": {"200": json_answer("Everything that the word is about.", "ResolutionRequest")},
    });
    operation(head, &particulars, &[401, 403, 404, 409, 429, 503])
}

pub(super) fn resolve() -> Value {
    let head = ["resolveAction", "resolutions", "Say what happened, signed"];
    let particulars = json!({
        "description": "The envelope's statement has predicate type `urn:deed:reconciliation:v1` and the \
                        person's word as its predicate. Only somebody with the role `operator` who does not \
                        answer for the agent resolves, once. The host looks again, and its own conclusion \
                        follows: a look that answers by itself counts, else the word does, and never makes \
                        an outcome `verified`.",
        "parameters": [parameter("ActionId")],
        "requestBody": body("Envelope"),
        "responses": shown(),
    });
    operation(head, &particulars, &[400, 401, 403, 404, 409, 413, 415, 429, 503])
}
