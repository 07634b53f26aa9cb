//! One action's entries while a driver has them, and those that the journal does not have yet. Several that come
//! without anything happening in between become one record.
//!
//! Never holds back what must be on disk before something else happens: whoever runs, waits or answers hands over first.

use deed_record::action::id::ActionId;
use deed_record::lifecycle::event::{Entry, Event};
use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Story;
use deed_store::store::{Append, Durable, Unfit};

use super::Engine;
use super::error::EngineError;
use super::stories::summary;
use super::told::Told;

/// Bytes of events that become one record, where there are several; half of what a record may have.
const TOGETHER: usize = 8 << 20;

/// The entries of the action that a driver has.
#[derive(Debug, Clone)]
pub(super) struct UnitOfWork {
    entries: Vec<Entry>,
    /// The last ones, as the journal will have them.
    unsent: Vec<Vec<u8>>,
    /// The status that the journal knows of.
    sent: Status,
}

impl UnitOfWork {
    pub(super) fn of(told: Told) -> (Story, Self) {
        let sent = told.story.status;
        (told.story, Self { entries: told.entries, unsent: vec![], sent })
    }

    /// How many of the story's events the journal has.
    pub(super) fn base(&self, story: &Story) -> u64 {
        story.version - self.unsent.len() as u64
    }

    /// All of it, for as long as somebody else has the story.
    pub(super) fn take(&mut self) -> Self {
        let (entries, unsent) =
            (std::mem::take(&mut self.entries), std::mem::take(&mut self.unsent));
        Self { entries, unsent, sent: self.sent }
    }

    pub(super) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// What the journal is to be given; nothing where it has all.
    fn append(&mut self, story: &Story, nonces: Vec<String>, durable: bool) -> Option<Append> {
        let expect = self.base(story);
        let events = std::mem::take(&mut self.unsent);
        (!events.is_empty()).then(|| Append {
            action: story.bound.action.id.to_string(),
            expect,
            events,
            summary: summary(story),
            claim: None,
            nonces,
            durable,
        })
    }

    /// Where it stands, to come back to it.
    pub(super) fn mark(&self) -> usize {
        self.entries.len()
    }

    /// Forgets what came after a mark at which everything had been handed over.
    pub(super) fn forget(&mut self, mark: usize) {
        self.entries.truncate(mark);
        self.unsent.clear();
    }
}

impl Engine {
    /// What the journal has of an action.
    pub fn told(&self, id: &ActionId) -> Result<Told, EngineError> {
        let entries = self.entries(id)?;
        Ok(Told { story: Story::fold(&entries)?, entries })
    }

    /// Folds an event in, and keeps it to be handed over. Where both no longer fit one record, what there was
    /// is handed over first: a state may be megabytes, and so may the judgement and the receipt about it.
    pub(super) async fn put(
        &self,
        story: &mut Story,
        pages: &mut UnitOfWork,
        event: Event,
    ) -> Result<(), EngineError> {
        let entry = Entry { at_ms: self.clock.now_ms(), event };
        let bytes = serde_json::to_vec(&entry)?;
        let waits: usize = pages.unsent.iter().map(Vec::len).sum();
        if waits > 0 && waits + bytes.len() > TOGETHER {
            self.hand_over(story, pages, vec![], false).await?;
        }
        story.apply(&entry)?;
        pages.unsent.push(bytes);
        pages.entries.push(entry);
        Ok(())
    }

    /// Hands over to the journal what it does not have; `durable` waits for the disk. After an error the
    /// story is ahead of the journal: it is read again, or let go.
    pub(super) async fn hand_over(
        &self,
        story: &Story,
        pages: &mut UnitOfWork,
        nonces: Vec<String>,
        durable: bool,
    ) -> Result<(), EngineError> {
        let Some(append) = pages.append(story, nonces, durable) else { return Ok(()) };
        self.store.append(append).await?;
        self.handed_over(story, pages);
        Ok(())
    }

    /// Hands over as [`Self::hand_over`] does, waits for the disk, and gives the journal's proof of the last event.
    pub(super) async fn hand_over_durably(
        &self,
        story: &Story,
        pages: &mut UnitOfWork,
    ) -> Result<Durable, EngineError> {
        let append = pages.append(story, vec![], true).ok_or(Unfit::NoEvents)?;
        let proof = self.store.append_durable(append).await?;
        self.handed_over(story, pages);
        Ok(proof)
    }

    fn handed_over(&self, story: &Story, pages: &mut UnitOfWork) {
        self.admission.moved(pages.sent, story);
        pages.sent = story.status;
    }

    /// Takes one fact from outside, durably, with nonces that must never have been used.
    pub(super) async fn append_fact(
        &self,
        told: Told,
        event: Event,
        nonces: Vec<String>,
    ) -> Result<Told, EngineError> {
        let (mut story, mut pages) = UnitOfWork::of(told);
        self.put(&mut story, &mut pages, event).await?;
        self.hand_over(&story, &mut pages, nonces, true).await?;
        Ok(Told { story, entries: pages.entries })
    }
}
