//! The file `VERSION` has the version of the layout of a state directory. If the version of a directory is newer than
//! this program supports, no other file of the directory is read.
//!
//! The version is increased when an older `deed` would lose or misread data in the new layout. Version 1 had no file
//! `VERSION`; version 2 added `segments/HEAD`.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The version of the layout that this program writes.
const PRESENT: u32 = 2;
const FILE: &str = "VERSION";
const WORDS: &str = "deed state ";

/// Why this program cannot use a state directory.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    #[error(
        "`{}` has version {found}, and this `deed` supports versions up to {PRESENT}; start the version that \
        wrote it, or a newer one", path.display()
    )]
    Newer { path: PathBuf, found: u32 },
    #[error("`{}` does not contain one line with a version, such as `deed state 2`; restore the file", path.display())]
    Form { path: PathBuf },
    #[error("`{}`: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// The version of this state directory; 1 if it has no file `VERSION`.
///
/// # Errors
///
/// Fails when the version is newer than this program supports, and when the file is invalid or cannot be read.
pub fn version(state: &Path) -> Result<u32, VersionError> {
    let path = state.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(1),
        Err(e) if e.kind() == io::ErrorKind::InvalidData => {
            return Err(VersionError::Form { path });
        }
        Err(source) => return Err(VersionError::Io { path, source }),
    };
    let number = text.strip_prefix(WORDS).and_then(|rest| rest.strip_suffix('\n'));
    let digits = number.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    match digits.and_then(|digits| digits.parse().ok()) {
        Some(found) if found > PRESENT => Err(VersionError::Newer { path, found }),
        Some(found) if found > 0 => Ok(found),
        _ => Err(VersionError::Form { path }),
    }
}

/// The text of `VERSION` for the present version.
pub fn version_line() -> String {
    format!("{WORDS}{PRESENT}\n")
}

/// Writes the present version to `VERSION`. The file is on disk when this function returns.
pub(super) fn mark(state: &Path) -> Result<(), VersionError> {
    let path = state.join(FILE);
    let failed = |source| VersionError::Io { path: path.clone(), source };
    // The caller has already added the files of version 2 to a state directory of version 1.
    if path.exists() && version(state)? == PRESENT {
        return Ok(());
    }
    replace(&path, version_line().as_bytes()).map_err(failed)
}

/// Writes a file completely or not at all: temporary file, fsync, rename, fsync of the directory.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("tmp");
    let mut file = File::create(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}
