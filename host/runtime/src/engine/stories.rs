//! Reads an action's story from the journal, and appends the first event of a new action. An append succeeds only if
//! the action still has the version (number of events) that the writer read.

use deed_record::action::id::ActionId;
use deed_record::lifecycle::event::{Entry, Event};
use deed_record::lifecycle::outcome::Outcome;
use deed_record::lifecycle::story::Story;
use deed_record::policy::Policies;
use deed_spec::digest::Digest;
use deed_store::store::{Append, Filter, KeyClaim, Page, Row, Span, Store, Summary};
use serde::{Deserialize, Serialize};

use super::Engine;
use super::error::EngineError;
use super::search::Search;
use super::stored_action::StoredAction;

/// The compiled policy set that made a decision. The set is stored by its digest, so that bundles can contain the set.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredPolicies {
    pub policies: String,
    pub schema: String,
}

impl StoredPolicies {
    pub fn of(policies: &Policies) -> Self {
        Self { policies: policies.text().to_owned(), schema: policies.schema().to_owned() }
    }
}

/// The story of an action. Fails when the action does not exist or its events are inconsistent.
pub(crate) fn story(store: &dyn Store, id: &str) -> Result<Story, EngineError> {
    Ok(Story::fold(&entries(store, id)?)?)
}

fn entries(store: &dyn Store, id: &str) -> Result<Vec<Entry>, EngineError> {
    let (_, events) = store.events(id)?.ok_or(EngineError::Unknown)?;
    Ok(events.iter().map(|bytes| serde_json::from_slice(bytes)).collect::<Result<_, _>>()?)
}

impl Engine {
    /// The entries of an action, oldest first.
    ///
    /// # Errors
    ///
    /// Fails when the action does not exist or the journal cannot be read.
    pub fn entries(&self, id: &ActionId) -> Result<Vec<Entry>, EngineError> {
        entries(&*self.store, id.as_str())
    }

    /// The action as it is recorded in the journal.
    ///
    /// # Errors
    ///
    /// Fails when the action does not exist or its events are inconsistent.
    pub fn load(&self, id: &ActionId) -> Result<StoredAction, EngineError> {
        let entries = self.entries(id)?;
        Ok(StoredAction { story: Story::fold(&entries)?, entries })
    }

    /// How long ago the latest event of an ended action was appended, in milliseconds; `None` if the action has not
    /// ended.
    ///
    /// # Errors
    ///
    /// Fails when the action does not exist or the index cannot be read.
    pub fn ended_for_ms(&self, id: &ActionId) -> Result<Option<i64>, EngineError> {
        let Summary { status, ended, at_ms, .. } =
            self.store.row(id.as_str())?.ok_or(EngineError::Unknown)?.summary;
        // An action with an open outcome has a receipt too.
        let has_ended = ended || status == Outcome::Indeterminate.as_str();
        Ok(has_ended.then(|| self.clock.now_ms().saturating_sub(at_ms)))
    }

    /// Whether the action was proposed before this process began.
    pub fn is_older_than_this_process(&self, story: &Story) -> bool {
        story.proposed_ms < self.clock.began_ms()
    }

    /// The story of an action.
    ///
    /// # Errors
    ///
    /// Fails when the action does not exist or its events are inconsistent.
    pub fn story(&self, id: &ActionId) -> Result<Story, EngineError> {
        story(&*self.store, id.as_str())
    }

    /// A part of the list of a tenant's actions that match the filter, newest first. Data about actions that have not
    /// ended is on disk before it is returned.
    ///
    /// # Errors
    ///
    /// Fails when the index cannot be read or the journal cannot be synced.
    pub async fn page(
        &self,
        tenant: &str,
        filter: Filter,
        span: Span,
    ) -> Result<Page, EngineError> {
        self.search(tenant, Search { filter, ..Search::default() }, span).await
    }

    pub(super) async fn on_disk_if_open(&self, rows: &[(String, Row)]) -> Result<(), EngineError> {
        if rows.iter().any(|(_, row)| !row.summary.ended) && self.failed().is_none() {
            self.store.sync().await?;
        }
        Ok(())
    }

    /// Appends the first event of a new action without waiting for the disk. The HTTP handler waits for
    /// [`Engine::on_disk`] before it answers the caller, and an attempt waits until its start event is durable.
    pub(crate) async fn begin(
        &self,
        event: Event,
        claim: Option<KeyClaim>,
    ) -> Result<StoredAction, EngineError> {
        let entry = Entry { at_ms: self.clock.now_ms(), event };
        let story = Story::fold(std::slice::from_ref(&entry))?;
        let append = Append {
            action: story.bound.action.id.to_string(),
            expect: 0,
            events: vec![serde_json::to_vec(&entry)?],
            summary: summary(&story),
            claim,
            nonces: vec![],
            durable: false,
        };
        self.store.append(append).await?;
        Ok(StoredAction { story, entries: vec![entry] })
    }

    /// Waits until all events of an action that callers may have been told about are on disk.
    ///
    /// # Errors
    ///
    /// Fails when the journal cannot be synced.
    pub async fn on_disk(&self, id: &ActionId) -> Result<(), EngineError> {
        Ok(self.store.sync_action(id.as_str()).await?)
    }

    /// Reads a stored payload by its digest. Returns `None` if no such payload is stored.
    ///
    /// # Errors
    ///
    /// Fails when the payload cannot be read.
    pub fn kept(&self, digest: Digest) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.store.payload(&digest.hex())?)
    }
}

pub(crate) fn summary(story: &Story) -> Summary {
    let action = &story.bound.action;
    Summary {
        tenant: action.tenant.clone(),
        agent: action.principal.clone(),
        contract: action.contract.name.clone(),
        resource: action.resource.clone(),
        status: story.status.word().to_owned(),
        ended: story.status.is_final(),
        at_ms: story.at_ms,
        trace: story.trace.clone(),
    }
}
