//! Reading and extending one action's story in the journal; every append compares and swaps the version.

use deed_record::action::id::ActionId;
use deed_record::lifecycle::event::{Entry, Event};
use deed_record::lifecycle::story::{Story, StoryError};
use deed_record::policy::Policies;
use deed_spec::digest::Digest;
use deed_spec::json;
use deed_store::journal::{Append, AppendError, Claim, Journal, ReadError, Summary};
use serde::{Deserialize, Serialize};

use super::Engine;
use super::in_flight::Stopping;
use super::unit_of_work::Told;

/// The compiled policy set of a decision, kept by its digest for the bundle.
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

/// Why a story cannot be read or extended.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("there is no such action")]
    Unknown,
    /// Somebody else appended first; read again and go on from there.
    #[error("another event came first")]
    Conflict,
    #[error("idempotency key is taken by {action}")]
    KeyTaken { action: String, body_sha256: String },
    #[error("the nonce was used before")]
    NonceUsed,
    #[error("the journal cannot be read: {0}")]
    Read(#[from] ReadError),
    #[error("the journal takes no more: {0}")]
    Failed(String),
    /// A wait was given up; nothing was done.
    #[error(transparent)]
    Stopping(#[from] Stopping),
    #[error("the journal holds an event of another form: {0}")]
    Form(#[from] serde_json::Error),
    #[error("the journal's events make no story: {0}")]
    Story(#[from] StoryError),
    #[error(transparent)]
    Canonical(#[from] json::NotCanonical),
}

/// The story of an action.
pub(crate) fn story(journal: &Journal, id: &str) -> Result<Story, LedgerError> {
    Ok(Story::fold(&entries(journal, id)?)?)
}

fn entries(journal: &Journal, id: &str) -> Result<Vec<Entry>, LedgerError> {
    let (_, events) = journal.events(id)?.ok_or(LedgerError::Unknown)?;
    Ok(events.iter().map(|bytes| serde_json::from_slice(bytes)).collect::<Result<_, _>>()?)
}

impl Engine {
    /// The entries of an action, oldest first.
    pub fn entries(&self, id: &ActionId) -> Result<Vec<Entry>, LedgerError> {
        entries(&self.journal, id.as_str())
    }

    pub fn story(&self, id: &ActionId) -> Result<Story, LedgerError> {
        story(&self.journal, id.as_str())
    }

    /// Writes the first event of a new action. It is on disk before anything leaves, and before the caller is
    /// told of it: see [`Engine::on_disk`].
    pub(crate) async fn begin(
        &self,
        event: Event,
        claim: Option<Claim>,
    ) -> Result<Told, LedgerError> {
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
        self.journal.append(append).await.map_err(refused)?;
        Ok(Told { story, entries: vec![entry] })
    }

    /// Waits until all that is told of an action is on disk.
    pub async fn on_disk(&self, id: &ActionId) -> Result<(), LedgerError> {
        self.journal.sync_action(id.as_str()).await.map_err(refused)
    }

    /// Keeps a payload under the digest of its bytes.
    pub(crate) fn keep(&self, bytes: &[u8]) -> Result<Digest, LedgerError> {
        self.journal.put_payload(bytes).map_err(|e| LedgerError::Failed(e.to_string()))?;
        Ok(Digest::of(bytes))
    }

    /// A payload that was kept, by its digest.
    pub fn kept(&self, digest: Digest) -> Result<Option<Vec<u8>>, LedgerError> {
        self.journal.payload(&digest.hex()).map_err(|e| LedgerError::Failed(e.to_string()))
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

pub(crate) fn refused(error: AppendError) -> LedgerError {
    match error {
        AppendError::Conflict { .. } => LedgerError::Conflict,
        AppendError::KeyTaken { action, body_sha256 } => {
            LedgerError::KeyTaken { action, body_sha256 }
        }
        AppendError::NonceUsed { .. } => LedgerError::NonceUsed,
        AppendError::Refused(why) | AppendError::Failed(why) => LedgerError::Failed(why),
    }
}
