//! Files of a served directory: takes a path below it, gives bytes.
//!
//! Never reads anything outside of the directory, whatever links say, nor what is no regular file, what
//! is longer than its limit, or what everybody may write. What is private must be the owner's alone.

mod error;
mod keep;
pub mod path_walk;
mod room;
mod state;

use std::io::{self, Read as _};
use std::path::{Component, Path};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata, MetadataExt as _};
use zeroize::Zeroizing;

pub use self::error::FileError;
pub use self::room::{Room, room};
pub use self::state::make as make_state;

/// `deed.toml` of a host with a thousand tenants stays below.
pub const CONFIG_MAX: u64 = 1 << 20;
/// A contract or policy is read by people before it is accepted.
pub const TEXT_MAX: u64 = 256 << 10;
/// An interpreter compiled into a component has some 40 MiB.
pub const ADAPTER_MAX: u64 = 64 << 20;
/// Public keys and certificates of authorities, in PEM.
pub const PEM_MAX: u64 = 1 << 20;
/// Files in one folder.
pub const NAMES_MAX: usize = 1_000;

/// Permission bits: others may write; group or others may write; group or others may do anything.
const WORLD_WRITES: u32 = 0o002;
const OTHERS_WRITE: u32 = 0o022;
const OTHERS: u32 = 0o077;

/// A served directory, opened once: what is read later is in this one, even if it is moved.
#[derive(Debug)]
pub struct Files {
    dir: Dir,
}

impl Files {
    pub fn open(root: &Path) -> Result<Self, FileError> {
        let dir = Dir::open_ambient_dir(root, ambient_authority());
        dir.map(|dir| Self { dir }).map_err(|e| FileError::Read(root.display().to_string(), e))
    }

    pub fn bytes(&self, path: &str, max: u64) -> Result<Vec<u8>, FileError> {
        let mut bytes = self.read(path, max, check_shared)?;
        Ok(std::mem::take(&mut *bytes))
    }

    pub fn text(&self, path: &str, max: u64) -> Result<String, FileError> {
        String::from_utf8(self.bytes(path, max)?).map_err(|_| FileError::NotText(path.to_owned()))
    }

    /// A secret or private key: only its owner, who is us or root, may read or write it.
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
        self.read(path, max, check_private)
    }

    /// The names in a folder, sorted; no folder has none.
    pub fn names(&self, folder: &str) -> Result<Vec<String>, FileError> {
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

    /// Replaces a file of the directory.
    pub fn write(&self, path: &str, bytes: &[u8]) -> Result<(), FileError> {
        self.dir.write(inside(path)?, bytes).map_err(|e| FileError::of(path, e))
    }

    /// Whether a group of people may add and replace files in a folder.
    pub fn is_a_groups(&self, folder: &str) -> bool {
        self.mode(folder).is_ok_and(|mode| mode & OTHERS_WRITE != 0)
    }

    fn read(
        &self,
        path: &str,
        max: u64,
        check: impl Fn(&str, &Metadata) -> Result<(), FileError>,
    ) -> Result<Zeroizing<Vec<u8>>, FileError> {
        let failed = |e| FileError::of(path, e);
        let relative = inside(path)?;
        for folder in crate::files::path_walk::folders(&self.dir, path)? {
            let mode = self.mode(&folder)?;
            if mode & WORLD_WRITES != 0 {
                return Err(FileError::Writable(folder, mode));
            }
        }
        // A named pipe would block in open; look before, and again at what was opened.
        check_kind(path, &self.dir.metadata(relative).map_err(failed)?)?;
        let file = self.dir.open(relative).map_err(failed)?;
        let meta = file.metadata().map_err(failed)?;
        check_kind(path, &meta)?;
        check(path, &meta)?;
        let long = || FileError::Long(path.to_owned(), max);
        if meta.len() > max {
            return Err(long());
        }
        // Room for all of it at once: a buffer that grows leaves copies behind.
        let room = usize::try_from(meta.len()).map_err(|_| long())?.saturating_add(1);
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        file.take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length <= max) {
            Ok(bytes)
        } else {
            Err(long())
        }
    }

    fn mode(&self, folder: &str) -> Result<u32, FileError> {
        let meta = if folder == "." { self.dir.dir_metadata() } else { self.dir.metadata(folder) };
        Ok(meta.map_err(|e| FileError::of(folder, e))?.mode() & 0o7777)
    }
}

/// A path below the served directory: relative, without `..`.
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

/// Root reads and changes everything anyway.
/// The user of the operating system as whom this process acts.
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn is_ours(user: u32) -> bool {
    user == 0 || user == self::user()
}

#[cfg(test)]
mod tests;
