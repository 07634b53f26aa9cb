//! Stores and removes the files that a command writes next to the configuration. After a crash, each file is either
//! complete or absent.
//!
//! This module never writes through a link. Stored files belong to the owner of `deed.toml`, who is the user that the
//! host runs as.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd;

use cap_std::fs::{Dir, MetadataExt as _, OpenOptions, OpenOptionsExt as _};
use rustix::fs::{Gid, Uid};
use rustix::io::Errno;

use super::{FileError, Files, inside, vault};

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
        let owner = self.owner()?;
        let place = self.folder(folder)?;
        let is_given = give(&place, owner).map_err(|e| FileError::Make(folder.to_owned(), e))?;
        let path = format!("{folder}/{name}");
        let failed = |e| FileError::Make(path.clone(), e);
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

    /// Writes a new file that only its owner can read. The folder is created if it is missing. The caller must not call
    /// this function for the same file in two threads.
    ///
    /// Returns false if the folder or the file could not be given to the owner of `deed.toml`.
    ///
    /// # Errors
    ///
    /// Fails when the file exists, when the folder is a link, or when a write fails.
    pub fn keep_new(&self, folder: &str, name: &str, bytes: &[u8]) -> Result<bool, FileError> {
        let owner = self.owner()?;
        let place = self.folder(folder)?;
        let is_given = give(&place, owner).map_err(|e| FileError::Make(folder.to_owned(), e))?;
        let path = format!("{folder}/{name}");
        match create(&place, name, bytes, owner) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Err(FileError::Exists(path)),
            created => Ok(created.map_err(|e| FileError::Make(path, e))? && is_given),
        }
    }

    /// User and group of `deed.toml`.
    fn owner(&self) -> Result<Owner, FileError> {
        let meta = self.dir.metadata("deed.toml").map_err(|e| FileError::of("deed.toml", e))?;
        Ok((meta.uid(), meta.gid()))
    }

    /// Removes a file durably from a folder of the served directory. Returns false if there is no such file.
    ///
    /// # Errors
    ///
    /// Fails when the folder is a link, or when the file cannot be removed.
    pub fn discard(&self, folder: &str, name: &str) -> Result<bool, FileError> {
        let failed = |e: io::Error| FileError::Remove(format!("{folder}/{name}"), e);
        let place = self.folder(folder)?;
        match place.remove_file(name) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            removed => removed.map_err(failed)?,
        }
        rustix::fs::fsync(&place).map_err(|e| failed(e.into()))?;
        Ok(true)
    }

    /// Waits until no other process has locked a folder of the served directory, and locks it. The lock ends when the
    /// returned file is dropped.
    ///
    /// # Errors
    ///
    /// Fails when the folder is a link, or when it cannot be locked.
    pub fn lock(&self, folder: &str) -> Result<File, FileError> {
        let file = self.folder(folder)?.into_std_file();
        file.lock().map_err(|e| FileError::Lock(folder.to_owned(), e))?;
        Ok(file)
    }

    /// Opens a folder of the served directory without following a link on the path. A missing folder is created, but
    /// not the folders that lead to it.
    fn folder(&self, path: &str) -> Result<Dir, FileError> {
        let mut place = self.dir.try_clone().map_err(|e| FileError::Read(".".to_owned(), e))?;
        let (mut walked, mut steps) = (String::new(), inside(path)?.components().peekable());
        while let Some(step) = steps.next() {
            let step = step.as_os_str();
            if !walked.is_empty() {
                walked.push('/');
            }
            walked.push_str(&step.to_string_lossy());
            if steps.peek().is_none() {
                vault::make(&place, step).map_err(|e| FileError::Make(walked.clone(), e))?;
            }
            let missing = || FileError::Make(walked.clone(), io::ErrorKind::NotFound.into());
            place = vault::open(&place, step, &walked)?.ok_or_else(missing)?;
        }
        Ok(place)
    }
}

/// Writes a temporary file, then moves it into place, so that a reader sees either the old file or the new file.
fn replace(place: &Dir, name: &str, bytes: &[u8], owner: Owner) -> io::Result<bool> {
    let draft = draft(name);
    let moved = write(place, &draft, bytes, owner).and_then(|is_given| {
        place.rename(&draft, place, name)?;
        Ok(is_given)
    });
    if moved.is_err() {
        place.remove_file(&draft).unwrap_or_default();
    }
    rustix::fs::fsync(place)?;
    moved
}

/// Writes a temporary file, then links it to its name. Unlike a rename, a link never replaces a file.
fn create(place: &Dir, name: &str, bytes: &[u8], owner: Owner) -> io::Result<bool> {
    let draft = draft(name);
    let linked = write(place, &draft, bytes, owner).and_then(|is_given| {
        place.hard_link(&draft, place, name)?;
        Ok(is_given)
    });
    place.remove_file(&draft).unwrap_or_default();
    rustix::fs::fsync(place)?;
    linked
}

/// The name of the temporary file.
fn draft(name: &str) -> String {
    format!(".{name}.{}", std::process::id())
}

/// Writes a temporary file durably. Returns false if the file could not be given to its owner.
fn write(place: &Dir, draft: &str, bytes: &[u8], owner: Owner) -> io::Result<bool> {
    // The temporary file may exist, because an earlier process with the same process id may have been killed while it
    // was writing the file.
    place.remove_file(draft).unwrap_or_default();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = place.open_with(draft, &options)?;
    file.write_all(bytes)?;
    let is_given = give(&file, owner)?;
    file.sync_all()?;
    Ok(is_given)
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
