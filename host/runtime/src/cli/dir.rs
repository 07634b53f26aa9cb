//! Directories that commands make: private, and filled only when they were empty.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::out::Failure;

/// Makes a directory, with those above it, that only its owner can enter.
pub(super) fn private_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Whether a directory may be filled: it has nothing in it, or is not there yet.
pub(super) fn must_be_empty(dir: &Path) -> Result<(), Failure> {
    match fs::read_dir(dir).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => {
            Err(Failure::Failed(format!("`{}` is not empty; name a new directory", dir.display())))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Failure::Failed(format!("`{}`: {e}", dir.display()))),
    }
}
