//! The state that a client returns when it retries a call after it was asked for input: the id of the action, and a tag
//! that binds the state to the tool and its arguments.
//!
//! The tag is an HMAC-SHA-256 (RFC 2104), keyed with the action's own nonce. The nonce is in the journal, so a restart
//! of the host changes nothing. The caller learns the nonce with the bundle of the ended action, but can do nothing with
//! it: the host looks the action up as one of the caller's own, so a forged state shows what `deed_status` shows.

use data_encoding::HEXLOWER;
use deed_record::action::id::ActionId;
use deed_record::lifecycle::story::Story;
use deed_spec::json as strict;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rmcp::model::JsonObject;
use serde_json::json;
use sha2::Sha256;

/// Separates this use of the nonce from any other.
const PURPOSE: &[u8] = b"deed request state v1\n";

/// The state for a call of this tool with these arguments; `None` if the arguments have no canonical form.
pub(super) fn of(story: &Story, tool: &str, arguments: &JsonObject) -> Option<String> {
    let action = &story.bound.action;
    let tag = tag(&action.nonce, tool, arguments)?.finalize().into_bytes();
    Some(format!("{}.{}", action.id, HEXLOWER.encode(&tag)))
}

/// The action that a state names.
pub(super) fn action(state: &str) -> Option<ActionId> {
    state.split_once('.')?.0.parse().ok()
}

/// Whether this state was made for this action and this call.
pub(super) fn fits(state: &str, story: &Story, tool: &str, arguments: &JsonObject) -> bool {
    let action = &story.bound.action;
    is_tagged(state, action.id.as_str(), &action.nonce, (tool, arguments))
}

fn is_tagged(state: &str, id: &str, nonce: &str, (tool, arguments): (&str, &JsonObject)) -> bool {
    let Some((named, given)) = state.split_once('.') else { return false };
    let Ok(given) = HEXLOWER.decode(given.as_bytes()) else { return false };
    let tag = tag(nonce, tool, arguments);
    // The tags are compared in constant time.
    named == id && tag.is_some_and(|tag| tag.verify_slice(&given).is_ok())
}

fn tag(nonce: &str, tool: &str, arguments: &JsonObject) -> Option<Hmac<Sha256>> {
    let call = strict::canonical(&json!({"tool": tool, "arguments": arguments})).ok()?;
    let mut tag = Hmac::<Sha256>::new_from_slice(nonce.as_bytes()).ok()?;
    tag.update(PURPOSE);
    tag.update(&call);
    Some(tag)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const ID: &str = "act_00000000000000000000000000";
    const NONCE: &str = "0123456789abcdef0123456789abcdef";

    fn arguments(value: &Value) -> JsonObject {
        value.as_object().unwrap().clone()
    }

    fn state(tool: &str, arguments: &JsonObject) -> String {
        let tag = tag(NONCE, tool, arguments).unwrap().finalize().into_bytes();
        format!("{ID}.{}", HEXLOWER.encode(&tag))
    }

    #[test]
    fn a_state_fits_one_call_of_one_action() {
        let given = arguments(&json!({"user_id": "1", "intent": "a"}));
        let made = state("tool", &given);
        let fits = |state: &str, id: &str, nonce: &str, tool: &str, given: &JsonObject| {
            is_tagged(state, id, nonce, (tool, given))
        };
        assert!(fits(&made, ID, NONCE, "tool", &given));
        // The order of the members does not matter.
        let same = arguments(&json!({"intent": "a", "user_id": "1"}));
        assert!(fits(&made, ID, NONCE, "tool", &same));
        let other = arguments(&json!({"user_id": "2", "intent": "a"}));
        assert!(!fits(&made, ID, NONCE, "tool", &other));
        assert!(!fits(&made, ID, NONCE, "tools", &given));
        assert!(!fits(&made, ID, "f123456789abcdef0123456789abcdef", "tool", &given));
        assert!(!fits(&made, "act_00000000000000000000000001", NONCE, "tool", &given));
    }

    #[test]
    fn a_changed_state_does_not_fit() {
        let given = arguments(&json!({}));
        let made = state("tool", &given);
        let changed = |from: usize, to: &str| {
            let mut text = made.clone();
            text.replace_range(from..=from, to);
            text
        };
        let digit = if made.ends_with('0') { "1" } else { "0" };
        for wrong in [
            String::new(),
            ID.to_owned(),
            format!("{ID}."),
            format!("{made}00"),
            made.to_uppercase(),
            changed(made.len() - 1, digit),
            changed(ID.len(), "/"),
        ] {
            assert!(!is_tagged(&wrong, ID, NONCE, ("tool", &given)), "{wrong}");
        }
        assert_eq!(action(&made).map(|id| id.to_string()).as_deref(), Some(ID));
        for wrong in ["", ".", "act_1.00", "act_00000000000000000000000000"] {
            assert_eq!(action(wrong), None, "{wrong}");
        }
    }
}
