//! A staging directory next to a target path. Files are written into the staging directory, which is renamed to the
//! target path when all files are on disk. If the value is dropped before the rename, the directory is removed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use deed_spec::digest::Digest;
use sha2::{Digest as _, Sha256};

use super::manifest::OfFile;

/// Why a staging directory was not completed.
#[derive(Debug, thiserror::Error)]
pub enum StagingError {
    #[error("`{}`: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("`{}` has {found} bytes, but {wanted} must be copied", path.display())]
    Short { path: PathBuf, wanted: u64, found: u64 },
}

/// Files that are written but not yet at their target path. Only their owner can access them.
#[derive(Debug)]
pub(crate) struct StagingDir {
    root: PathBuf,
    files: BTreeMap<String, OfFile>,
    folders: BTreeSet<PathBuf>,
    placed: bool,
}

impl StagingDir {
    /// Creates a staging directory next to `target`, on the same file system. Fails when the directory cannot be
    /// created.
    pub(crate) fn begin(target: &Path) -> Result<Self, StagingError> {
        let mut name = target.as_os_str().to_owned();
        name.push(format!(".{}.partial", std::process::id()));
        let root = PathBuf::from(name);
        DirBuilder::new().mode(0o700).create(&root).map_err(at(&root))?;
        let folders = BTreeSet::from([root.clone()]);
        Ok(Self { root, files: BTreeMap::new(), folders, placed: false })
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    pub(crate) fn files(&self) -> BTreeMap<String, OfFile> {
        self.files.clone()
    }

    /// Writes a file. Fails when the file cannot be written.
    pub(crate) fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), StagingError> {
        self.write(path, &mut &*bytes).map(|_| ())
    }

    /// Copies a file, or only its first `limit` bytes, and returns the digest of the copy. Fails when the file cannot
    /// be read or is too short.
    pub(crate) fn copy(
        &mut self,
        from: &Path,
        path: &str,
        limit: Option<u64>,
    ) -> Result<Digest, StagingError> {
        let file = match File::open(from) {
            // A missing file counts as empty, because a journal without a record may have no file yet.
            Err(e) if e.kind() == io::ErrorKind::NotFound && limit == Some(0) => {
                return self.write(path, &mut io::empty()).map(|one| one.sha256);
            }
            opened => opened.map_err(at(from))?,
        };
        let copied = self.write(path, &mut file.take(limit.unwrap_or(u64::MAX)))?;
        match limit.filter(|wanted| copied.bytes != *wanted) {
            Some(wanted) => {
                let (path, found) = (from.to_owned(), copied.bytes);
                Err(StagingError::Short { path, wanted, found })
            }
            None => Ok(copied.sha256),
        }
    }

    fn write(&mut self, path: &str, from: &mut dyn Read) -> Result<OfFile, StagingError> {
        let place = self.root.join(path);
        let above = place.parent().unwrap_or(&self.root);
        DirBuilder::new().recursive(true).mode(0o700).create(above).map_err(at(above))?;
        let inside = above.ancestors().take_while(|folder| folder.starts_with(&self.root));
        self.folders.extend(inside.map(Path::to_owned));
        let mut options = OpenOptions::new();
        let opened = options.write(true).create_new(true).mode(0o600).open(&place);
        let mut file = opened.map_err(at(&place))?;
        let one = pour(from, &mut file).map_err(at(&place))?;
        self.files.insert(path.to_owned(), one);
        Ok(one)
    }

    /// Waits until the whole staging directory is on disk, and returns its present path. Fails when a folder cannot be
    /// synced.
    pub(crate) fn settle(&self) -> Result<&Path, StagingError> {
        for folder in self.folders.iter().rev() {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))?;
        }
        Ok(&self.root)
    }

    /// Renames the staging directory to `target`, which must not exist. Fails when the directory cannot be renamed or
    /// synced.
    pub(crate) fn finish(mut self, target: &Path) -> Result<(), StagingError> {
        self.settle()?;
        fs::rename(&self.root, target).map_err(at(target))?;
        self.placed = true;
        sync_above(target)
    }

    /// Records that the caller has moved the staging directory to its target path, so that it is not removed on drop.
    pub(crate) fn placed(mut self) {
        self.placed = true;
    }
}

impl Drop for StagingDir {
    fn drop(&mut self) {
        if self.placed {
            return;
        }
        if let Err(error) = fs::remove_dir_all(&self.root) {
            tracing::warn!(%error, path = %self.root.display(), "an incomplete copy could not be removed");
        }
    }
}

/// Waits until the name of a file or directory is on disk. Fails when the parent folder cannot be synced.
pub(crate) fn sync_above(path: &Path) -> Result<(), StagingError> {
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    let above = above.unwrap_or(Path::new("."));
    File::open(above).and_then(|folder| folder.sync_all()).map_err(at(above))
}

/// Writes all bytes durably, and returns their number and digest.
fn pour(from: &mut dyn Read, file: &mut File) -> io::Result<OfFile> {
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 128 << 10];
    loop {
        let count = from.read(&mut buffer)?;
        let part = buffer.get(..count).unwrap_or_default();
        if part.is_empty() {
            break;
        }
        hash.update(part);
        file.write_all(part)?;
        bytes += part.len() as u64;
    }
    file.sync_all()?;
    Ok(OfFile { bytes, sha256: Digest::from_bytes(hash.finalize().into()) })
}

pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> StagingError {
    let path = path.to_owned();
    move |source| StagingError::Io { path, source }
}
