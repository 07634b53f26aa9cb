//! Errors that every store can return. No error contains the data that was to be written.

use std::error::Error;
use std::io;

/// The underlying error of a particular store.
type Cause = Box<dyn Error + Send + Sync>;

/// Why an append was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Another append to the action was made first; the caller must read the action again.
    #[error("the action already has {actual} events; read the action again")]
    Conflict { actual: u64 },
    #[error("the idempotency key is already used by `{action}`")]
    KeyTaken { action: String, body_sha256: String },
    #[error("the nonce `{nonce}` was used before; a nonce can be used only once")]
    NonceUsed { nonce: String },
    #[error("the journal does not accept the append: {0}")]
    Unfit(#[from] Unfit),
    /// Only [`super::Store::sync_action`] returns this error, without having waited for a sync.
    #[error("the position of the action's events cannot be read: {0}")]
    Lookup(String),
    #[error("the journal accepts no more appends: {0}")]
    Failed(#[from] Failure),
}

/// Why an append is not valid for any store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("an append must have at least one event")]
    NoEvents,
    #[error(
        "an append can have at most {max} bytes, but this one has {bytes}; store large data as payloads"
    )]
    TooLarge { bytes: usize, max: usize },
}

/// Why a store accepts no more appends until it is opened again: which step failed, and the system's message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("the journal is closed")]
    Closed,
    #[error("a write failed: {0}")]
    Write(String),
    #[error("a sync failed: {0}")]
    Sync(String),
    #[error("an operation on the index failed: {0}")]
    Index(String),
}

/// Why stored data could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The stored data differs from the data that was written.
    #[error("{0}")]
    Damaged(#[source] Cause),
    /// The storage did not return the data.
    #[error("{0}")]
    Failed(#[source] Cause),
}

/// Why a payload could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    #[error("invalid payload name `{name}`: use the 64 lower-case hex digits of a SHA-256")]
    Name { name: String },
    #[error("the payload `{name}` does not match its SHA-256; restore it from a copy")]
    Damaged { name: String },
    #[error("the payload `{name}`: {source}")]
    Io { name: String, source: io::Error },
}
