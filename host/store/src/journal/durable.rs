//! The proof that an append is on disk. Only the journal makes one, and only after the sync that covers the append.

use super::{Append, AppendError, Journal};

/// Proof that the last event of one append to an action is on disk, with everything before it.
///
/// It cannot be built, copied or read from outside, so it stands for one append of this process:
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
    /// Uses the proof up: the id of the action, and the bytes of the last event as they were appended.
    pub fn into_parts(self) -> (String, Vec<u8>) {
        (self.action, self.event)
    }
}

impl Journal {
    /// Appends as [`Journal::append`] does, waits for the disk whatever `append.durable` says, and proves it.
    pub async fn append_durable(&self, append: Append) -> Result<Durable, AppendError> {
        let action = append.action.clone();
        // An append without events is refused, so the default is never part of a proof.
        let event = append.events.last().cloned().unwrap_or_default();
        self.append(Append { durable: true, ..append }).await?;
        Ok(Durable { action, event })
    }
}
