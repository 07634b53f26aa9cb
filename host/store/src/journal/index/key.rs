//! Keys of the index. Names are encoded so that the bytes sort in the same order as the names. Each part of a key ends
//! with a terminator that cannot occur inside a part, so no part can run into the next one.
//!
//! A list of actions is identified by the common prefix of its keys. In each key, the id of the action follows the
//! prefix.

/// Key of the last record that the index contains.
pub(super) fn applied() -> Vec<u8> {
    key(b'm', &[])
}

/// Key of the row of an action.
pub(super) fn row(action: &str) -> Vec<u8> {
    key(b'a', &[action])
}

/// List of all actions of a tenant.
pub(super) fn tenant(tenant: &str) -> Vec<u8> {
    key(b't', &[tenant])
}

/// List of all actions of all tenants that have not ended.
pub(super) fn all_open() -> Vec<u8> {
    key(b'o', &[])
}

/// List of all actions of a tenant that have not ended.
pub(super) fn open(tenant: &str) -> Vec<u8> {
    key(b'o', &[tenant])
}

/// List of all actions that an agent proposed.
pub(super) fn agent(tenant: &str, agent: &str) -> Vec<u8> {
    key(b'g', &[tenant, agent])
}

/// List of all actions on a resource.
pub(super) fn resource(tenant: &str, resource: &str) -> Vec<u8> {
    key(b'r', &[tenant, resource])
}

/// List of all actions of a trace.
pub(super) fn trace(tenant: &str, trace: &str) -> Vec<u8> {
    key(b'x', &[tenant, trace])
}

/// List of all actions that ended with this status.
pub(super) fn ended(tenant: &str, status: &str) -> Vec<u8> {
    key(b's', &[tenant, status])
}

/// Key of one action in a list.
pub(super) fn within(list: &[u8], action: &str) -> Vec<u8> {
    let mut key = list.to_vec();
    push(&mut key, action);
    key
}

/// A key that is greater than every key in a list.
pub(super) fn behind(list: &[u8]) -> Vec<u8> {
    let mut key = list.to_vec();
    if let Some(last) = key.last_mut() {
        *last = last.saturating_add(1);
    }
    key
}

/// Key under which an agent's idempotency key is stored.
pub(super) fn claim(tenant: &str, agent: &str, word: &str) -> Vec<u8> {
    key(b'k', &[tenant, agent, word])
}

/// Key of a nonce that was used.
pub(super) fn nonce(nonce: &str) -> Vec<u8> {
    key(b'n', &[nonce])
}

/// The id of the action to which a key belongs; `None` if the key does not belong to an action.
pub(in super::super) fn action_of(key: &[u8]) -> Option<String> {
    match key.first()? {
        b'a' | b't' | b'o' | b'g' | b'r' | b'x' | b's' => last_part(key),
        _ => None,
    }
}

/// The last part of a key, which is the id of an action and has no zero byte.
pub(super) fn last_part(key: &[u8]) -> Option<String> {
    let parts = key.strip_suffix(&END)?;
    // The last part begins after the terminator of the previous part, or, if it is the only part, after the kind byte.
    let mark = parts.windows(END.len()).rposition(|two| two == END);
    let part = parts.get(mark.map_or(1, |mark| mark + END.len())..)?;
    String::from_utf8(part.to_vec()).ok()
}

/// The terminator of a part. The terminator is smaller than any bytes that can continue a part, and is not a prefix of
/// such bytes.
const END: [u8; 2] = [0, 1];

/// The byte that is written after a zero byte in a name, to distinguish it from a terminator.
const ESCAPED: u8 = 0xff;

fn key(kind: u8, parts: &[&str]) -> Vec<u8> {
    let mut key = vec![kind];
    for part in parts {
        push(&mut key, part);
    }
    key
}

fn push(key: &mut Vec<u8>, part: &str) {
    for byte in part.bytes() {
        key.push(byte);
        if byte == 0 {
            key.push(ESCAPED);
        }
    }
    key.extend_from_slice(&END);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_reaches_into_the_next() {
        let of_tenant = |name: &str, action: &str| within(&tenant(name), action);
        assert_ne!(claim("a", "b\0c", "d"), claim("a\0b", "c", "d"));
        assert!(!of_tenant("ab", "x").starts_with(&tenant("a")));
        assert!(!of_tenant("a\0", "x").starts_with(&tenant("a")));
        assert!(!of_tenant("a\0\u{1}", "x").starts_with(&tenant("a")));
        assert!(of_tenant("a", "1") < of_tenant("a", "10"));
        assert!(of_tenant("a", "1") < of_tenant("a", "2"));
        assert!(of_tenant("a", "\u{10ffff}") < behind(&tenant("a")));
        assert!(behind(&tenant("a")) < of_tenant("a\0", "") && behind(&tenant("a")) < tenant("b"));
    }

    #[test]
    fn a_key_tells_its_action() {
        for list in [tenant("t"), open("t"), resource("t", "a\0b"), ended("t", "verified")] {
            assert_eq!(action_of(&within(&list, "act_1")).as_deref(), Some("act_1"));
        }
        assert_eq!(action_of(&row("act_1")).as_deref(), Some("act_1"));
        assert_eq!(action_of(&claim("t", "a", "k")), None);
        assert_eq!(action_of(&applied()), None);
    }
}
