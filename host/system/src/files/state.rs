//! Creates and checks the folder `state/`, in which the host writes. The folder must be a real folder that only the
//! host can access.
//!
//! The compile cache contains machine code that the host runs, so every file in the cache must belong to the host's
//! user or root.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

use super::{FileError, OTHERS, WORLD_WRITES, is_ours};

/// Creates `state/` and `state/cache/` of a served directory, or checks the existing folders.
///
/// # Errors
///
/// Fails when a folder cannot be created, is a link or is accessible to other users.
pub fn make(root: &Path) -> Result<(), FileError> {
    for name in ["state", "state/cache"] {
        match DirBuilder::new().mode(0o700).create(root.join(name)) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
                return Err(FileError::Make(name.to_owned(), e));
            }
            _ => check_own(root, name)?,
        }
    }
    check_inside(root, "state", false)?;
    if root.join("state/log").is_dir() {
        check_inside(root, "state/log", false)?;
    }
    check_inside(root, "state/cache", true)
}

pub(super) fn check_own(root: &Path, name: &str) -> Result<(), FileError> {
    let meta = lstat(root, name)?;
    let mode = meta.mode() & 0o7777;
    if meta.is_symlink() {
        Err(FileError::Link(name.to_owned()))
    } else if !meta.is_dir() {
        Err(FileError::NoFolder(name.to_owned()))
    } else if !is_ours(meta.uid()) {
        Err(FileError::Owner(name.to_owned(), meta.uid()))
    } else if mode & OTHERS != 0 {
        Err(FileError::Entered(name.to_owned(), mode))
    } else {
        Ok(())
    }
}

/// Fails when the folder contains a link or a file that other users could have written. If `deep` is set, the
/// subfolders of the folder are checked too.
pub(super) fn check_inside(root: &Path, folder: &str, deep: bool) -> Result<(), FileError> {
    let failed = |e| FileError::Read(folder.to_owned(), e);
    for entry in fs::read_dir(root.join(folder)).map_err(failed)? {
        let name = format!("{folder}/{}", entry.map_err(failed)?.file_name().to_string_lossy());
        let meta = match lstat(root, &name) {
            // The file may be missing because another process that compiles adapters has just replaced it.
            Err(FileError::Read(_, e)) if e.kind() == io::ErrorKind::NotFound => continue,
            meta => meta?,
        };
        let mode = meta.mode() & 0o7777;
        if meta.is_symlink() {
            return Err(FileError::Link(name));
        }
        if mode & WORLD_WRITES != 0 || !is_ours(meta.uid()) {
            return Err(FileError::Planted(name, mode));
        }
        if deep && meta.is_dir() {
            check_inside(root, &name, true)?;
        }
    }
    Ok(())
}

fn lstat(root: &Path, name: &str) -> Result<fs::Metadata, FileError> {
    fs::symlink_metadata(root.join(name)).map_err(|e| FileError::Read(name.to_owned(), e))
}
