//! The writes that a run has not requested yet, and what was known about each of them before the run.
//!
//! Each entry is used once. If there are several entries for equal requests, the requests take them in the order of the
//! entries. The writes of a plan take their entries by position, because an answer may change what a planned write
//! sends.

use deed_record::exchange::Rendered;

use crate::grant::Once;

#[derive(Debug, Default)]
pub(super) struct Writes(Vec<Once>);

impl Writes {
    pub(super) fn new(writes: Vec<Once>) -> Self {
        Self(writes)
    }

    /// Removes and returns the next entry that equals this request. Returns an empty entry if no such entry is left.
    pub(super) fn take(&mut self, rendered: &Rendered) -> Once {
        match self.0.iter().position(|write| write.request == *rendered) {
            Some(at) => self.0.remove(at),
            None => Once { request: rendered.clone(), key: None, until_ms: None, done: None },
        }
    }
    /// Returns the entry of the write at this position of the plan; `None` if there is no such entry. A course gives
    /// each position once.
    pub(super) fn at(&self, n: usize) -> Option<Once> {
        self.0.get(n).cloned()
    }
}
