//! Why a store did not do what was asked: what failed, in terms that hold for every store. No error carries what was
//! to be written.

use std::error::Error;
use std::io;

/// What a store of one kind says went wrong below it.
type Cause = Box<dyn Error + Send + Sync>;

/// Why an append was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Another append came first. Read the action again.
    #[error("the action has {actual} events by now; read it again")]
    Conflict { actual: u64 },
    #[error("the idempotency key belongs to `{action}`")]
    KeyTaken { action: String, body_sha256: String },
    #[error("`{nonce}` was used before; it is good once")]
    NonceUsed { nonce: String },
    #[error("this cannot be a record: {0}")]
    Unfit(#[from] Unfit),
    /// Only of [`super::Store::sync_action`]: nothing was waited for.
    #[error("the place of the action's events cannot be read: {0}")]
    Lookup(String),
    #[error("the journal does not write any more: {0}")]
    Failed(#[from] Failure),
}

/// Why no store could hold an append.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("it has no events; give at least one")]
    NoEvents,
    #[error("it has {bytes} bytes, {max} fit; keep large data as payloads")]
    TooLarge { bytes: usize, max: usize },
}

/// Why a store takes no more appends, ever: which step failed, and what the system said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("the journal is closed")]
    Closed,
    #[error("a write failed: {0}")]
    Write(String),
    #[error("a sync failed: {0}")]
    Sync(String),
    #[error("the index failed: {0}")]
    Index(String),
}

/// Why something could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// What is stored is not what was written.
    #[error("{0}")]
    Damaged(#[source] Cause),
    /// The medium did not answer.
    #[error("{0}")]
    Failed(#[source] Cause),
}

/// Why a payload could not be kept or given.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    #[error("`{name}` is no payload; write the 64 lower-case hex digits of a SHA-256")]
    Name { name: String },
    #[error("the payload `{name}` is not what was kept; restore it from a copy")]
    Damaged { name: String },
    #[error("the payload `{name}`: {source}")]
    Io { name: String, source: io::Error },
}
