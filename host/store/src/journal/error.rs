//! Errors of the journal, one enum per operation. An error names the file, and the remedy if a person must act. An
//! error never contains the data that was to be written.

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
        "`{}` has a bad record at offset {offset} and good ones after it: the disk changed written data; \
        restore the file from a copy, or accept the loss by moving it away", path.display()
    )]
    Damaged { path: PathBuf, offset: u64 },
    #[error(
        "the record at offset {offset} of `{}` does not follow the record before it: files are missing, mixed or \
        changed; restore the whole directory from one copy", path.display()
    )]
    Chain { path: PathBuf, offset: u64 },
    #[error(
        "the record at offset {offset} of `{}` is intact but was written by another version of `deed`; start that \
        version", path.display()
    )]
    Format { path: PathBuf, offset: u64 },
    #[error("`{}` is missing; restore the whole directory from one copy", path.display())]
    Missing { path: PathBuf },
    #[error(
        "`{}` is good up to offset {good}, but HEAD records that {wanted} bytes of it were on disk, up to record \
        {record}: the disk changed written data; restore the whole directory from one copy, or accept the loss by \
        emptying HEAD", path.display()
    )]
    Shorter { path: PathBuf, good: u64, wanted: u64, record: u64 },
    #[error(
        "`{}` has fewer than the {length} bytes that HEAD records: it was truncated; restore the whole directory \
        from one copy, or accept the loss by emptying HEAD", path.display()
    )]
    Cut { path: PathBuf, length: u64 },
    #[error(
        "`{}` is missing; restore the whole directory from one copy, or create it as an empty file to accept \
        any loss that it would have shown", path.display()
    )]
    NoHead { path: PathBuf },
    #[error("`{}` is damaged; restore the whole directory from one copy", path.display())]
    Head { path: PathBuf },
    #[error(transparent)]
    Version(VersionError),
    #[error("`{}`: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("the journal's index cannot be built: {0}")]
    Index(#[from] IndexError),
}

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("`{}` has a bad record at offset {offset}; restore the file from a copy", path.display())]
    Damaged { path: PathBuf, offset: u64 },
    #[error(
        "the index entry of `{action}` points to a record of another action; restart the host, which checks the index"
    )]
    OtherAction { action: String },
    #[error("`{}`: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("the journal's index cannot be read: {0}")]
    Index(#[from] IndexError),
}

/// Distinguishes damaged data from data that the disk does not return. The error text names the file, whether the data
/// is damaged or the disk does not return it.
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
