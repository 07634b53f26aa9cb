//! Large payloads, stored as files that are named by their SHA-256 and checked against it when they are read. Names are
//! hex digits, and cap-std confines all access to the directory. A file is never changed.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use deed_spec::digest::Digest;
use deed_system::failpoint;

use super::OpenError;
use super::scan::Wrong;
use crate::store::PayloadError;

/// The payload directory, with one subdirectory for each two-digit prefix of the file names (SHA-256 in hex).
#[derive(Debug)]
pub(super) struct Payloads {
    dir: Dir,
    /// Makes the names of temporary files unique within this process.
    next: AtomicU64,
}

impl Payloads {
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let dir = Dir::open_ambient_dir(dir, ambient_authority())?;
        Ok(Self { dir, next: AtomicU64::new(0) })
    }

    /// Stores these bytes and returns their name. When this method returns, the bytes are on disk under this name.
    pub(super) fn put(&self, bytes: &[u8]) -> Result<String, PayloadError> {
        let name = Digest::of(bytes).hex();
        match self.write(&name, bytes) {
            Ok(()) => Ok(name),
            Err(source) => Err(PayloadError::Io { name, source }),
        }
    }

    /// The payload with this name, checked against the name; `None` if the payload is not stored.
    pub(super) fn get(&self, name: &str) -> Result<Option<Vec<u8>>, PayloadError> {
        let digest = Digest::from_hex(name)
            .ok()
            .ok_or_else(|| PayloadError::Name { name: name.chars().take(80).collect() })?;
        match self.dir.read(place(name)) {
            Ok(bytes) if Digest::of(&bytes) == digest => Ok(Some(bytes)),
            Ok(_) => Err(PayloadError::Damaged { name: name.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(PayloadError::Io { name: name.to_owned(), source }),
        }
    }

    /// Writes and syncs a temporary file, renames it, and syncs both directories.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let place = place(name);
        let directory = prefix(name);
        self.dir.create_dir_all(&directory)?;
        // An existing file is complete, because a file gets its name only when it is complete. But the name may not be
        // on disk yet, so the directories are synced in any case.
        if !self.dir.try_exists(&place)? {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let temporary = format!("{place}.{}-{number}.tmp", std::process::id());
            let mut file = self.dir.create(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            failpoint::hit("payload.rename.before");
            self.dir.rename(&temporary, &self.dir, &place)?;
            failpoint::hit("payload.rename.after");
        }
        sync(&self.dir, &directory)?;
        sync(&self.dir, ".")
    }
}

/// The paths of all stored payloads below the state directory, sorted.
///
/// # Errors
///
/// Fails when a directory cannot be read.
pub fn payload_files(state: &Path) -> Result<Vec<String>, OpenError> {
    let root = state.join("payloads");
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::Io { path, source }
    };
    let mut files = Vec::new();
    if !root.is_dir() {
        return Ok(files);
    }
    for folder in std::fs::read_dir(&root).map_err(at(&root))? {
        let folder = folder.map_err(at(&root))?.path();
        if !folder.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(&folder).map_err(at(&folder))? {
            let name = entry.map_err(at(&folder))?.file_name().to_string_lossy().into_owned();
            // A file whose name is not a digest is a temporary file that a crash left behind.
            if Digest::from_hex(&name).is_ok() {
                files.push(format!("payloads/{}", place(&name)));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The names of all payloads whose content matches the name, and a fault for each other payload.
///
/// # Errors
///
/// Fails when a directory cannot be read.
pub fn check_payloads(state: &Path) -> Result<(BTreeSet<String>, Vec<Wrong>), OpenError> {
    let (mut good, mut wrong) = (BTreeSet::new(), Vec::new());
    let files = payload_files(state)?;
    if files.is_empty() {
        return Ok((good, wrong));
    }
    let root = state.join("payloads");
    let payloads = Payloads::open(&root).map_err(|source| OpenError::Io { path: root, source })?;
    for file in files {
        let name = file.rsplit('/').next().unwrap_or_default().to_owned();
        match payloads.get(&name) {
            Ok(Some(_)) => drop(good.insert(name)),
            // The file was removed after it was listed.
            Ok(None) => {}
            Err(error) => {
                let what = error.to_string();
                wrong.push(Wrong { file, offset: None, action: None, what });
            }
        }
    }
    Ok((good, wrong))
}

fn sync(dir: &Dir, path: &str) -> io::Result<()> {
    dir.open(path)?.sync_all()
}

fn prefix(name: &str) -> String {
    name.chars().take(2).collect()
}

fn place(name: &str) -> String {
    format!("{}/{name}", prefix(name))
}
