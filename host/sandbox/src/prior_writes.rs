//! The writes that a run has not asked for yet, with what is known of each beforehand.
//!
//! Each entry is used once: equal requests match in the order in which they were made.

use deed_record::exchange::Rendered;

use crate::grant::Once;

#[derive(Debug, Default)]
pub(super) struct Writes(Vec<Once>);

impl Writes {
    pub(super) fn new(writes: Vec<Once>) -> Self {
        Self(writes)
    }

    /// What is known of the next write that equals this one.
    pub(super) fn take(&mut self, rendered: &Rendered) -> Once {
        match self.0.iter().position(|write| write.request == *rendered) {
            Some(at) => self.0.remove(at),
            None => Once { request: rendered.clone(), key: None, until_ms: None, done: None },
        }
    }
}
