//! What can go wrong with the journal, one enum per operation: each names the file, and says what
//! to do where a person must act. They never carry what was to be written.

use std::path::PathBuf;

use super::index::IndexError;
use super::version::VersionError;
use crate::store;

/// Why the journal does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "`{}` is in use by another process, such as `deed serve` or `deed key rotate`; stop that one \
         first. Nothing was changed", dir.display()
    )]
    Locked { dir: PathBuf },
    #[error(
        "`{}` has a bad record at offset {offset} and good ones after it; the disk changed what was \
         written: restore the file from a copy, or accept the loss by moving it away", path.display()
    )]
    Damaged { path: PathBuf, offset: u64 },
    #[error(
        "`{}` at offset {offset} does not follow the record before it; files are missing, mixed or \
         changed: restore the whole directory from one copy", path.display()
    )]
    Chain { path: PathBuf, offset: u64 },
    #[error(
        "`{}` at offset {offset} is whole but not of this version; start the version that wrote it",
        path.display()
    )]
    Format { path: PathBuf, offset: u64 },
    #[error("`{}` is missing; restore the whole directory from one copy", path.display())]
    Missing { path: PathBuf },
    #[error(
        "`{}` is good up to offset {good}, and HEAD says that {wanted} bytes of it were on disk, up to record \
         {record}; the disk changed what was written: restore the whole directory from one copy, or accept \
         the loss by emptying HEAD", path.display()
    )]
    Shorter { path: PathBuf, good: u64, wanted: u64, record: u64 },
    #[error(
        "`{}` had {length} bytes at least, its HEAD says, and has fewer; it was cut: restore the whole \
         directory from one copy, or accept the loss by emptying HEAD", path.display()
    )]
    Cut { path: PathBuf, length: u64 },
    #[error(
        "`{}` is missing; restore the whole directory from one copy, or put an empty file there to accept \
         whatever was lost with it", path.display()
    )]
    NoHead { path: PathBuf },
    #[error("`{}` is not what was written; restore the whole directory from one copy", path.display())]
    Head { path: PathBuf },
    #[error(transparent)]
    Version(VersionError),
    #[error("`{}`: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("the journal's index cannot be made: {0}")]
    Index(#[from] IndexError),
}

/// Why something could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("`{}` has a bad record at offset {offset}; restore it from a copy", path.display())]
    Damaged { path: PathBuf, offset: u64 },
    #[error("the index of `{action}` points at another action; restart the host to check it")]
    OtherAction { action: String },
    #[error("`{}`: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("the journal's index does not read: {0}")]
    Index(#[from] IndexError),
}

/// A reader is told whether the bytes are wrong or the disk does not give them; the text names the file either way.
impl From<ReadError> for store::ReadError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io { .. } | ReadError::Index(IndexError::Io(_)) => {
                Self::Failed(error.into())
            }
            error => Self::Damaged(error.into()),
        }
    }
}

impl From<IndexError> for store::ReadError {
    fn from(error: IndexError) -> Self {
        ReadError::Index(error).into()
    }
}
