//! `deed backup`: copies a served directory to a new path, even while its host runs. A host can serve the copy as if
//! the original host had stopped at one moment.
//!
//! A backup shows the host as it was at one moment, at which all logs had the sizes that the backup noted. The steps
//! rely on the order in which a host writes: an envelope is in the journal before its leaf is in the log, and the
//! journal records the index of a leaf only after the leaf is in the log. A backup has these steps:
//!
//! 1. The sizes of all logs at one moment are noted.
//! 2. The journal is read to its end, and cut before the first record that names a leaf beyond these sizes. The journal
//!    before the cut has the envelopes of all leaves within these sizes, because a host writes an envelope before its
//!    leaf.
//! 3. Payloads and statements are copied after the journal, because they are on disk before a record names them.
//! 4. The logs are rebuilt from their entries, up to the sizes of step 1. Entries beyond these sizes are left out.
//!
//! A backup takes no locks and writes only to its target. The target is created completely or not at all.

mod manifest;
pub(crate) mod snapshot_point;
pub(crate) mod staging_dir;

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use deed_record::lifecycle::event::{Entry, Event};
use deed_sandbox::credentials::SECRET_MAX;
use deed_store::journal::{self, OpenError, Seen};
use deed_store::log::{LogError, Snapshot};
use deed_store::statements::{StatementError, Statements};
use deed_system::clock::Clock;
use deed_system::files::{ADAPTER_MAX, CONFIG_MAX, FileError, Files, PEM_MAX, TEXT_MAX};

use self::manifest::{MANIFEST, OfJournal, OfLog};
pub use self::manifest::{Manifest, ManifestError};
use self::snapshot_point::{Snapshots, moment};
pub(crate) use self::staging_dir::{StagingDir, StagingError, at, sync_above};
use crate::config::keys::{self, KeyError, Next};
use crate::config::{self, Fault, TOKEN_MAX, TOKENS, is_token_id};
use crate::engine::key_history::KeyHistoryError;

/// Folders with files that people write, each with the maximum size of such a file.
const FOLDERS: [(&str, u64); 3] =
    [("contracts", TEXT_MAX), ("policies", TEXT_MAX), ("adapters", ADAPTER_MAX)];

/// Why a backup failed. The unfinished backup was removed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("`{}` already exists; name a path that does not exist", .0.display())]
    Exists(PathBuf),
    #[error("`{}` is inside state/, which is copied; name a path outside state/", .0.display())]
    Inside(PathBuf),
    #[error("`{}` has no state/; a host has never served this directory", .0.display())]
    NoState(PathBuf),
    #[error("a key was rotated during the backup; try again")]
    Rotated,
    #[error("the logs kept growing during the backup; try again when there is less load")]
    Restless,
    #[error("{0}; stop the host and run `deed journal check` for details")]
    Journal(#[from] OpenError),
    #[error("the log of tenant `{tenant}` cannot be used: {source}")]
    Log { tenant: String, source: LogError },
    #[error("{0}")]
    Config(Fault),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    KeyHistory(#[from] KeyHistoryError),
    #[error(transparent)]
    Statement(#[from] StatementError),
    #[error(transparent)]
    StagingDir(#[from] StagingError),
    #[error("`state/log` cannot be read: {0}")]
    Logs(std::io::Error),
    #[error("the log of tenant `{0}` has no valid name: {1}")]
    Origin(String, String),
    #[error("the manifest cannot be written: {0}")]
    Manifest(#[from] serde_json::Error),
}

/// The error of copying a log: either the log cannot be read, or the copy cannot be written.
#[derive(Debug)]
enum Copying {
    Log(LogError),
    StagingDir(StagingError),
}

impl From<LogError> for Copying {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

/// Copies the contents of `dir` to `target`. Private keys and secrets are copied only if `with_keys` is set.
///
/// # Errors
///
/// Fails when `target` exists or is inside state/, a key rotation is under way, or a file cannot be read or written.
pub fn backup(
    dir: &Path,
    target: &Path,
    with_keys: bool,
    clock: &Clock,
) -> Result<Manifest, BackupError> {
    let state = dir.join("state");
    refuse(&state, target)?;
    journal::version(&state).map_err(OpenError::from)?;
    // No backup is made during a key rotation, because the backup would contain an unfinished replacement of a key.
    Next::must_be_none(dir)?;
    let keys = keys::public(dir)?;
    let snapshots = moment(dir)?;
    let extent = journal::extent(&state, &mut |seen| is_beyond(seen, &snapshots))?;
    let mut draft = StagingDir::begin(target)?;
    for (path, bytes) in &extent.files {
        draft.copy(&state.join(path), &format!("state/{path}"), Some(*bytes))?;
    }
    let (path, text) = &extent.head;
    draft.put(&format!("state/{path}"), text.as_bytes())?;
    draft.put("state/VERSION", journal::version_line().as_bytes())?;
    for path in journal::payload_files(&state)? {
        draft.copy(&state.join(&path), &format!("state/{path}"), None)?;
    }
    if let Some(statements) = Statements::look(&state)? {
        for (_, _, name) in statements.names()? {
            let path = format!("statements/{name}");
            draft.copy(&state.join(&path), &format!("state/{path}"), None)?;
        }
    }
    let logs = copy_logs(&mut draft, &snapshots)?;
    configuration(dir, &mut draft, with_keys)?;
    // The backup fails if a key was rotated while the backup was made, because the copied logs do not name the new key
    // yet.
    Next::must_be_none(dir)?;
    if keys::public(dir)? != keys {
        return Err(BackupError::Rotated);
    }
    let journal = OfJournal { records: extent.records, hash: extent.hash };
    let manifest = Manifest::new(clock.now_ms(), with_keys, journal, logs, draft.files());
    draft.put(MANIFEST, &serde_json::to_vec_pretty(&manifest)?)?;
    draft.finish(target)?;
    Ok(manifest)
}

fn refuse(state: &Path, target: &Path) -> Result<(), BackupError> {
    if std::fs::symlink_metadata(target).is_ok() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    let Ok(state) = state.canonicalize() else {
        return Err(BackupError::NoState(state.parent().unwrap_or(state).to_owned()));
    };
    let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new(".")).canonicalize();
    if parent.is_ok_and(|parent| parent.starts_with(state)) {
        return Err(BackupError::Inside(target.to_owned()));
    }
    Ok(())
}

/// Whether a record names a leaf that is beyond the noted size of its log.
fn is_beyond(seen: &Seen<'_>, snapshots: &Snapshots) -> bool {
    let size = snapshots.get(&seen.summary.tenant).map_or(0, Snapshot::size);
    seen.events.iter().filter(|bytes| may_be_logged(bytes)).any(|bytes| {
        let entry = serde_json::from_slice::<Entry>(bytes);
        let Ok(Entry { event: Event::Logged { leaves, .. }, .. }) = entry else { return false };
        leaves.iter().any(|leaf| leaf.index >= size)
    })
}

/// Whether an event may be a `logged` event. This check avoids parsing most other events.
fn may_be_logged(bytes: &[u8]) -> bool {
    const NAME: &[u8] = b"\"logged\"";
    bytes.windows(NAME.len()).any(|window| window == NAME)
}

fn copy_logs(
    draft: &mut StagingDir,
    snapshots: &Snapshots,
) -> Result<BTreeMap<String, OfLog>, BackupError> {
    let mut logs = BTreeMap::new();
    for (tenant, snapshot) in snapshots {
        let copied = snapshot.copy(&mut |file| {
            let path = format!("state/log/{tenant}/{}", file.path);
            draft.put(&path, &file.bytes).map_err(Copying::StagingDir)
        });
        copied.map_err(|error| match error {
            Copying::Log(error) => {
                crate::maintenance::backup::snapshot_point::of_log(tenant)(error)
            }
            Copying::StagingDir(error) => BackupError::StagingDir(error),
        })?;
        let (size, root) = (snapshot.size(), BASE64.encode(&snapshot.root()));
        logs.insert(tenant.clone(), OfLog { size, root });
    }
    Ok(logs)
}

/// Copies the files that people wrote: `deed.toml`, the files that it names, the digests of tokens, and public keys.
/// Private keys and secrets are copied only if `with_keys` is set.
fn configuration(dir: &Path, draft: &mut StagingDir, with_keys: bool) -> Result<(), BackupError> {
    let files = Files::open(dir)?;
    let outline = config::outline(dir).map_err(BackupError::Config)?;
    draft.put("deed.toml", &files.bytes("deed.toml", CONFIG_MAX)?)?;
    let secrets = places(dir, &outline.secrets);
    let is_wanted = |path: &str| {
        let place = dir.join(path);
        let is_secret = || place.canonicalize().is_ok_and(|place| secrets.contains(&place));
        place.is_file() && (with_keys || !is_secret())
    };
    for (folder, max) in FOLDERS {
        for name in files.names(folder)? {
            let path = format!("{folder}/{name}");
            if is_wanted(&path) {
                draft.put(&path, &files.bytes(&path, max)?)?;
            }
        }
    }
    for path in token_files(&files)?.into_iter().filter(|path| is_wanted(path)) {
        match files.bytes(&path, TOKEN_MAX) {
            // A token may be revoked while the backup is made.
            Err(e) if e.kind() == Some(ErrorKind::NotFound) => {}
            bytes => draft.put(&path, &bytes?)?,
        }
    }
    for path in outline.named.into_iter().chain(public_keys(&files)?) {
        if !draft.has(&path) && is_wanted(&path) {
            draft.put(&path, &files.bytes(&path, PEM_MAX)?)?;
        }
    }
    if !with_keys {
        return Ok(());
    }
    let limit = u64::try_from(SECRET_MAX).unwrap_or(u64::MAX).max(PEM_MAX);
    let secrets = files.names("secrets")?.into_iter().map(|name| format!("secrets/{name}"));
    let keys = files.names("keys")?.into_iter().map(|name| format!("keys/{name}"));
    for path in keys.chain(secrets).chain(outline.secrets) {
        if !draft.has(&path) && dir.join(&path).is_file() {
            draft.put(&path, &files.private(&path, limit)?)?;
        }
    }
    Ok(())
}

/// The paths of files after all links and `..` are resolved. The paths are compared to leave secrets out of a backup:
/// in a directory from an older version, a secret may be stored among the files that every backup contains.
fn places(dir: &Path, names: &BTreeSet<String>) -> BTreeSet<PathBuf> {
    names.iter().filter_map(|name| dir.join(name).canonicalize().ok()).collect()
}

/// The paths of the files with the digests of tokens, which are configuration, like the digests in `deed.toml`.
fn token_files(files: &Files) -> Result<Vec<String>, FileError> {
    let names = files.names(TOKENS)?.into_iter();
    let is_token = |name: &String| name.strip_suffix(".toml").is_some_and(is_token_id);
    Ok(names.filter(is_token).map(|name| format!("{TOKENS}/{name}")).collect())
}

fn is_public(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "pub")
}

/// The paths of the host's present and retired public keys, and of the approvers' public keys.
fn public_keys(files: &Files) -> Result<Vec<String>, FileError> {
    let mut paths = Vec::new();
    for folder in ["keys", "keys/retired", "approvers"] {
        let names = files.names(folder)?.into_iter();
        paths.extend(names.filter(|name| is_public(name)).map(|n| format!("{folder}/{n}")));
    }
    Ok(paths)
}
