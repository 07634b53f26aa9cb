//! The state that a client returns when it retries a call after it was asked for input: the id of the action, whether
//! the call joined it, and a tag that binds the state to the tool and its arguments.
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

/// The word of a state of a call that joined an action.
const JOINED: &str = "joined.";

/// What a tag covers, in addition to the nonce.
#[derive(Clone, Copy)]
struct Covered<'a> {
    tool: &'a str,
    arguments: &'a JsonObject,
    joined: bool,
}

/// The state for a call of this tool with these arguments; `None` if the arguments have no canonical form. `joined`
/// says whether the call joined an action that an earlier call proposed.
pub(super) fn of(
    story: &Story,
    tool: &str,
    arguments: &JsonObject,
    joined: bool,
) -> Option<String> {
    let action = &story.bound.action;
    written(action.id.as_str(), &action.nonce, Covered { tool, arguments, joined })
}

/// The action that a state names.
pub(super) fn action(state: &str) -> Option<ActionId> {
    state.split_once('.')?.0.parse().ok()
}

/// Whether the call joined the action; `None` if the state was not made for this action and this call.
pub(super) fn joined(
    state: &str,
    story: &Story,
    tool: &str,
    arguments: &JsonObject,
) -> Option<bool> {
    let action = &story.bound.action;
    read(state, action.id.as_str(), &action.nonce, (tool, arguments))
}

fn written(id: &str, nonce: &str, covered: Covered<'_>) -> Option<String> {
    let tag = HEXLOWER.encode(&tag(nonce, covered)?.finalize().into_bytes());
    let word = if covered.joined { JOINED } else { "" };
    Some(format!("{id}.{word}{tag}"))
}

fn read(
    state: &str,
    id: &str,
    nonce: &str,
    (tool, arguments): (&str, &JsonObject),
) -> Option<bool> {
    let (named, rest) = state.split_once('.')?;
    let word = rest.strip_prefix(JOINED);
    let covered = Covered { tool, arguments, joined: word.is_some() };
    let given = HEXLOWER.decode(word.unwrap_or(rest).as_bytes()).ok()?;
    // The tags are compared in constant time.
    let fits = named == id && tag(nonce, covered)?.verify_slice(&given).is_ok();
    fits.then_some(covered.joined)
}

fn tag(nonce: &str, covered: Covered<'_>) -> Option<Hmac<Sha256>> {
    let Covered { tool, arguments, joined } = covered;
    let call = json!({"tool": tool, "arguments": arguments, "joined": joined});
    let call = strict::canonical(&call).ok()?;
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
        written(ID, NONCE, Covered { tool, arguments, joined: false }).unwrap()
    }

    #[test]
    fn a_state_fits_one_call_of_one_action() {
        let given = arguments(&json!({"user_id": "1", "intent": "a"}));
        let made = state("tool", &given);
        let fits = |state: &str, id: &str, nonce: &str, tool: &str, given: &JsonObject| {
            read(state, id, nonce, (tool, given)).is_some()
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
    fn a_state_says_under_its_tag_whether_the_call_joined_an_action() {
        let given = arguments(&json!({}));
        let read = |state: &str| read(state, ID, NONCE, ("tool", &given));
        let plain = state("tool", &given);
        let joined = Covered { tool: "tool", arguments: &given, joined: true };
        let joined = written(ID, NONCE, joined).unwrap();
        assert_eq!((read(&plain), read(&joined)), (Some(false), Some(true)));
        assert_eq!(read(&joined.replace(JOINED, "")), None);
        assert_eq!(read(&plain.replace('.', ".joined.")), None);
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
            assert_eq!(read(&wrong, ID, NONCE, ("tool", &given)), None, "{wrong}");
        }
        assert_eq!(action(&made).map(|id| id.to_string()).as_deref(), Some(ID));
        for wrong in ["", ".", "act_1.00", "act_00000000000000000000000000"] {
            assert_eq!(action(wrong), None, "{wrong}");
        }
    }
}
