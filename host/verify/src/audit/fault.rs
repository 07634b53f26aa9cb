//! The faults that an audit can find: the file, what is wrong with it, and whether that proves a fault of the log.

use deed_spec::merkle::OutOfRange;
use deed_spec::note::NoteError;
use deed_spec::tlog::CHECKPOINT;

use crate::Verdict;

/// The first thing that does not hold. The file is reported separately.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("no log key is trusted; use the verifier key of the log")]
    NoKey { file: String },
    #[error("it could not be read: {why}")]
    Fetch { file: String, why: String },
    #[error("there is no checkpoint, so nothing here is signed; is this a log?")]
    NoCheckpoint,
    #[error(
        "the checkpoint is missing, and an older one shows that there was one; the log was rolled back"
    )]
    CheckpointGone,
    #[error("{source}")]
    Note { file: String, source: NoteError },
    #[error("it is of the log `{origin}`, not of `{names}`")]
    OtherLog { file: String, origin: String, names: String },
    #[error("`{name}` has {was} entries and the log now has {size}: the log was rolled back")]
    RolledBack { name: String, was: u64, size: u64 },
    #[error(
        "the first {was} entries of the log's {size} are not those of `{name}`: the log was forked"
    )]
    Forked { name: String, was: u64, size: u64 },
    #[error("the tiles do not prove that the tree of {size} extends that of {was} in `{name}`")]
    Proof { name: String, was: u64, size: u64 },
    #[error("it is missing, and the tree of the checkpoint needs it")]
    Missing { file: String },
    #[error("it {why}")]
    Damaged { file: String, why: String },
    #[error(
        "entry {index} of the log is not an entry of deed: `urn:deed:entry:v1`, a kind and a digest"
    )]
    Entry { file: String, index: u64 },
    #[error("hash {hash} of the tile does not match the entries")]
    Tile { file: String, hash: usize },
    #[error("the {size} entries and their tiles do not have the root that was signed")]
    Root { size: u64 },
    #[error("{why}; only a witness can distinguish this tree from another tree of the same log")]
    Unwitnessed { why: String },
    #[error(transparent)]
    Range(#[from] OutOfRange),
}

impl Fault {
    /// A log that could not be read is not proved faulty.
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
