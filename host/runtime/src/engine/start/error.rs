//! Errors that prevent the host from starting. Each error says what failed and what to do.

use deed_system::files::FileError;
use std::path::PathBuf;

use deed_record::action::id::{ActionId, IdError};
use deed_record::timeline::utc;
use deed_sandbox::EngineError as SandboxError;
use deed_spec::note::KeyError as NoteKeyError;
use deed_store::journal::{OpenError, VersionError};
use deed_store::log::LogError;
use deed_store::store::ReadError;

use crate::config::{Fault, keys};
use crate::engine::activate::ActivateError;
use crate::engine::error::EngineError;
use crate::engine::key_history::KeyHistoryError;

/// Why the host does not start. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0}")]
    Config(Fault),
    #[error(transparent)]
    Key(#[from] keys::KeyError),
    #[error("the version of `state/` cannot be used: {0}")]
    Version(#[from] VersionError),
    #[error("`state/` cannot be used: {0}")]
    State(#[source] FileError),
    #[error("the sandbox cannot be created: {0}")]
    Sandbox(#[from] SandboxError),
    #[error("the journal cannot be opened: {0}")]
    Open(#[from] OpenError),
    #[error("the journal cannot be read: {0}")]
    Read(#[from] ReadError),
    #[error("the journal cannot be read: {0}")]
    Id(#[from] IdError),
    #[error("the journal cannot be read: {0}")]
    Story(#[source] EngineError),
    #[error(
        "the journal cannot be read: its index lists {0} as open but has no row for this action"
    )]
    NoRow(String),
    #[error("the key history of this host cannot be read: {0}")]
    KeyHistory(#[from] KeyHistoryError),
    #[error("the log has no valid origin: {0}")]
    Origin(#[from] NoteKeyError),
    #[error("the log cannot be opened: {0}")]
    Log(#[from] LogError),
    /// The host logs the activated configuration before it accepts proposals, so a tenant that has actions but no log
    /// has lost its log. A new log would be a fork.
    #[error(
        "a log is missing: there is no `{}`, but the journal has {action} of tenant `{tenant}`; restore the whole \
         directory from one copy", folder.display()
    )]
    LogMissing { folder: PathBuf, action: String, tenant: String },
    #[error("the configuration cannot be activated: {0}")]
    Activate(#[from] ActivateError),
    #[error("contracts and policies cannot be stored: {0}")]
    Keep(#[source] EngineError),
    #[error(
        "deed.toml lacks a tenant that is still needed: {action} of tenant `{tenant}` has not ended; put the tenant \
         back until it has"
    )]
    TenantNeeded { action: ActionId, tenant: String },
    /// The clock was set back, so approvals and idempotency keys would be valid for too long.
    #[error(
        "the clock was set back: the system's time is {}, but the journal has an event of {}; correct the clock, or \
         start the host after that time", utc(*now_ms), utc(*latest_ms)
    )]
    ClockBehind { now_ms: i64, latest_ms: i64 },
}
