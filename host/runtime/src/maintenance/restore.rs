//! `deed restore`: puts a backup in the place of a directory's state. Takes a backup and a directory, says
//! first what would be lost, and does it only then.
//!
//! The state that was there is moved aside, never deleted; what people wrote is put where nothing is, and
//! is never replaced. Nothing is believed of a backup but what has the digests of its manifest.

mod loss;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use deed_spec::digest::Digest;
use deed_store::journal::{self, OpenError};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

pub use self::loss::Loss;
use super::backup::{Manifest, ManifestError, StagingDir, StagingError, at, sync_above};

/// What a restore is about to do. While it lives, no host can start in the directory.
#[derive(Debug)]
pub struct Restore {
    backup: PathBuf,
    dir: PathBuf,
    manifest: Manifest,
    loss: Option<Loss>,
    _reserved: Option<File>,
}

/// What a restore did.
#[derive(Debug)]
pub struct Restored {
    /// Where the state is that was there before.
    pub aside: Option<PathBuf>,
    /// Files that people wrote and that differ from the backup's: they stay as they are.
    pub kept: Vec<String>,
    /// Whether the directory has the host's private keys.
    pub has_keys: bool,
}

/// Why nothing was restored. The directory is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("`{}`: {source}", path.display())]
    Manifest { path: PathBuf, source: ManifestError },
    #[error("`{path}` of the backup is not what its manifest says; take another backup")]
    Changed { path: String },
    #[error("the backup has `{path}`, which its manifest does not name; take another backup")]
    Extra { path: String },
    #[error(transparent)]
    Journal(#[from] OpenError),
    #[error(transparent)]
    StagingDir(#[from] StagingError),
    #[error("`{}` cannot be put in its place: {source}", path.display())]
    Swap { path: PathBuf, source: std::io::Error },
}

impl Restore {
    /// Reads both and changes nothing.
    pub fn plan(backup: &Path, dir: &Path) -> Result<Self, RestoreError> {
        let named = |source| RestoreError::Manifest { path: backup.to_owned(), source };
        let manifest = Manifest::read(backup).map_err(named)?;
        // First: what is no file must not even be opened, a pipe least of all.
        no_more_than(backup, &manifest)?;
        journal::version(&backup.join("state")).map_err(OpenError::from)?;
        let state = dir.join("state");
        let reserved = journal::reserve(&state)?;
        let loss = if state.exists() { loss::of(&state, &backup.join("state")) } else { None };
        let (backup, dir) = (backup.to_owned(), dir.to_owned());
        Ok(Self { backup, dir, manifest, loss, _reserved: reserved })
    }

    /// What the directory has and the backup has not.
    pub fn loss(&self) -> Option<&Loss> {
        self.loss.as_ref()
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Does it. Whenever it is cut off, the directory has the old state or the new one.
    pub fn carry_out(self) -> Result<Restored, RestoreError> {
        let state = self.dir.join("state");
        if !self.dir.is_dir() {
            private_dir(&self.dir)?;
            sync_above(&self.dir)?;
        }
        // Everything is read and checked before anything is changed.
        let mut others = StagingDir::begin(&self.dir.join("restored"))?;
        let mut draft = StagingDir::begin(&state)?;
        for path in self.manifest.files.keys() {
            match path.strip_prefix("state/") {
                Some(below) => self.copy(path, below, &mut draft)?,
                None => self.copy(path, path, &mut others)?,
            }
        }
        let kept = self.put_others(&others)?;
        let aside = swap(draft, &state)?;
        let keys = ["keys/receipt.key", "keys/log.key"];
        let has_keys = keys.iter().all(|key| self.dir.join(key).is_file());
        Ok(Restored { aside, kept, has_keys })
    }

    fn copy(&self, path: &str, to: &str, draft: &mut StagingDir) -> Result<(), RestoreError> {
        let changed = || RestoreError::Changed { path: path.to_owned() };
        let wanted = self.manifest.files.get(path).ok_or_else(changed)?;
        let from = self.backup.join(path);
        // A link would lead out of what was looked through.
        if !fs::symlink_metadata(&from).is_ok_and(|meta| meta.is_file()) {
            return Err(changed());
        }
        let copied = draft.copy(&from, to, None)?;
        if copied == wanted.sha256 { Ok(()) } else { Err(changed()) }
    }

    /// Puts what people wrote where nothing is; gives what is there and differs.
    fn put_others(&self, others: &StagingDir) -> Result<Vec<String>, RestoreError> {
        let mut kept = Vec::new();
        for (path, wanted) in others.files() {
            let (from, to) = (others.settle()?.join(&path), self.dir.join(&path));
            if fs::symlink_metadata(&to).is_ok() {
                if !is_same(&to, wanted.sha256) {
                    kept.push(path);
                }
                continue;
            }
            if let Some(folder) = to.parent() {
                private_dir(folder)?;
            }
            fs::rename(&from, &to).map_err(at(&to))?;
            // With the names of folders that were made for it.
            let above = to.ancestors().take_while(|above| *above != self.dir.as_path());
            above.into_iter().try_for_each(sync_above)?;
        }
        Ok(kept)
    }
}

/// Whether a file that people wrote is what the backup has; one that cannot be read is not.
fn is_same(there: &Path, wanted: Digest) -> bool {
    fs::metadata(there).is_ok_and(|meta| meta.is_file())
        && fs::read(there).is_ok_and(|bytes| Digest::of(&bytes) == wanted)
}

/// Makes a folder, with those above it, that only its owner can enter.
fn private_dir(dir: &Path) -> Result<(), StagingError> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(at(dir))
}

/// A file that nobody vouches for has no place in a backup's state.
fn no_more_than(backup: &Path, manifest: &Manifest) -> Result<(), RestoreError> {
    let mut folders = vec![PathBuf::from("state")];
    while let Some(folder) = folders.pop() {
        let path = backup.join(&folder);
        for entry in fs::read_dir(&path).map_err(at(&path))? {
            let entry = entry.map_err(at(&path))?;
            let below = folder.join(entry.file_name());
            let name = below.to_string_lossy().into_owned();
            let kind = entry.file_type().map_err(at(&path))?;
            if kind.is_dir() {
                folders.push(below);
            } else if !manifest.files.contains_key(&name) {
                return Err(RestoreError::Extra { path: name });
            } else if !kind.is_file() {
                return Err(RestoreError::Changed { path: name });
            }
        }
    }
    Ok(())
}

/// The new state takes the place of the old one in one step, or of nothing.
fn swap(draft: StagingDir, state: &Path) -> Result<Option<PathBuf>, RestoreError> {
    let failed = |source| RestoreError::Swap { path: state.to_owned(), source };
    if !state.exists() {
        draft.finish(state)?;
        return Ok(None);
    }
    let aside = (1..u32::MAX)
        .map(|n| state.with_extension(format!("before-restore-{n}")))
        .find(|path| fs::symlink_metadata(path).is_err());
    let aside = aside.unwrap_or_else(|| state.with_extension("before-restore"));
    let new = draft.settle()?.to_owned();
    match renameat_with(CWD, &new, CWD, state, RenameFlags::EXCHANGE) {
        Ok(()) => {
            // From here on, what is at the draft's place is the old state.
            draft.placed();
            fs::rename(&new, &aside).map_err(failed)?;
        }
        // A file system that cannot exchange two names: for a moment there is no state.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            fs::rename(state, &aside).map_err(failed)?;
            draft.finish(state)?;
        }
        Err(error) => return Err(failed(error.into())),
    }
    sync_above(state)?;
    Ok(Some(aside))
}
