//! The files of the log, by relative path. When `put` or `settle` returns, the files that it wrote or synced are
//! complete and durable. A file that `spread` wrote may be lost in a crash until `settle` has synced it; a lost file is
//! built again.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use deed_spec::tlog::{Resource, tile};
use deed_system::failpoint;

use super::LogError;

/// Maximum number of files synced in parallel.
const SYNCS: usize = 8;

/// The log's directory.
#[derive(Debug)]
pub(super) struct Store {
    root: PathBuf,
    /// Directories that this process has synced, together with all directories above them up to the root.
    synced: HashSet<PathBuf>,
    /// Tiles and bundles that are newer than the files on disk, each under the path of the full tile or bundle. If a
    /// tile has grown more than once, only its last version is written.
    staged: BTreeMap<String, Resource>,
    /// Paths of files that were written but not synced.
    spread: BTreeSet<String>,
}

impl Store {
    pub(super) fn new(root: &Path) -> Self {
        let (staged, spread) = (BTreeMap::new(), BTreeSet::new());
        Self { root: root.to_owned(), synced: HashSet::new(), staged, spread }
    }

    /// The bytes of a file, even if the file is only staged; `None` if the file does not exist.
    pub(super) fn get(&self, path: &str) -> Result<Option<Vec<u8>>, LogError> {
        if let Some(staged) = self.staged.get(full(path)).filter(|staged| staged.path == path) {
            return Ok(Some(staged.bytes.clone()));
        }
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
            replace(&path, &file.bytes, File::sync_all).map_err(at(&path))?;
        }
        directories.iter().try_for_each(|directory| sync(directory))
    }

    /// Stages files to be written by the next `spread`.
    pub(super) fn stage(&mut self, files: Vec<Resource>) {
        for file in files {
            self.staged.insert(full(&file.path).to_owned(), file);
        }
    }

    /// Writes the staged files, and `last` after them, to the paths that readers use. Until the next `settle`, a crash
    /// may lose these files.
    pub(super) fn spread(&mut self, last: &Resource) -> Result<(), LogError> {
        let staged = std::mem::take(&mut self.staged);
        let written = staged.values().chain([last]).try_for_each(|file| {
            let path = self.root.join(&file.path);
            path.parent().map_or(Ok(()), |directory| self.make(directory))?;
            replace(&path, &file.bytes, |_| Ok(())).map_err(at(&path))?;
            self.spread.insert(file.path.clone());
            Ok(())
        });
        if written.is_err() {
            // The staged files are kept, because there is no other copy of them.
            self.staged = staged;
        }
        written
    }

    /// How many files the next `settle` has to sync.
    pub(super) fn unsettled(&self) -> usize {
        self.spread.len()
    }

    /// Waits until every file that `spread` wrote is on disk, and removes the partial versions of full tiles.
    pub(super) fn settle(&mut self) -> Result<(), LogError> {
        let paths: Vec<PathBuf> = self.spread.iter().map(|path| self.root.join(path)).collect();
        failpoint::hit("log.settle.before");
        sync_together(&paths)?;
        let directories: BTreeSet<&Path> = paths.iter().filter_map(|path| path.parent()).collect();
        directories.iter().try_for_each(|directory| sync(directory))?;
        failpoint::hit("log.settle.after");
        self.drop_partials();
        self.spread.clear();
        Ok(())
    }

    /// Removes the partial versions of tiles that have become full, as tlog-tiles allows.
    ///
    /// A partial tile is only a copy of data in the full tile. If a partial tile cannot be removed, it stays and a
    /// warning is logged.
    fn drop_partials(&self) {
        for file in self.spread.iter().filter(|path| path.starts_with("tile/")) {
            if tile::is_partial(file) {
                continue;
            }
            let path = self.root.join(tile::partials(file));
            match fs::remove_dir_all(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(path = %path.display(), %error, "partial tiles could not be removed");
                }
                _ => {}
            }
        }
    }

    /// Creates a directory and all missing directories between it and the root, and syncs them so that they survive a
    /// crash.
    fn make(&mut self, directory: &Path) -> Result<(), LogError> {
        if self.synced.contains(directory) {
            return Ok(());
        }
        fs::create_dir_all(directory).map_err(at(directory))?;
        // The parent directories are synced even if the directory already exists, because the process that created the
        // directory may have ended before its name was on disk.
        for above in directory.ancestors().skip(1).take_while(|above| above.starts_with(&self.root))
        {
            sync(above)?;
        }
        self.synced.insert(directory.to_owned());
        Ok(())
    }
}

/// Waits until these files are on disk. The syncs run in parallel, because a disk can sync several files in the time of
/// one sync.
fn sync_together(paths: &[PathBuf]) -> Result<(), LogError> {
    let some = |paths: &[PathBuf]| paths.iter().try_for_each(|path| sync(path));
    std::thread::scope(|scope| {
        let parts = paths.chunks(paths.len().div_ceil(SYNCS).max(1));
        let threads: Vec<_> = parts.map(|part| scope.spawn(move || some(part))).collect();
        // If a thread panicked, its files may not be on disk.
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| LogError::Panicked)?)
    })
}

/// Waits until the entries of a directory, or the bytes of a file, are on disk.
pub(super) fn sync(path: &Path) -> Result<(), LogError> {
    File::open(path).and_then(|opened| opened.sync_all()).map_err(at(path))
}

/// Adds the file's path to an I/O error.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> LogError {
    let path = path.to_owned();
    move |source| LogError::Io { path, source }
}

/// The path of the full version of a tile. Any other path is returned unchanged.
fn full(path: &str) -> &str {
    path.split_once(".p/").map_or(path, |(full, _)| full)
}

fn replace(
    path: &Path,
    bytes: &[u8],
    hold: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let mut file = File::create(&name)?;
    file.write_all(bytes)?;
    hold(&file)?;
    failpoint::hit(&point(path, "before"));
    fs::rename(&name, path)?;
    failpoint::hit(&point(path, "after"));
    Ok(())
}

/// The name of the failpoint for a file that is renamed into place, such as a tile, the checkpoint or `HEAD`.
fn point(path: &Path, when: &str) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let kind =
        if path.components().any(|part| part.as_os_str() == "tile") { "tile" } else { &name };
    format!("log.{kind}.{when}")
}
