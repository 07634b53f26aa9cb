//! How a driver waits for a slot, a resource or a time: a fact from outside, an expiry or a limit may come first.

use std::time::Instant;

use deed_record::lifecycle::status::Status;

use super::drive::Drive;
use super::error::EngineError;

/// How a wait ended.
pub(super) enum Waited<T> {
    Ready(T),
    /// It took as long as it may.
    Limit,
    /// The time came that was given with it.
    Over,
}

impl Drive<'_> {
    /// Waits for `ready`, until `limit` at most, or until our clock says `over_ms`.
    ///
    /// A fact that this driver does not know of ends the wait as a conflict: a cancellation counts at once. A stop of
    /// the host ends it as [`EngineError::Stopping`].
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

    /// Whether something happened to the action that this driver does not know of.
    fn is_overtaken(&self) -> Result<bool, EngineError> {
        let row = self.engine.store.row(self.work.story.bound.action.id.as_str())?;
        Ok(row.is_some_and(|row| row.version != self.work.base()))
    }

    /// When what people were asked for is over, while it is they that are waited for.
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
