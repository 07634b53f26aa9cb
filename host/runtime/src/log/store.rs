//! The files of the log: takes relative paths and bytes, gives them back. A file is whole or absent
//! after a crash, and when `put` returns it stays; nothing is ever changed in place.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use deed_record::tlog::{Resource, tile};

use super::LogError;

/// The log's directory.
#[derive(Debug)]
pub(super) struct Store {
    root: PathBuf,
    /// Directories whose own entries, up to the root, this process has synced.
    synced: HashSet<PathBuf>,
}

impl Store {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), synced: HashSet::new() }
    }

    /// The bytes of a file; `None` when there is none.
    pub(super) fn get(&self, path: &str) -> Result<Option<Vec<u8>>, LogError> {
        let path = self.root.join(path);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(LogError::Io { path, source }),
        }
    }

    /// Writes these files, in any order: temporary file, fsync, rename, fsync of the directories.
    pub(super) fn put(&mut self, files: &[Resource]) -> Result<(), LogError> {
        let mut directories = BTreeSet::new();
        for file in files {
            let path = self.root.join(&file.path);
            if let Some(directory) = path.parent() {
                self.make(directory)?;
                directories.insert(directory.to_owned());
            }
            replace(&path, &file.bytes).map_err(at(&path))?;
        }
        directories.iter().try_for_each(|directory| sync(directory))
    }

    /// Removes the partial forms of the tiles that are full now (tlog-tiles allows it).
    ///
    /// They are only copies: what cannot be removed stays, and the operator is told.
    pub(super) fn drop_partials(&self, files: &[Resource]) {
        for file in files.iter().filter(|file| file.path.starts_with("tile/")) {
            if tile::is_partial(&file.path) {
                continue;
            }
            let path = self.root.join(tile::partials(&file.path));
            match fs::remove_dir_all(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(path = %path.display(), %error, "partial tiles stay behind");
                }
                _ => {}
            }
        }
    }

    /// Makes a directory and everything above it, down from the root, so that it survives a crash.
    fn make(&mut self, directory: &Path) -> Result<(), LogError> {
        if self.synced.contains(directory) {
            return Ok(());
        }
        fs::create_dir_all(directory).map_err(at(directory))?;
        // Also where it exists: whoever made it may have died before its entry was on disk.
        for above in directory.ancestors().skip(1).take_while(|above| above.starts_with(&self.root))
        {
            sync(above)?;
        }
        self.synced.insert(directory.to_owned());
        Ok(())
    }
}

/// Waits until the entries of a directory are on disk.
pub(super) fn sync(directory: &Path) -> Result<(), LogError> {
    File::open(directory).and_then(|opened| opened.sync_all()).map_err(at(directory))
}

/// Names the file in an error of the system.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> LogError {
    let path = path.to_owned();
    move |source| LogError::Io { path, source }
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let mut file = File::create(&name)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&name, path)
}
