//! The check directly before the first byte of a write.
//!
//! The upstream, or its proxy, decides how long it takes to connect. The approval may have expired meanwhile, or a
//! reload may have revoked something, although the intent was declared in time.

use super::{Halt, Job};
use crate::WriteStep;

impl Job {
    /// Asks once more whether a write may be sent.
    pub(super) async fn may_still_send(&self) -> Result<(), Halt> {
        match self.keep.as_ref().filter(|_| self.request.public.writes) {
            Some(keep) => keep(WriteStep::Sending).await.map_err(Halt::NotSent),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
