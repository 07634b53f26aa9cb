//! Waits of a driver for a slot, a resource or a time. An outside fact, an expiry or a limit may end them first.

use std::time::Instant;

use deed_record::lifecycle::status::Status;

use super::drive::Drive;
use super::error::EngineError;

/// How a wait ended.
pub(super) enum Waited<T> {
    Ready(T),
    /// It took as long as it may.
    Limit,
    /// The given time was reached.
    Over,
}

impl Drive<'_> {
    /// Waits for `ready`, until `limit` at most, or until `over_ms` by the host's clock.
    ///
    /// An outside fact that this driver does not know ends the wait as a conflict, so that a cancellation counts at
    /// once. A stop of the host ends it as [`EngineError::Stopping`].
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

    /// When the approval request expires, while the action waits for it.
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
