//! The proof that an append is on disk.

use super::Append;

/// Proof that the last event of one append to an action is on disk, together with all earlier appends.
///
/// Only a store of this crate creates a proof, after the sync that covers the append. A proof cannot be created or
/// copied outside of the crate, and reading a proof consumes it, so a proof represents one append of this process:
///
/// - the action and the event are those that were appended, not what a caller claims;
/// - the proof is taken by value, so that one append can start only one attempt.
#[derive(Debug)]
#[must_use = "the append was made, but its proof is lost"]
pub struct Durable {
    action: String,
    event: Vec<u8>,
}

impl Durable {
    /// Creates the proof of an append that is on disk. The arguments are the values that [`Self::parts_of`] returned
    /// before the append was submitted.
    pub(crate) fn new(action: String, event: Vec<u8>) -> Self {
        Self { action, event }
    }

    /// The action and the event that the proof of an append would contain.
    pub(crate) fn parts_of(append: &Append) -> (String, Vec<u8>) {
        // An append without events is refused, so the default value is never part of a proof.
        (append.action.clone(), append.events.last().cloned().unwrap_or_default())
    }

    /// Consumes the proof and returns the id of the action, and the bytes of the last event as they were appended.
    pub fn into_parts(self) -> (String, Vec<u8>) {
        (self.action, self.event)
    }
}
