//! The events between the start and the end of an attempt. All of them belong to the attempt's epoch, a number that
//! identifies this run.
//!
//! Events of an epoch other than the running attempt's epoch are refused.

use std::sync::Arc;

use super::{Intended, Running, Story, StoryError};
use crate::exchange::Fate;
use crate::lifecycle::event::Event;
use crate::statement::envelope::Kind;

impl Story {
    /// Applies the events between the start of an attempt and its end.
    pub(super) fn run(&mut self, event: Event, at_ms: i64) {
        match event {
            Event::AttemptStarted { n, epoch, deadline_ms, decision } => {
                self.chain.push((Kind::Decision, decision));
                self.attempted_under = self.activations();
                self.attempted_on = self.decision.clone().zip(self.activated);
                self.epoch = epoch;
                self.running = Some(Running {
                    n,
                    epoch,
                    started_ms: at_ms,
                    deadline_ms,
                    writes: vec![],
                    ended: vec![],
                });
            }
            Event::WriteIntended {
                ordinal, request_sha256, deadline_ms, idempotency_key, ..
            } => {
                let intended =
                    Intended { ordinal, request_sha256, deadline_ms, idempotency_key, at_ms };
                self.running.iter_mut().for_each(|run| run.writes.push(intended.clone()));
            }
            Event::WriteEnded { exchange, .. } => {
                self.running.iter_mut().for_each(|run| run.ended.push(Arc::clone(&exchange)));
            }
            Event::AttemptEnded { attempt } => {
                self.running = None;
                self.pre_is_spent = true;
                let attempt = Arc::unwrap_or_clone(attempt);
                Arc::make_mut(&mut self.attempts).push(attempt);
            }
            _ => {}
        }
    }

    /// Checks that an event belongs to the running attempt and its epoch, so that a writer of an old epoch cannot add
    /// events.
    pub(super) fn check_epoch(&self, event: &Event) -> Result<(), StoryError> {
        let stale = |n: u32, epoch: u64| StoryError::StaleEpoch {
            event: event.name(),
            n,
            epoch,
            now: self.epoch,
        };
        let is_now = |n: u32, epoch: Option<u64>| {
            self.running
                .as_ref()
                .is_some_and(|run| run.n == n && epoch.is_none_or(|epoch| run.epoch == epoch))
        };
        match event {
            Event::AttemptStarted { n, epoch, .. }
                if *epoch <= self.epoch || *n != self.next_attempt() =>
            {
                Err(stale(*n, *epoch))
            }
            Event::WriteIntended { n, epoch, .. } if !is_now(*n, *epoch) => {
                Err(stale(*n, epoch.unwrap_or_default()))
            }
            Event::WriteEnded { n, epoch, .. } if !is_now(*n, Some(*epoch)) => {
                Err(stale(*n, *epoch))
            }
            Event::WriteEnded { exchange, .. } => {
                let ordinal = exchange.ordinal;
                let unsent = exchange.carried_from.is_some() || exchange.fate == Fate::NotSent;
                let open = self.running.as_ref().is_some_and(|run| {
                    (unsent || run.writes.iter().any(|write| write.ordinal == ordinal))
                        && run.ended.iter().all(|ended| ended.ordinal != ordinal)
                });
                if open { Ok(()) } else { Err(StoryError::NotIntended(ordinal)) }
            }
            Event::AttemptEnded { attempt } if !is_now(attempt.n, None) => {
                Err(stale(attempt.n, self.epoch))
            }
            _ => Ok(()),
        }
    }
}
