//! Lets a driver wait for a run slot, a resource or a time. An external event, an expired approval or a time limit may
//! end the wait first.

use std::time::Instant;

use deed_record::lifecycle::status::Status;

use super::drive::Drive;
use super::error::EngineError;

/// How a wait ended.
pub(super) enum Waited<T> {
    Ready(T),
    /// The wait reached its limit.
    Limit,
    /// The time `over_ms` was reached.
    Over,
}

impl Drive<'_> {
    /// Waits for `ready` until `limit` or until `over_ms` on the host's clock, whichever is earlier.
    ///
    /// The wait ends with [`EngineError::Conflict`] when an external event is appended that this driver has not read,
    /// so that a cancellation takes effect at once. A stop of the host ends the wait with [`EngineError::Stopping`].
    pub(super) async fn wait<T>(
        &self,
        ready: impl Future<Output = T>,
        limit: Option<Instant>,
        over_ms: i64,
    ) -> Result<Waited<T>, EngineError> {
        let in_flight = &self.engine.in_flight;
        let facts = in_flight.facts.of(&self.work.story.bound.action.id);
        let mut ready = std::pin::pin!(ready);
        let mut over = std::pin::pin!(self.engine.clock.until(over_ms));
        let mut late = std::pin::pin!(reached(limit));
        loop {
            let fact = facts.next();
            if self.is_overtaken()? {
                return Err(EngineError::Conflict);
            }
            let first = async {
                tokio::select! {
                    biased;
                    ready = &mut ready => Some(Waited::Ready(ready)),
                    () = &mut late => Some(Waited::Limit),
                    () = &mut over => Some(Waited::Over),
                    () = fact => None,
                }
            };
            if let Some(waited) = in_flight.pause(first).await? {
                return Ok(waited);
            }
        }
    }

    /// Whether the journal has an event of the action that this driver does not know.
    fn is_overtaken(&self) -> Result<bool, EngineError> {
        let row = self.engine.store.row(self.work.story.bound.action.id.as_str())?;
        Ok(row.is_some_and(|row| row.version != self.work.base()))
    }

    /// When the approval request expires; `i64::MAX` if the action does not wait for approval.
    pub(super) fn asked_until_ms(&self) -> i64 {
        let story = &self.work.story;
        let ask = story.ask.as_ref().filter(|_| story.status == Status::Waiting);
        ask.map_or(i64::MAX, |ask| ask.expires_ms)
    }
}

async fn reached(limit: Option<Instant>) {
    match limit {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
