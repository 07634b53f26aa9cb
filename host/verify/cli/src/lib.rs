//! The files that a verification reads: bundles, and directories of public keys.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use deed_record::bundle::Files;
use deed_verify::{Trust, TrustError};

/// A bundle has at most 64 MiB; one byte more is read, so that a longer one is refused.
const READ_MAX: u64 = (64 << 20) + 1;

/// The bytes of a file, at most 64 MiB and one byte. Fails when the file cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, ReadError> {
    let failed = |e| ReadError::File(path.to_owned(), e);
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(READ_MAX).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// The public keys of a trust directory: the files of [`Trust::FILES`] that it contains. Fails when there is no such
/// directory, or a file cannot be read or parsed.
pub fn trust(dir: &Path) -> Result<Trust, ReadError> {
    if !fs::metadata(dir).is_ok_and(|meta| meta.is_dir()) {
        return Err(ReadError::NoDirectory(dir.to_owned()));
    }
    let mut files = Files::new();
    for name in Trust::FILES {
        let path = dir.join(name);
        // A file is left out only if it certainly does not exist: one of them requires witnesses.
        if fs::symlink_metadata(&path).is_err_and(|e| e.kind() == ErrorKind::NotFound) {
            continue;
        }
        files.insert(name.to_owned(), read(&path)?);
    }
    Ok(Trust::parse(&files)?)
}

/// Why there is nothing to verify, or no trust to verify it with.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("`{}` is not a directory of keys", .0.display())]
    NoDirectory(PathBuf),
    #[error("`{}`: {_1}", .0.display())]
    File(PathBuf, io::Error),
    #[error(transparent)]
    Trust(#[from] TrustError),
}
