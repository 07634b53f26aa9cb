//! The files that a verification reads: bundles, and directories of public keys. [`html`] has the page that checks
//! bundles in a browser.

pub mod html;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use deed_record::bundle::Files;
use deed_verify::{READ_MAX, Trust, TrustError};

/// Reads at most [`READ_MAX`] bytes of a file.
///
/// # Errors
///
/// Fails when the file cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, ReadError> {
    let failed = |e| ReadError::File(path.to_owned(), e);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(u64::from(READ_MAX)).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Reads the public keys of a trust directory from those files of [`Trust::FILES`] that exist.
///
/// # Errors
///
/// Fails when the directory does not exist, or when a file cannot be read or parsed.
pub fn trust(dir: &Path) -> Result<Trust, ReadError> {
    if !fs::metadata(dir).is_ok_and(|meta| meta.is_dir()) {
        return Err(ReadError::NoDirectory(dir.to_owned()));
    }
    let mut files = Files::new();
    for name in Trust::FILES {
        let path = dir.join(name);
        // A file is skipped only if it certainly does not exist. If an unreadable `log.policy` were skipped, no
        // witnesses would be required.
        if fs::symlink_metadata(&path).is_err_and(|e| e.kind() == ErrorKind::NotFound) {
            continue;
        }
        files.insert(name.to_owned(), read(&path)?);
    }
    Ok(Trust::parse(&files)?)
}

/// Why the input or the trusted keys cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("`{}` is not a directory of keys", .0.display())]
    NoDirectory(PathBuf),
    #[error("`{}`: {_1}", .0.display())]
    File(PathBuf, io::Error),
    #[error(transparent)]
    Trust(#[from] TrustError),
}
