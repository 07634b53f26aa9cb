//! `deed key rotate`: replaces one of the host's keys while the host is stopped.
//!
//! The process may be killed at any step. The new key is on disk before any statement names it, every log states the
//! new key before the key is used, and one rename puts the key in place. Running the command again continues where it
//! stopped.

use std::path::Path;

use deed_record::action::id;
use deed_record::lifecycle::event::entry;
use deed_record::statement::envelope::Kind;
use deed_record::statement::rotation::{ChangeError, KeyChange, Purpose};
use deed_spec::dsse::{self, key_id};
use deed_spec::note::LogKey;
use deed_store::journal::{self, OpenError};
use deed_store::log::{Log, LogError};
use deed_store::statements::Kept;
use deed_store::store::Store;
use deed_system::clock::Clock;
use deed_system::files::{self, FileError};
use ed25519_dalek::VerifyingKey;
use serde::Serialize;

use crate::config::Config;
use crate::config::keys::{self, KeyError, Keys, Next};
use crate::engine::activate::{ActivateError, publish_open};
use crate::engine::key_history::{Changed, KeyHistory, KeyHistoryError};

/// The result of a rotation.
#[derive(Debug, Serialize)]
pub struct Rotation {
    pub purpose: Purpose,
    /// The key ids of the retired key and of the added key.
    pub retired: String,
    pub added: String,
    /// The logs that state the rotation.
    pub logs: Vec<RotatedLog>,
}

/// Where the log of a tenant states a rotation.
#[derive(Debug, Serialize)]
pub struct RotatedLog {
    pub tenant: String,
    /// The last index of the log at which the old key is valid, and the first index at which the new key is valid.
    pub until_index: u64,
    pub from_index: u64,
}

/// Why a key was not rotated. Completed steps are kept, and running the command again continues from there.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    #[error("the journal cannot be opened: {0}")]
    Journal(#[from] OpenError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    KeyHistory(#[from] KeyHistoryError),
    #[error(transparent)]
    Activate(#[from] ActivateError),
    #[error(transparent)]
    Change(#[from] ChangeError),
    #[error("`state/`: {0}")]
    State(#[from] FileError),
    #[error("`state/log` cannot be read: {0}")]
    Logs(#[from] std::io::Error),
}

/// Rotates the host's key for this purpose. The host must be stopped, because this function takes its locks.
///
/// # Errors
///
/// Fails when the host runs, or when a key, log or statement cannot be read or written.
pub fn rotate(config: &Config, clock: &Clock, purpose: Purpose) -> Result<Rotation, RotateError> {
    journal::version(&config.dir.join("state")).map_err(OpenError::from)?;
    files::make_state(&config.dir)?;
    let hold = journal::take(&config.dir.join("state"))?;
    let keys = keys::load(&config.dir)?;
    let journal = hold.open()?;
    let past = KeyHistory::open(&config.dir, &keys)?;
    let (tenants, now_ms) = (tenants(&config.dir)?, clock.now_ms());
    let rotating = Rotating { config, keys: &keys, store: &journal, past: &past, purpose, now_ms };
    if Next::must_be_none(&config.dir).is_ok() {
        // Checks that the keys on disk are valid according to the log: keys from an older copy must not retire any key.
        for tenant in &tenants {
            past.check_present(tenant, rotating.open(tenant)?.history(), &keys)?;
        }
    }
    let next = Next::make(&config.dir, purpose)?;
    let (old, new) = (keys.of(purpose).verifying_key(), next.public());
    let mut logs = Vec::new();
    for tenant in &tenants {
        logs.extend(rotating.tell(tenant, &old, &new)?);
    }
    next.take_over(&old)?;
    journal.close();
    Ok(Rotation { purpose, retired: id_of(&old)?, added: id_of(&new)?, logs })
}

/// All tenants that have a log in this directory, including tenants that are no longer configured. Fails when the
/// folder of logs cannot be read.
pub(crate) fn tenants(dir: &Path) -> Result<Vec<String>, std::io::Error> {
    let logs = dir.join("state/log");
    if !logs.is_dir() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(logs)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| id::is_name(name));
    names.sort();
    Ok(names)
}

struct Rotating<'a> {
    config: &'a Config,
    keys: &'a Keys,
    store: &'a dyn Store,
    past: &'a KeyHistory,
    purpose: Purpose,
    now_ms: i64,
}

impl Rotating<'_> {
    /// States in a tenant's log that the new key is valid and that the old key is no longer valid, unless the log
    /// states this already.
    fn tell(
        &self,
        tenant: &str,
        old: &VerifyingKey,
        new: &VerifyingKey,
    ) -> Result<Option<RotatedLog>, RotateError> {
        let mut log = self.open(tenant)?;
        let changes = self.past.changes(tenant, log.history())?;
        let is_told = |one: &&Changed| one.kind == Kind::KeyAdded && one.key == *new;
        if let Some(told) = changes.iter().find(is_told) {
            let from_index = told.change.index;
            let until_index = from_index.saturating_sub(1);
            return Ok(Some(RotatedLog { tenant: tenant.to_owned(), until_index, from_index }));
        }
        self.past.check_present(tenant, log.history(), self.keys)?;
        publish_open(self.store, tenant, &mut log)?;
        // The log is empty, so the old key signed nothing in it and readers of the log do not need that key.
        if log.size() == 0 {
            return Ok(None);
        }
        // The old key is valid up to and including the statement that retires it.
        let (until_index, from_index) = (log.size() + 1, log.size() + 2);
        let added = self.statement(tenant, Kind::KeyAdded, new, from_index)?;
        let retired = self.statement(tenant, Kind::KeyRetired, old, until_index)?;
        log.append(&[added, retired])?;
        Ok(Some(RotatedLog { tenant: tenant.to_owned(), until_index, from_index }))
    }

    fn open(&self, tenant: &str) -> Result<Log, RotateError> {
        let origin = format!("{}/{tenant}", self.config.log_origin);
        let key = LogKey::new(&origin, self.keys.log.clone()).map_err(form)?;
        let dir = self.config.dir.join("state/log").join(tenant);
        let retired = self.past.retired(tenant, &origin)?;
        Ok(Log::open_rotated(&dir, &origin, key, &retired)?)
    }

    /// Signs a statement with the receipt key, stores it, and returns its entry for the log.
    fn statement(
        &self,
        tenant: &str,
        kind: Kind,
        key: &VerifyingKey,
        index: u64,
    ) -> Result<Vec<u8>, RotateError> {
        let change = KeyChange {
            tenant: tenant.to_owned(),
            purpose: self.purpose,
            keyid: id_of(key)?,
            key: dsse::to_pem(key).map_err(form)?,
            index,
            by_uid: files::user(),
            at_ms: self.now_ms,
        };
        let envelope = change.statement(kind)?.sign(&self.keys.receipt).map_err(form)?;
        let kept = Kept { envelope, people: vec![] };
        let digest = self.past.statements.put(kind, &kept).map_err(KeyHistoryError::from)?;
        Ok(entry(kind.as_str(), &digest))
    }
}

fn id_of(key: &VerifyingKey) -> Result<String, KeyHistoryError> {
    key_id(key).map_err(form)
}

fn form(error: impl std::fmt::Display) -> KeyHistoryError {
    KeyHistoryError::Form(error.to_string())
}
