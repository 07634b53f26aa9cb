//! An action that a driver is processing: its story, its entries, and the events that the journal does not have yet.
//!
//! Consecutive events without an external effect in between are appended as one record. The driver flushes pending
//! events before an attempt, a wait or an answer to a caller. An observation runs while its start event is appended.

use deed_record::lifecycle::event::{Entry, Event};
use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Story;
use deed_store::store::{Append, Durable, KeyClaim, Unfit};

use super::Engine;
use super::error::EngineError;
use super::stored_action::StoredAction;
use super::stories::summary;

/// Maximum number of bytes of several events in one record, which is half the maximum size of a record.
const TOGETHER: usize = 8 << 20;

/// The story of an action, including the events that its driver has added and not yet flushed.
#[derive(Debug, Clone)]
pub(super) struct UnitOfWork {
    pub(super) story: Story,
    entries: Vec<Entry>,
    /// The entries that the journal does not have yet, in encoded form.
    pending: Vec<Vec<u8>>,
    /// The status of the action at the last flush.
    flushed: Status,
}

/// A saved state to which the unit of work can return. A state is saved only when all events have been flushed.
pub(super) struct Mark {
    story: Story,
    entries: usize,
}

impl UnitOfWork {
    pub(super) fn of(told: StoredAction) -> Self {
        let StoredAction { story, entries } = told;
        let flushed = story.status;
        Self { story, entries, pending: vec![], flushed }
    }

    pub(super) fn into_stored(self) -> StoredAction {
        StoredAction { story: self.story, entries: self.entries }
    }

    /// The number of the story's events that are in the journal.
    pub(super) fn base(&self) -> u64 {
        self.story.version - self.pending.len() as u64
    }

    /// Adds an event, which is flushed later. If the events would not fit into one record together, the pending events
    /// are flushed first: an observed state may have megabytes, and so may its judgement and its receipt.
    pub(super) async fn append(
        &mut self,
        engine: &Engine,
        event: Event,
    ) -> Result<(), EngineError> {
        let entry = Entry { at_ms: engine.clock.now_ms(), event };
        let bytes = serde_json::to_vec(&entry)?;
        let pending: usize = self.pending.iter().map(Vec::len).sum();
        if pending > 0 && pending + bytes.len() > TOGETHER {
            self.flush(engine, false).await?;
        }
        self.story.apply(&entry)?;
        self.pending.push(bytes);
        self.entries.push(entry);
        Ok(())
    }

    /// Writes pending events to the journal; with `durable`, waits for the disk. After an error the story contains
    /// events that the journal does not have, so the caller must reload or drop the story.
    pub(super) async fn flush(
        &mut self,
        engine: &Engine,
        durable: bool,
    ) -> Result<(), EngineError> {
        if let Some(append) = self.take_pending(vec![], durable) {
            engine.store.append(append).await?;
            self.flushed(engine);
        }
        Ok(())
    }

    /// Flushes the pending events durably, and returns the journal's proof for the last event.
    pub(super) async fn flush_durably(&mut self, engine: &Engine) -> Result<Durable, EngineError> {
        let append = self.take_pending(vec![], true).ok_or(Unfit::NoEvents)?;
        let proof = engine.store.append_durable(append).await?;
        self.flushed(engine);
        Ok(proof)
    }

    /// Takes the pending events as an append; `None` when no event is pending. Call [`Self::flushed`] after the append.
    pub(super) fn take_pending(&mut self, nonces: Vec<String>, durable: bool) -> Option<Append> {
        let expect = self.base();
        let events = std::mem::take(&mut self.pending);
        (!events.is_empty()).then(|| Append {
            action: self.story.bound.action.id.to_string(),
            expect,
            events,
            summary: summary(&self.story),
            claim: None,
            nonces,
            durable,
        })
    }

    /// Updates the counters of admission and what waits for people, after all pending events were written to the
    /// journal.
    pub(super) fn flushed(&mut self, engine: &Engine) {
        engine.admission.moved(self.flushed, &self.story);
        engine.waiting_list.moved(self.flushed, &self.story);
        self.flushed = self.story.status;
    }

    /// Saves the present state, so that [`Self::back_to`] can restore it.
    pub(super) fn mark(&self) -> Mark {
        Mark { story: self.story.clone(), entries: self.entries.len() }
    }

    /// Drops all events that were added after the mark was made.
    pub(super) fn back_to(&mut self, mark: Mark) {
        self.story = mark.story;
        self.entries.truncate(mark.entries);
        self.pending.clear();
    }
}

impl Engine {
    /// Durably appends one external event, and notifies the driver of the action if that driver waits. The append fails
    /// if one of the nonces was used before.
    pub(super) async fn append_fact(
        &self,
        told: StoredAction,
        event: Event,
        nonces: Vec<String>,
    ) -> Result<StoredAction, EngineError> {
        self.append_with(told, event, nonces, None).await
    }

    /// Like [`Self::append_fact`], with a claim, which the append fails to make if the claim is held.
    pub(super) async fn append_with(
        &self,
        told: StoredAction,
        event: Event,
        nonces: Vec<String>,
        claim: Option<KeyClaim>,
    ) -> Result<StoredAction, EngineError> {
        let mut work = UnitOfWork::of(told);
        work.append(self, event).await?;
        if let Some(append) = work.take_pending(nonces, true) {
            self.store.append(Append { claim, ..append }).await?;
            work.flushed(self);
            self.in_flight.facts.tell(&work.story.bound.action.id);
        }
        Ok(work.into_stored())
    }
}
