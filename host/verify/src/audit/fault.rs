//! The faults that an audit can find: the file, what is wrong with it, and whether the fault proves that the log is
//! faulty.

use deed_spec::merkle::OutOfRange;
use deed_spec::note::NoteError;
use deed_spec::tlog::CHECKPOINT;

use crate::Verdict;

/// The first fault that an audit found. The text of a fault does not contain the file name, which is reported
/// separately.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("no log key is trusted; use the verifier key of the log")]
    NoKey { file: String },
    #[error("the file could not be read: {why}")]
    Fetch { file: String, why: String },
    #[error("there is no checkpoint, so nothing in this log is signed; is the directory a log?")]
    NoCheckpoint,
    #[error(
        "the checkpoint is missing, but an older checkpoint shows that the log had one; the log was rolled back"
    )]
    CheckpointGone,
    #[error("{source}")]
    Note { file: String, source: NoteError },
    #[error("the checkpoint belongs to the log `{origin}`, not to `{names}`")]
    OtherLog { file: String, origin: String, names: String },
    #[error("`{name}` has {was} entries, but the log now has {size}: the log was rolled back")]
    RolledBack { name: String, was: u64, size: u64 },
    #[error(
        "the first {was} of the log's {size} entries are not the entries of `{name}`: the log was forked"
    )]
    Forked { name: String, was: u64, size: u64 },
    #[error(
        "the tiles do not prove that the log of {size} entries extends the {was} entries of `{name}`"
    )]
    Proof { name: String, was: u64, size: u64 },
    #[error("the file is missing, but the tree of the checkpoint needs it")]
    Missing { file: String },
    #[error("the file {why}")]
    Damaged { file: String, why: String },
    #[error(
        "entry {index} of the log is not an entry of deed, which has `urn:deed:entry:v1`, a kind and a digest"
    )]
    Entry { file: String, index: u64 },
    #[error("hash {hash} of the tile does not match the entries")]
    Tile { file: String, hash: usize },
    #[error(
        "the root hash of the {size} entries and their tiles is not the one in the signed checkpoint"
    )]
    Root { size: u64 },
    #[error(
        "{why}; without a witness, an auditor cannot know whether the log shows others a different tree"
    )]
    Unwitnessed { why: String },
    #[error(transparent)]
    Range(#[from] OutOfRange),
}

impl Fault {
    /// The verdict for this fault. If the log could not be read, the verdict is `unverifiable`, not `failed`.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::NoKey { .. }
            | Self::Fetch { .. }
            | Self::NoCheckpoint
            | Self::Unwitnessed { .. } => Verdict::Unverifiable,
            _ => Verdict::Failed,
        }
    }

    /// The file in which the fault was found.
    pub fn file(&self) -> &str {
        match self {
            Self::NoKey { file }
            | Self::Fetch { file, .. }
            | Self::Note { file, .. }
            | Self::OtherLog { file, .. }
            | Self::Missing { file }
            | Self::Damaged { file, .. }
            | Self::Entry { file, .. }
            | Self::Tile { file, .. } => file,
            Self::NoCheckpoint
            | Self::CheckpointGone
            | Self::RolledBack { .. }
            | Self::Forked { .. }
            | Self::Proof { .. }
            | Self::Root { .. }
            | Self::Unwitnessed { .. }
            | Self::Range(_) => CHECKPOINT,
        }
    }
}
