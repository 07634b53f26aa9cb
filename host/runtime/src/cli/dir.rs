//! Directories that commands create. The directories are accessible only to their owner, and must be empty before a
//! command fills them.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::out::Failure;

/// Creates a directory and its missing parents, accessible only to their owner. Fails when one of these directories
/// cannot be created.
pub(super) fn private_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Checks that a directory is empty or does not exist yet. Fails when the directory has entries or cannot be read.
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
