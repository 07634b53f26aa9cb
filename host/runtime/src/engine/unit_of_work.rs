//! An action while it is being carried on: its story, its entries, and the events that the journal does not have yet.
//!
//! Events without anything happening in between are appended as one record. Code that needs them on disk before
//! something else happens flushes them first: before an attempt, a wait or an answer. A look runs while its start is
//! appended.

use deed_record::lifecycle::event::{Entry, Event};
use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Story;
use deed_store::store::{Append, Durable, Unfit};

use super::Engine;
use super::error::EngineError;
use super::stored_action::StoredAction;
use super::stories::summary;

/// Maximum bytes of several events in one record; half of what a record may have.
const TOGETHER: usize = 8 << 20;

/// The story of an action, with the events that its holder added.
#[derive(Debug, Clone)]
pub(super) struct UnitOfWork {
    pub(super) story: Story,
    entries: Vec<Entry>,
    /// The last entries, as the journal will have them.
    pending: Vec<Vec<u8>>,
    /// The status at the last flush.
    flushed: Status,
}

/// A point to return to, at which everything had been flushed.
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

    /// How many of the story's events the journal has.
    pub(super) fn base(&self) -> u64 {
        self.story.version - self.pending.len() as u64
    }

    /// Adds an event, to be flushed later. If the events together would not fit into one record, the pending ones are
    /// flushed first: a state may be megabytes, and so may the judgement and the receipt about it.
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

    /// Writes pending events to the journal; `durable` waits for the disk. After an error the story is ahead of the
    /// journal: read it again, or drop it.
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

    /// Flushes durably, and returns the journal's proof of the last event.
    pub(super) async fn flush_durably(&mut self, engine: &Engine) -> Result<Durable, EngineError> {
        let append = self.take_pending(vec![], true).ok_or(Unfit::NoEvents)?;
        let proof = engine.store.append_durable(append).await?;
        self.flushed(engine);
        Ok(proof)
    }

    /// Takes the pending events as an append; `None` when the journal has them all. Call [`Self::flushed`] once it was
    /// appended.
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

    /// The journal has all events: updates the counters of admission.
    pub(super) fn flushed(&mut self, engine: &Engine) {
        engine.admission.moved(self.flushed, &self.story);
        self.flushed = self.story.status;
    }

    /// Marks the present state, to return to it.
    pub(super) fn mark(&self) -> Mark {
        Mark { story: self.story.clone(), entries: self.entries.len() }
    }

    /// Drops everything after the mark.
    pub(super) fn back_to(&mut self, mark: Mark) {
        self.story = mark.story;
        self.entries.truncate(mark.entries);
        self.pending.clear();
    }
}

impl Engine {
    /// Appends one fact from outside, durably, with nonces that must never have been used, and notifies a driver that
    /// waits for something else.
    pub(super) async fn append_fact(
        &self,
        told: StoredAction,
        event: Event,
        nonces: Vec<String>,
    ) -> Result<StoredAction, EngineError> {
        let mut work = UnitOfWork::of(told);
        work.append(self, event).await?;
        if let Some(append) = work.take_pending(nonces, true) {
            self.store.append(append).await?;
            work.flushed(self);
            self.in_flight.facts.tell(&work.story.bound.action.id);
        }
        Ok(work.into_stored())
    }
}
