//! `deed restore`: replaces a directory's state with that of a backup. The first step only reports which data would be
//! lost; the second step replaces the state.
//!
//! The previous state is moved aside, not deleted. Files that people wrote are only added, not replaced. A file of the
//! backup is used only if its digest matches the manifest.

mod loss;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use deed_spec::digest::Digest;
use deed_store::journal::{self, OpenError};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

pub use self::loss::Loss;
use super::backup::{Manifest, ManifestError, StagingDir, StagingError, at, sync_above};
use crate::config::TOKENS;

/// A planned restore. While this value exists, no host can start in the directory.
#[derive(Debug)]
pub struct Restore {
    backup: PathBuf,
    dir: PathBuf,
    manifest: Manifest,
    loss: Option<Loss>,
    _reserved: Option<File>,
}

/// The result of a restore.
#[derive(Debug)]
pub struct Restored {
    /// Where the previous state is now.
    pub aside: Option<PathBuf>,
    /// Files that people wrote and that differ from the backup. The restore does not change these files.
    pub kept: Vec<String>,
    /// How many tokens of agents were restored.
    pub tokens: usize,
    /// Whether the directory has the host's private keys.
    pub has_keys: bool,
}

/// Why nothing was restored. The directory is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("`{}`: {source}", path.display())]
    Manifest { path: PathBuf, source: ManifestError },
    #[error("`{path}` of the backup does not match its manifest; use another backup")]
    Changed { path: String },
    #[error("the backup has `{path}`, which its manifest does not name; use another backup")]
    Extra { path: String },
    #[error(transparent)]
    Journal(#[from] OpenError),
    #[error(transparent)]
    StagingDir(#[from] StagingError),
    #[error("`{}` cannot be moved into place: {source}", path.display())]
    Swap { path: PathBuf, source: std::io::Error },
}

impl Restore {
    /// Plans a restore: reads the backup and the directory, and changes nothing.
    ///
    /// # Errors
    ///
    /// Fails when the backup is not valid or a host runs in the directory.
    pub fn plan(backup: &Path, dir: &Path) -> Result<Self, RestoreError> {
        let named = |source| RestoreError::Manifest { path: backup.to_owned(), source };
        let manifest = Manifest::read(backup).map_err(named)?;
        // This check comes before all others, because the host must not open anything other than a plain file, in
        // particular a pipe.
        no_more_than(backup, &manifest)?;
        journal::version(&backup.join("state")).map_err(OpenError::from)?;
        let state = dir.join("state");
        let reserved = journal::reserve(&state)?;
        let loss = if state.exists() { loss::of(&state, &backup.join("state")) } else { None };
        let (backup, dir) = (backup.to_owned(), dir.to_owned());
        Ok(Self { backup, dir, manifest, loss, _reserved: reserved })
    }

    /// The data that the restore would lose: the directory has it, and the backup does not.
    pub fn loss(&self) -> Option<&Loss> {
        self.loss.as_ref()
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Carries out the restore. If the process is interrupted, the directory has either the old state or the new one.
    ///
    /// # Errors
    ///
    /// Fails when a file of the backup differs from the manifest or cannot be copied.
    pub fn carry_out(self) -> Result<Restored, RestoreError> {
        let state = self.dir.join("state");
        if !self.dir.is_dir() {
            private_dir(&self.dir)?;
            sync_above(&self.dir)?;
        }
        // All files of the backup are read and checked before anything is changed.
        let mut others = StagingDir::begin(&self.dir.join("restored"))?;
        let mut draft = StagingDir::begin(&state)?;
        for path in self.manifest.files.keys() {
            match path.strip_prefix("state/") {
                Some(below) => self.copy(path, below, &mut draft)?,
                None => self.copy(path, path, &mut others)?,
            }
        }
        let (kept, tokens) = self.put_others(&others)?;
        let aside = swap(draft, &state)?;
        let keys = ["keys/receipt.key", "keys/log.key"];
        let has_keys = keys.iter().all(|key| self.dir.join(key).is_file());
        Ok(Restored { aside, kept, tokens, has_keys })
    }

    fn copy(&self, path: &str, to: &str, draft: &mut StagingDir) -> Result<(), RestoreError> {
        let changed = || RestoreError::Changed { path: path.to_owned() };
        let wanted = self.manifest.files.get(path).ok_or_else(changed)?;
        let from = self.backup.join(path);
        // A symbolic link could lead to files that were not checked.
        if !fs::symlink_metadata(&from).is_ok_and(|meta| meta.is_file()) {
            return Err(changed());
        }
        let copied = draft.copy(&from, to, None)?;
        if copied == wanted.sha256 { Ok(()) } else { Err(changed()) }
    }

    /// Adds the files that people wrote if they do not exist yet. Returns the paths of existing files that differ from
    /// the backup, and how many tokens were added.
    ///
    /// A directory with a configuration gets no tokens: a token that is missing there may have been revoked.
    fn put_others(&self, others: &StagingDir) -> Result<(Vec<String>, usize), RestoreError> {
        let is_new = fs::symlink_metadata(self.dir.join("deed.toml")).is_err();
        let (mut kept, mut tokens) = (Vec::new(), 0);
        for (path, wanted) in others.files() {
            let is_token = Path::new(&path).starts_with(TOKENS);
            if is_token && !is_new {
                continue;
            }
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
            tokens += usize::from(is_token);
            // All folders above the file are synced, so that the names of folders that were created for the file are on
            // disk.
            let above = to.ancestors().take_while(|above| *above != self.dir.as_path());
            above.into_iter().try_for_each(sync_above)?;
        }
        Ok((kept, tokens))
    }
}

/// Whether an existing file equals the file in the backup. A file that cannot be read counts as different.
fn is_same(there: &Path, wanted: Digest) -> bool {
    fs::metadata(there).is_ok_and(|meta| meta.is_file())
        && fs::read(there).is_ok_and(|bytes| Digest::of(&bytes) == wanted)
}

/// Creates a folder and its missing parents, accessible only to their owner.
fn private_dir(dir: &Path) -> Result<(), StagingError> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(at(dir))
}

/// Fails if the state of a backup has a file that the manifest does not name.
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

/// Moves the new state into place in one step. An old state is moved aside.
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
            // After the exchange, the old state is at the path of the staging directory.
            draft.placed();
            fs::rename(&new, &aside).map_err(failed)?;
        }
        // On a file system that cannot exchange two names, two renames are needed, and the directory has no state
        // between them.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            fs::rename(state, &aside).map_err(failed)?;
            draft.finish(state)?;
        }
        Err(error) => return Err(failed(error.into())),
    }
    sync_above(state)?;
    Ok(Some(aside))
}
