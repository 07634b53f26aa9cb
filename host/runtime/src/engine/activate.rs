//! Activates the configuration on every startup. If the configuration differs from the last activation in the log, a
//! new activation is signed and logged.
//!
//! The activation is in the log before any action runs under the configuration. Envelopes of open actions are logged
//! first, so that statements signed under the old configuration precede the new activation.

use std::collections::{BTreeMap, HashSet};

use deed_record::lifecycle::event::{Leaf, entry};
use deed_record::lifecycle::story::Story;
use deed_record::statement::envelope::{EnvelopeError, Kind};
use deed_spec::digest::Digest;
use deed_store::log::{Log, LogError};
use deed_store::store::Store;

use super::error::EngineError;
use super::key_history::{KeyHistory, KeyHistoryError};
use super::stories;
use crate::config::keys::Keys;
use crate::config::{Config, Tenant};
use crate::stage::activation;

/// Why a configuration cannot be activated, or keys cannot be rotated.
#[derive(Debug, thiserror::Error)]
pub enum ActivateError {
    #[error(transparent)]
    KeyHistory(#[from] KeyHistoryError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
}

/// The payload digest of the activation in force, by tenant.
pub(crate) type Activated = BTreeMap<String, Digest>;

/// The parts of a starting host that are needed to activate its configuration.
pub(crate) struct Starting<'a> {
    pub(crate) config: &'a Config,
    pub(crate) keys: &'a Keys,
    pub(crate) store: &'a dyn Store,
    pub(crate) key_history: &'a KeyHistory,
    pub(crate) now_ms: i64,
}

impl Starting<'_> {
    /// Returns the payload digest of the activation in force for this tenant. The activation is in the log when this
    /// function returns. Fails when a statement cannot be read or written, or the log refuses the leaf.
    pub(crate) fn activate(&self, tenant: &Tenant, log: &mut Log) -> Result<Digest, ActivateError> {
        let now = activation::of(self.config, tenant, self.now_ms)?;
        if let Some((digest, last)) = self.key_history.activated(log.history())?
            && last.is_same(&now)
        {
            return Ok(digest);
        }
        publish_open(self.store, &tenant.name, log)?;
        let kept = activation::sign(&now, tenant, &self.keys.receipt)?;
        let digest = self
            .key_history
            .statements
            .put(Kind::Activated, &kept)
            .map_err(KeyHistoryError::from)?;
        log.append(&[entry(Kind::Activated.as_str(), &digest)])?;
        Ok(digest)
    }
}

/// Appends to the log those envelopes of a tenant's open actions that the log does not contain yet. Returns the number
/// of appended envelopes. Fails when an open action cannot be read or the log refuses the leaves.
pub(crate) fn publish_open(
    store: &dyn Store,
    tenant: &str,
    log: &mut Log,
) -> Result<usize, ActivateError> {
    let (mut entries, mut known) = (Vec::new(), HashSet::new());
    for id in store.open_actions().map_err(EngineError::from)? {
        let row = store.row(&id).map_err(EngineError::from)?;
        if row.is_none_or(|row| row.summary.tenant != tenant) {
            continue;
        }
        for entry in leaves(&stories::story(store, &id)?)?.iter().map(Leaf::entry) {
            if log.index_of(&entry)?.is_none() && known.insert(entry.clone()) {
                entries.push(entry);
            }
        }
    }
    if !entries.is_empty() {
        log.append(&entries)?;
    }
    Ok(entries.len())
}

/// The log entries (leaves) of every envelope that an action's story contains or depends on, without their log indexes.
/// The leaves of the statements about the action come first, followed by the leaves of its activations, which are in
/// the log already.
pub(crate) fn leaves(story: &Story) -> Result<Vec<Leaf>, EngineError> {
    let leaf = |kind: Kind, payload| Leaf { kind: kind.as_str().to_owned(), payload, index: 0 };
    let mut leaves = Vec::new();
    for (kind, envelope) in &story.chain {
        leaves.push(leaf(*kind, envelope.payload_digest()?));
    }
    leaves.extend(story.activations().into_iter().map(|digest| leaf(Kind::Activated, digest)));
    Ok(leaves)
}
