//! One action while somebody carries it on: its story, its entries, and those that the journal does not have yet.
//!
//! Events that come without anything happening in between become one record. What must be on disk before something
//! else happens is flushed by whoever makes it happen: before a run, a wait or an answer.

use deed_record::lifecycle::event::{Entry, Event};
use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Story;
use deed_store::store::{Append, Durable, Unfit};

use super::Engine;
use super::error::EngineError;
use super::stories::summary;
use super::stored_action::StoredAction;

/// Bytes of events that become one record, where there are several; half of what a record may have.
const TOGETHER: usize = 8 << 20;

/// The story of an action with what its holder has added to it.
#[derive(Debug, Clone)]
pub(super) struct UnitOfWork {
    pub(super) story: Story,
    entries: Vec<Entry>,
    /// The last entries, as the journal will have them.
    pending: Vec<Vec<u8>>,
    /// The status that the journal knows of.
    flushed: Status,
}

/// A point to go back to, at which everything had been flushed.
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

    /// Adds an event, to be flushed later. Where all of it would not fit one record, what is pending is flushed first:
    /// a state may be megabytes, and so may the judgement and the receipt about it.
    pub(super) async fn append(&mut self, engine: &Engine, event: Event) -> Result<(), EngineError> {
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

    /// Gives the journal what it does not have; `durable` waits for the disk. After an error the story is ahead of the
    /// journal: it is read again, or let go.
    pub(super) async fn flush(&mut self, engine: &Engine, durable: bool) -> Result<(), EngineError> {
        if let Some(append) = self.pending(vec![], durable) {
            engine.store.append(append).await?;
            self.flushed(engine);
        }
        Ok(())
    }

    /// Flushes durably, and gives the journal's proof of the last event.
    pub(super) async fn flush_durably(&mut self, engine: &Engine) -> Result<Durable, EngineError> {
        let append = self.pending(vec![], true).ok_or(Unfit::NoEvents)?;
        let proof = engine.store.append_durable(append).await?;
        self.flushed(engine);
        Ok(proof)
    }

    /// What the journal is to be given; nothing where it has all. Once it has it, [`Self::flushed`] is due.
    pub(super) fn pending(&mut self, nonces: Vec<String>, durable: bool) -> Option<Append> {
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

    /// The journal has all of it: admission counts by that.
    pub(super) fn flushed(&mut self, engine: &Engine) {
        engine.admission.moved(self.flushed, &self.story);
        self.flushed = self.story.status;
    }

    /// Where it stands, to come back to it.
    pub(super) fn mark(&self) -> Mark {
        Mark { story: self.story.clone(), entries: self.entries.len() }
    }

    /// Forgets what came after the mark.
    pub(super) fn back_to(&mut self, mark: Mark) {
        self.story = mark.story;
        self.entries.truncate(mark.entries);
        self.pending.clear();
    }
}

impl Engine {
    /// Takes one fact from outside, durably, with nonces that must never have been used. A driver that waits for
    /// something else is told.
    pub(super) async fn append_fact(
        &self,
        told: StoredAction,
        event: Event,
        nonces: Vec<String>,
    ) -> Result<StoredAction, EngineError> {
        let mut work = UnitOfWork::of(told);
        work.append(self, event).await?;
        if let Some(append) = work.pending(nonces, true) {
            self.store.append(append).await?;
            work.flushed(self);
            self.in_flight.facts.tell(&work.story.bound.action.id);
        }
        Ok(work.into_stored())
    }
}
