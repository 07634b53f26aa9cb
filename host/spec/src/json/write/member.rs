//! The order of members by the UTF-16 code units of their keys (RFC 8785 section 3.2.3). Keys are read from the output
//! that was already written.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::json::text::by_code_units;

/// The position of a member in the output. The key without its quotes is at `start` + 1 to `key_end`.
#[derive(Clone, Copy)]
pub(super) struct Member {
    pub(super) start: usize,
    pub(super) key_end: usize,
    pub(super) end: usize,
    /// The first eight bytes of a plain ASCII key as a big-endian number; `None` for any other key. Most keys differ in
    /// these bytes.
    pub(super) begins: Option<u64>,
}

impl Member {
    fn key<'a>(&self, out: &'a [u8]) -> &'a [u8] {
        out.get(self.start + 1..self.key_end).unwrap_or_default()
    }

    pub(super) fn order(&self, other: &Self, out: &[u8]) -> Ordering {
        if let (Some(begins), Some(others)) = (self.begins, other.begins) {
            return begins.cmp(&others).then_with(|| self.key(out).cmp(other.key(out)));
        }
        let key = |of: &Self| key_text(out, of.start, of.key_end);
        by_code_units(&key(self), &key(other))
    }
}

/// The key whose text in the output, including quotes, is at `start..=end`.
pub(super) fn key_text(out: &[u8], start: usize, end: usize) -> Cow<'_, str> {
    let written = out.get(start + 1..end).unwrap_or_default();
    if written.contains(&b'\\') {
        let quoted = out.get(start..=end).unwrap_or_default();
        // The writer produced these escapes, so the key can be parsed as a JSON string.
        return Cow::Owned(serde_json::from_slice(quoted).unwrap_or_default());
    }
    String::from_utf8_lossy(written)
}

/// The first eight bytes of a key. A shorter key is padded with zeros, which no plain key contains.
pub(super) fn begins(key: &[u8]) -> u64 {
    let mut first = [0; 8];
    first.iter_mut().zip(key).for_each(|(place, byte)| *place = *byte);
    u64::from_be_bytes(first)
}
