//! Stores and removes the files that a command writes next to the configuration. After a crash, each file is either
//! complete or absent.
//!
//! This module never writes through a link. Stored files belong to the owner of `deed.toml`, who is the user that the
//! host runs as.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};

use cap_std::fs::{
    Dir, DirBuilder, DirBuilderExt as _, MetadataExt as _, OpenOptions, OpenOptionsExt as _,
};
use rustix::fs::{Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use super::{FileError, Files};

/// User id and group id.
type Owner = (u32, u32);

impl Files {
    /// Writes a file that only its owner can read. The folder is created if it is missing.
    ///
    /// Returns false if the folder or the file could not be given to the owner of `deed.toml`.
    ///
    /// # Errors
    ///
    /// Fails when the folder or the file is a link, or when a write fails.
    pub fn keep(&self, folder: &str, name: &str, bytes: &[u8]) -> Result<bool, FileError> {
        let owner = self.dir.metadata("deed.toml").map_err(|e| FileError::of("deed.toml", e))?;
        let owner = (owner.uid(), owner.gid());
        let place = self.folder(folder)?;
        let is_given = give(&place, owner).map_err(|e| FileError::Make(folder.to_owned(), e))?;
        let path = format!("{folder}/{name}");
        let failed = |e| FileError::Make(path.clone(), e);
        let place = Dir::from_std_file(File::from(place));
        if place.symlink_metadata(name).is_ok_and(|meta| meta.is_symlink()) {
            return Err(FileError::Link(path));
        }
        let limit = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.bytes(&path, limit).is_ok_and(|kept| kept == bytes) {
            let file = place.open(name).map_err(failed)?;
            return Ok(give(&file, owner).map_err(failed)? && is_given);
        }
        Ok(replace(&place, name, bytes, owner).map_err(failed)? && is_given)
    }

    /// Removes a file durably from a folder directly below the served directory. Returns false if there is no such file.
    ///
    /// # Errors
    ///
    /// Fails when the folder is a link, or when the file cannot be removed.
    pub fn discard(&self, folder: &str, name: &str) -> Result<bool, FileError> {
        let failed = |e: io::Error| FileError::Remove(format!("{folder}/{name}"), e);
        let place = Dir::from_std_file(File::from(self.folder(folder)?));
        match place.remove_file(name) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            removed => removed.map_err(failed)?,
        }
        rustix::fs::fsync(&place).map_err(|e| failed(e.into()))?;
        Ok(true)
    }

    /// Waits until no other process has locked a folder directly below the served directory, and locks it. The lock ends
    /// when the returned file is dropped.
    ///
    /// # Errors
    ///
    /// Fails when the folder is a link, or when it cannot be locked.
    pub fn lock(&self, folder: &str) -> Result<File, FileError> {
        let file = File::from(self.folder(folder)?);
        file.lock().map_err(|e| FileError::Lock(folder.to_owned(), e))?;
        Ok(file)
    }

    /// Opens a folder directly below the served directory without following a link. A missing folder is created.
    fn folder(&self, name: &str) -> Result<OwnedFd, FileError> {
        let failed = |e| FileError::Make(name.to_owned(), e);
        match self.dir.create_dir_with(name, DirBuilder::new().mode(0o700)) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(failed(e)),
            _ => {}
        }
        let meta = self.dir.symlink_metadata(name).map_err(failed)?;
        if meta.is_symlink() {
            return Err(FileError::Link(name.to_owned()));
        }
        if !meta.is_dir() {
            return Err(FileError::NoFolder(name.to_owned()));
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&self.dir, name, flags, Mode::empty());
        opened.map_err(|e| FileError::Read(name.to_owned(), e.into()))
    }
}

/// Writes a temporary file, then moves it into place, so that a reader sees either the old file or the new file.
fn replace(place: &Dir, name: &str, bytes: &[u8], owner: Owner) -> io::Result<bool> {
    let draft = format!(".{name}.{}", std::process::id());
    // The temporary file may exist, because an earlier process with the same process id may have been killed while it
    // was writing the file.
    place.remove_file(&draft).unwrap_or_default();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = place.open_with(&draft, &options)?;
    let written = file.write_all(bytes).and_then(|()| give(&file, owner));
    let moved = written.and_then(|is_given| {
        file.sync_all()?;
        place.rename(&draft, place, name)?;
        Ok(is_given)
    });
    if moved.is_err() {
        place.remove_file(&draft).unwrap_or_default();
    }
    rustix::fs::fsync(place)?;
    moved
}

/// Changes the owner of a file. Returns false if this process lacks the permission to do so.
fn give(file: impl AsFd, (user, group): Owner) -> io::Result<bool> {
    let meta = rustix::fs::fstat(&file)?;
    if meta.st_uid == user {
        return Ok(true);
    }
    match rustix::fs::fchown(&file, Some(Uid::from_raw(user)), Some(Gid::from_raw(group))) {
        Err(Errno::PERM) => Ok(false),
        given => Ok(given.map(|()| true)?),
    }
}
