//! Keys of the index: takes names, gives bytes whose order is that of the names. Each part ends with
//! a mark that cannot stand inside one, so no part can reach into the next.

/// How far the index has come.
pub(super) fn applied() -> Vec<u8> {
    key(b'm', &[])
}

/// The row of an action.
pub(super) fn row(action: &str) -> Vec<u8> {
    key(b'a', &[action])
}

/// All places of an action's records.
pub(super) fn places(action: &str) -> Vec<u8> {
    key(b'e', &[action])
}

/// The place of the record that brought an action to this version.
pub(super) fn place(action: &str, version: u64) -> Vec<u8> {
    [places(action).as_slice(), &version.to_be_bytes()].concat()
}

/// All actions of a tenant.
pub(super) fn tenant(tenant: &str) -> Vec<u8> {
    key(b't', &[tenant])
}

/// An action among those of its tenant.
pub(super) fn of_tenant(tenant: &str, action: &str) -> Vec<u8> {
    key(b't', &[tenant, action])
}

/// All actions that have not ended.
pub(super) fn all_open() -> Vec<u8> {
    key(b'o', &[])
}

/// An action among those that have not ended.
pub(super) fn open(action: &str) -> Vec<u8> {
    key(b'o', &[action])
}

/// An idempotency key of an agent.
pub(super) fn claim(tenant: &str, agent: &str, word: &str) -> Vec<u8> {
    key(b'k', &[tenant, agent, word])
}

/// A nonce that was used.
pub(super) fn nonce(nonce: &str) -> Vec<u8> {
    key(b'n', &[nonce])
}

/// The action that a key is about, where it is about one.
pub(in super::super) fn action_of(key: &[u8]) -> Option<String> {
    let (kind, rest) = key.split_first()?;
    let part = match kind {
        b'a' | b'e' | b'o' => 0,
        b't' => 1,
        _ => return None,
    };
    // No id of an action has a zero byte, so the first mark behind it is its end.
    let mut parts = rest.split(|byte| *byte == 0);
    let bytes = parts.nth(part)?;
    // Behind a mark's zero comes its other byte.
    let bytes = if part == 0 { bytes } else { bytes.strip_prefix(&[1])? };
    String::from_utf8(bytes.to_vec()).ok()
}

/// Ends a part. Smaller than anything that can follow inside one, and no beginning of it.
const END: [u8; 2] = [0, 1];

/// Behind a zero byte that belongs to the part.
const ESCAPED: u8 = 0xff;

fn key(kind: u8, parts: &[&str]) -> Vec<u8> {
    let mut key = vec![kind];
    for part in parts {
        for byte in part.bytes() {
            key.push(byte);
            if byte == 0 {
                key.push(ESCAPED);
            }
        }
        key.extend_from_slice(&END);
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_reaches_into_the_next() {
        assert_ne!(claim("a", "b\0c", "d"), claim("a\0b", "c", "d"));
        assert!(!of_tenant("ab", "x").starts_with(&tenant("a")));
        assert!(!of_tenant("a\0", "x").starts_with(&tenant("a")));
        assert!(!of_tenant("a\0\u{1}", "x").starts_with(&tenant("a")));
        assert!(of_tenant("a", "1") < of_tenant("a", "10"));
        assert!(of_tenant("a", "1") < of_tenant("a", "2"));
    }
}
