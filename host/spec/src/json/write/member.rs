//! Which of two members comes first: by the code units of their keys (RFC 8785 section 3.2.3), read where they are
//! written.

use std::cmp::Ordering;

use crate::json::text::by_code_units;

/// Where a member stands in the bytes: its key without the quotes from `start` + 1 to `key_end`.
#[derive(Clone, Copy)]
pub(super) struct Member {
    pub(super) start: usize,
    pub(super) key_end: usize,
    pub(super) end: usize,
    /// The first bytes of a key in ASCII, the first one highest: most keys differ there. None of another key.
    pub(super) begins: Option<u64>,
}

impl Member {
    fn key<'a>(&self, out: &'a [u8]) -> &'a [u8] {
        out.get(self.start + 1..self.key_end).unwrap_or_default()
    }

    pub(super) fn order(&self, other: &Self, out: &[u8]) -> Ordering {
        let (left, right) = (self.key(out), other.key(out));
        if let (Some(begins), Some(other)) = (self.begins, other.begins) {
            return begins.cmp(&other).then_with(|| left.cmp(right));
        }
        match (std::str::from_utf8(left), std::str::from_utf8(right)) {
            (Ok(left), Ok(right)) => by_code_units(left, right),
            _ => left.cmp(right),
        }
    }
}

/// A shorter key is as if it went on with zeros, which no plain key has.
pub(super) fn begins(key: &[u8]) -> u64 {
    let mut first = [0; 8];
    first.iter_mut().zip(key).for_each(|(place, byte)| *place = *byte);
    u64::from_be_bytes(first)
}
