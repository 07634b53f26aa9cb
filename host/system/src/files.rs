//! Reads the files of a served directory by their paths relative to the directory.
//!
//! Nothing outside the directory is read, even if the directory contains links. A file is read only if it is a regular
//! file, is not longer than its limit and is not world-writable. Private files must be accessible to their owner only.

pub mod code;
mod error;
mod free_space;
mod keep;
pub mod path_walk;
mod record;
mod stamp;
mod state;
mod vault;

use std::io::{self, Read as _};
use std::path::{Component, Path};
use std::sync::{Arc, Mutex, PoisonError};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata, MetadataExt as _};
use zeroize::Zeroizing;

pub use self::error::{FileError, is_quotable, quoted};
pub use self::free_space::{FreeSpace, room};
pub use self::record::Record;
pub use self::stamp::Stamp;
pub use self::state::make as make_state;

/// Maximum size of `deed.toml`. Even a file with a thousand tenants is smaller than this limit.
pub const CONFIG_MAX: u64 = 1 << 20;
/// Maximum size of a contract or policy. The limit is low because people must be able to read the text before they
/// accept it.
pub const TEXT_MAX: u64 = 256 << 10;
/// Maximum size of an adapter. The limit leaves room for an interpreter that is compiled into a component, which has
/// about 40 MiB.
pub const ADAPTER_MAX: u64 = 64 << 20;
/// Maximum size of a PEM file with public keys or CA certificates.
pub const PEM_MAX: u64 = 1 << 20;
/// Maximum number of files in one folder.
pub const NAMES_MAX: usize = 1_000;

/// Permission bits, in this order: others may write; group or others may write; group or others have any access.
const WORLD_WRITES: u32 = 0o002;
const OTHERS_WRITE: u32 = 0o022;
const OTHERS: u32 = 0o077;

/// A served directory. The directory is opened once, so later reads use the same directory even if it is moved.
#[derive(Debug)]
pub struct Files {
    dir: Dir,
    /// What is read, from the start of a record to its end. All copies of this value share the record.
    record: Arc<Mutex<Option<Record>>>,
}

impl Files {
    /// Opens a served directory.
    ///
    /// # Errors
    ///
    /// Fails when the directory cannot be opened.
    pub fn open(root: &Path) -> Result<Self, FileError> {
        let dir = Dir::open_ambient_dir(root, ambient_authority());
        dir.map(|dir| Self { dir, record: Arc::default() })
            .map_err(|e| FileError::Read(root.display().to_string(), e))
    }

    /// From this call on, records what is read, also through copies of this value.
    pub fn start_record(&self) {
        *self.record.lock().unwrap_or_else(PoisonError::into_inner) = Some(Record::default());
    }

    /// Ends the record and returns it; `None` if none was started.
    pub fn end_record(&self) -> Option<Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Reads a file of at most `max` bytes.
    ///
    /// # Errors
    ///
    /// Fails when the file is longer than `max`, is not a regular file inside the directory, is world-writable, or
    /// cannot be read.
    pub fn bytes(&self, path: &str, max: u64) -> Result<Vec<u8>, FileError> {
        self.bytes_and_owner(path, max).map(|(bytes, _)| bytes)
    }

    /// Reads a file like [`Self::bytes`], and returns also the id of the user that owns it.
    ///
    /// # Errors
    ///
    /// Fails as [`Self::bytes`] does.
    pub fn bytes_and_owner(&self, path: &str, max: u64) -> Result<(Vec<u8>, u32), FileError> {
        let (mut bytes, meta) = self.read(path, max, check_shared)?;
        Ok((std::mem::take(&mut *bytes), meta.uid()))
    }

    /// Reads a file like [`Self::bytes`], but returns its content as text.
    ///
    /// # Errors
    ///
    /// Fails as [`Self::bytes`] does, and when the file is not UTF-8.
    pub fn text(&self, path: &str, max: u64) -> Result<String, FileError> {
        String::from_utf8(self.bytes(path, max)?).map_err(|_| FileError::NotText(path.to_owned()))
    }

    /// Reads a secret or private key.
    ///
    /// # Errors
    ///
    /// Fails unless the file belongs to the host's user or root, and only its owner may read or write it.
    pub fn private(&self, path: &str, max: u64) -> Result<Zeroizing<Vec<u8>>, FileError> {
        inside(path)?;
        for folder in crate::files::path_walk::folders(&self.dir, path)?
            .into_iter()
            .filter(|folder| folder != ".")
        {
            let mode = self.mode(&folder)?;
            if mode & OTHERS_WRITE != 0 {
                return Err(FileError::Folder(folder, mode));
            }
        }
        self.read(path, max, check_private).map(|(bytes, _)| bytes)
    }

    /// The stamp of a file, or of the directory itself for the path `.`. It changes when the file is replaced or written.
    /// Links on the path are followed.
    ///
    /// # Errors
    ///
    /// Fails when the path leaves the directory, or there is no such file.
    pub fn stamp(&self, path: &str) -> Result<Stamp, FileError> {
        let meta = match path {
            "." => self.dir.dir_metadata(),
            path => self.dir.metadata(inside(path)?),
        };
        meta.map(|meta| Stamp::of(&meta)).map_err(|e| FileError::of(path, e))
    }

    /// The sorted names in a folder. The list is empty if the folder does not exist.
    ///
    /// # Errors
    ///
    /// Fails when the folder cannot be read or has too many files.
    pub fn names(&self, folder: &str) -> Result<Vec<String>, FileError> {
        let names = self.list(folder)?;
        self.note(|record| record.folder(folder, &names));
        Ok(names)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, FileError> {
        let failed = |e| FileError::of(folder, e);
        let entries = match self.dir.read_dir(inside(folder)?) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let name = |entry: io::Result<cap_std::fs::DirEntry>| {
            entry.map(|entry| entry.file_name().to_string_lossy().into_owned())
        };
        let names: io::Result<Vec<String>> = entries.take(NAMES_MAX + 1).map(name).collect();
        let mut names = names.map_err(failed)?;
        if names.len() > NAMES_MAX {
            return Err(FileError::Many(folder.to_owned()));
        }
        names.sort();
        Ok(names)
    }

    /// Writes or replaces a file of the served directory.
    ///
    /// # Errors
    ///
    /// Fails when the path leaves the directory or the file cannot be written.
    pub fn write(&self, path: &str, bytes: &[u8]) -> Result<(), FileError> {
        self.dir.write(inside(path)?, bytes).map_err(|e| FileError::of(path, e))
    }

    /// The same served directory, for a party that reads a file again later. A record that is under way has also what
    /// this party reads.
    ///
    /// # Errors
    ///
    /// Fails when the process cannot open another descriptor.
    pub fn again(&self) -> Result<Self, FileError> {
        let dir = self.dir.try_clone().map_err(|e| FileError::Read(".".to_owned(), e))?;
        Ok(Self { dir, record: Arc::clone(&self.record) })
    }

    /// Whether the group of a folder, or other users, may add and replace files in the folder.
    pub fn is_a_groups(&self, folder: &str) -> bool {
        self.mode(folder).is_ok_and(|mode| mode & OTHERS_WRITE != 0)
    }

    fn read(
        &self,
        path: &str,
        max: u64,
        check: impl Fn(&str, &Metadata) -> Result<(), FileError>,
    ) -> Result<(Zeroizing<Vec<u8>>, Metadata), FileError> {
        let failed = |e| FileError::of(path, e);
        let relative = inside(path)?;
        for folder in crate::files::path_walk::folders(&self.dir, path)? {
            let mode = self.mode(&folder)?;
            if mode & WORLD_WRITES != 0 {
                return Err(FileError::Writable(folder, mode));
            }
        }
        // Opening a named pipe would block, so the file type is checked before the file is opened, and again on the
        // opened file.
        check_kind(path, &self.dir.metadata(relative).map_err(failed)?)?;
        let file = self.dir.open(relative).map_err(failed)?;
        let meta = file.metadata().map_err(failed)?;
        check_kind(path, &meta)?;
        check(path, &meta)?;
        let long = || FileError::Long(path.to_owned(), max);
        if meta.len() > max {
            return Err(long());
        }
        // The whole buffer is allocated at once, because a growing buffer would leave copies of a secret in memory.
        let room = usize::try_from(meta.len()).map_err(|_| long())?.saturating_add(1);
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        file.take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length <= max) {
            // A write during the reading changes the times of the file, so the stamp from before the reading differs
            // from a later one.
            self.note(|record| record.file(path, Stamp::of(&meta)));
            Ok((bytes, meta))
        } else {
            Err(long())
        }
    }

    /// Adds to the record, if one is under way.
    fn note(&self, add: impl FnOnce(&mut Record)) {
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(record) = record.as_mut() {
            add(record);
        }
    }

    fn mode(&self, folder: &str) -> Result<u32, FileError> {
        let meta = if folder == "." { self.dir.dir_metadata() } else { self.dir.metadata(folder) };
        Ok(meta.map_err(|e| FileError::of(folder, e))?.mode() & 0o7777)
    }
}

/// Checks that a path below the served directory is relative and has no `..`.
fn inside(path: &str) -> Result<&Path, FileError> {
    let plain = |component: Component<'_>| matches!(component, Component::Normal(_));
    if path.is_empty() || !Path::new(path).components().all(plain) {
        return Err(FileError::Outside(path.to_owned()));
    }
    Ok(Path::new(path))
}

fn check_kind(path: &str, meta: &Metadata) -> Result<(), FileError> {
    if meta.is_file() { Ok(()) } else { Err(FileError::Irregular(path.to_owned())) }
}

fn check_shared(path: &str, meta: &Metadata) -> Result<(), FileError> {
    let mode = meta.mode() & 0o7777;
    if mode & WORLD_WRITES == 0 { Ok(()) } else { Err(FileError::Writable(path.to_owned(), mode)) }
}

fn check_private(path: &str, meta: &Metadata) -> Result<(), FileError> {
    let mode = meta.mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(FileError::Open(path.to_owned(), mode));
    }
    if is_ours(meta.uid()) { Ok(()) } else { Err(FileError::Owner(path.to_owned(), meta.uid())) }
}

/// The operating-system user that this process runs as.
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether the owner of a file is trusted. Root is trusted, because root can read and change every file anyway.
fn is_ours(user: u32) -> bool {
    user == 0 || user == self::user()
}

#[cfg(test)]
mod tests;
