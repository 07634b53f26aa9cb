//! The proof that an append is on disk.

use super::Append;

/// Proof that the last event of one append to an action is on disk, with everything before it.
///
/// Only a store of this crate makes one, after the sync that covers the append. It cannot be built
/// or copied outside, and reading it uses it up, so it stands for one append of this process:
///
/// - the action and the event are those that were appended, not what a caller says of them;
/// - it is taken by value, so that one append starts one thing.
#[derive(Debug)]
#[must_use = "the append stands, and the proof of it is lost"]
pub struct Durable {
    action: String,
    event: Vec<u8>,
}

impl Durable {
    /// For a store, once the append is on disk: what [`Self::parts_of`] gave before it was handed over.
    pub(crate) fn new(action: String, event: Vec<u8>) -> Self {
        Self { action, event }
    }

    /// What an append would prove.
    pub(crate) fn parts_of(append: &Append) -> (String, Vec<u8>) {
        // An append without events is refused, so the default is never part of a proof.
        (append.action.clone(), append.events.last().cloned().unwrap_or_default())
    }

    /// Uses the proof up: the id of the action, and the bytes of the last event as they were appended.
    pub fn into_parts(self) -> (String, Vec<u8>) {
        (self.action, self.event)
    }
}
