//! Directories that commands create: private, and filled only if they were empty.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::out::Failure;

/// Creates a directory and its parents, which only the owner can enter. Fails when that is not possible.
pub(super) fn private_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Checks that a directory is empty or does not exist yet. Fails when it is not, or cannot be read.
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
