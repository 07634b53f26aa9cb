//! Errors of the engine. Each error says why an action cannot be read or continued, and who has to fix the cause.
//!
//! Faults of an adapter or an upstream are not engine errors, because they become judgements about the action.

use std::fmt;

use deed_record::action::id::IdError;
use deed_record::action::private::OpeningError;
use deed_record::bundle::AssembleError;
use deed_record::contract::ContractError;
use deed_record::lifecycle::story::StoryError;
use deed_record::statement::envelope::EnvelopeError;
use deed_sandbox::grant::GrantError;
use deed_spec::digest::Digest;
use deed_spec::dsse::DsseError;
use deed_spec::json;
use deed_spec::note::NoteError;
use deed_store::log::{LogError, PublishError};
use deed_store::statements::StatementError;
use deed_store::store::{AppendError, Failure, PayloadError, ReadError, Unfit};
use tokio::task::JoinError;

use crate::config::keys::KeyError;
use crate::stage::receipt::SealError;

/// The error of a driver that only waits while the host is stopping. The driver ends and leaves its action unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the host is stopping; it continues the action when it starts again")]
pub struct Stopping;

/// Why an action cannot be read or continued.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("there is no such action")]
    Unknown,
    /// Another event was appended to the action first. The caller must read the action again and continue from there.
    #[error("another event was appended after the action was read; read the action again")]
    Conflict,
    #[error("the idempotency key is already used by {action}")]
    KeyTaken { action: String, body_sha256: String },
    #[error("the nonce was used before")]
    NonceUsed,
    /// The driver stopped waiting because the host is stopping. Nothing was done.
    #[error(transparent)]
    Stopping(#[from] Stopping),

    #[error("the journal cannot be written: {0}")]
    Failed(#[from] Failure),
    #[error("the journal cannot be read: {0}")]
    Read(#[from] ReadError),
    #[error("the journal contains an event that this version cannot read: {0}")]
    Form(#[from] serde_json::Error),
    #[error("the journal contains an action with an invalid id: {0}")]
    Id(#[from] IdError),
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error(transparent)]
    Statement(#[from] StatementError),
    #[error("{what} {digest} was not stored; restore `state/` from a copy")]
    NotKept { what: &'static str, digest: Digest },
    #[error("the checkpoint of the action is not valid: {0}")]
    Checkpoint(#[from] NoteError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Publish(#[from] PublishError),

    #[error("the stored contract of the action cannot be read: {0}")]
    ContractForm(#[from] json::ParseError),
    #[error("the stored contract of the action is not valid: {0}")]
    Contract(#[from] ContractError),
    #[error("the requests of the action cannot be rendered: {0}")]
    Private(#[from] OpeningError),

    #[error("tenant `{0}` is not configured")]
    NoTenant(String),
    #[error("tenant `{0}` has no log")]
    NoLog(String),
    #[error("no configuration is activated for tenant `{0}`")]
    NotActivated(String),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("the journal does not accept the append: {0}")]
    Unfit(#[from] Unfit),
    #[error("the events in the journal are inconsistent: {0}")]
    Story(#[from] StoryError),
    #[error(transparent)]
    Canonical(#[from] json::NotCanonical),
    #[error(transparent)]
    Grant(#[from] GrantError),
    #[error("policy was not evaluated for the action")]
    NotAsked,
    #[error("the question that the host asked policy cannot be rebuilt: {0}")]
    Question(String),
    #[error("the statement cannot be created: {0}")]
    Seal(#[from] SealError),
    #[error("a statement of the action is not valid: {0}")]
    Envelope(#[from] EnvelopeError),
    #[error("a statement of the action is not valid: {0}")]
    Dsse(#[from] DsseError),
    #[error("the bundle cannot be created: {0}")]
    Bundle(#[from] AssembleError),
    #[error("a task of the host was aborted or panicked: {0}")]
    Task(#[from] JoinError),
}

/// The party that has to change something to resolve an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Caller,
    /// The contract that was stored with the action.
    Contract,
    /// The host: its configuration, its keys, the system that it runs on, or its code.
    Host,
    /// The disk, or the data on it.
    Disk,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Caller => "caller",
            Self::Contract => "contract",
            Self::Host => "host",
            Self::Disk => "disk",
        })
    }
}

impl EngineError {
    /// The party that has to resolve this error. Every variant is listed, so that each new variant must be assigned to
    /// a party.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unknown | Self::Conflict | Self::KeyTaken { .. } | Self::NonceUsed => {
                Fault::Caller
            }
            Self::ContractForm(_) | Self::Contract(_) | Self::Private(_) => Fault::Contract,
            Self::Failed(Failure::Closed)
            | Self::Publish(PublishError::Stopped | PublishError::Busy)
            | Self::Log(LogError::Panicked)
            | Self::Stopping(_)
            | Self::NoTenant(_)
            | Self::NoLog(_)
            | Self::NotActivated(_)
            | Self::Key(_)
            | Self::Unfit(_)
            | Self::Story(_)
            | Self::Canonical(_)
            | Self::Grant(_)
            | Self::NotAsked
            | Self::Question(_)
            | Self::Seal(_)
            | Self::Envelope(_)
            | Self::Dsse(_)
            | Self::Bundle(_)
            | Self::Task(_) => Fault::Host,
            Self::Failed(Failure::Write(_) | Failure::Sync(_) | Failure::Index(_))
            | Self::Publish(PublishError::Log(_))
            | Self::Read(_)
            | Self::Form(_)
            | Self::Id(_)
            | Self::Payload(_)
            | Self::Statement(_)
            | Self::NotKept { .. }
            | Self::Checkpoint(_)
            | Self::Log(_) => Fault::Disk,
        }
    }
}

impl From<AppendError> for EngineError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Conflict { .. } => Self::Conflict,
            AppendError::KeyTaken { action, body_sha256 } => Self::KeyTaken { action, body_sha256 },
            AppendError::NonceUsed { .. } => Self::NonceUsed,
            AppendError::Unfit(why) => Self::Unfit(why),
            AppendError::Lookup(why) => Self::Read(ReadError::Failed(why.into())),
            AppendError::Failed(why) => Self::Failed(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_failed_and_whose_fault_it_is() {
        let random = KeyError::Random("not supported".to_owned());
        let write = AppendError::Failed(Failure::Write("no space left".to_owned()));
        let none = AppendError::Unfit(Unfit::NoEvents);
        let activation = EngineError::NotKept { what: "the activation", digest: Digest::of(b"") };
        for (error, fault, text) in [
            (random.into(), Fault::Host, "the system returned no random bytes: not supported"),
            (EngineError::NoLog("acme".to_owned()), Fault::Host, "tenant `acme` has no log"),
            (
                write.into(),
                Fault::Disk,
                "the journal cannot be written: a write failed: no space left",
            ),
            (
                Failure::Closed.into(),
                Fault::Host,
                "the journal cannot be written: the journal is closed",
            ),
            (none.into(), Fault::Host, "the journal does not accept the append: an append must"),
            (activation, Fault::Disk, "the activation sha256:e3b0c442"),
            (EngineError::Unknown, Fault::Caller, "there is no such action"),
        ] {
            let error: EngineError = error;
            assert_eq!(error.fault(), fault, "{error}");
            assert!(error.to_string().starts_with(text), "{error}");
        }
    }
}
