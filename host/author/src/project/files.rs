//! Writes files of projects: new files only, or a finished file in place of an older one.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use super::ProjectError;

/// Writes a file that must not exist, and makes its folder.
///
/// # Errors
///
/// Fails when the file exists or cannot be written.
pub fn write_new(path: &Path, text: &str) -> Result<(), ProjectError> {
    let failed = ProjectError::file(path);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(&failed)?;
    }
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = file.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => ProjectError::Exists(path.to_owned()),
        _ => failed(error),
    })?;
    file.write_all(text.as_bytes()).map_err(&failed)
}

/// Writes a file under another name and renames it, so that no reader sees a part of it. An older file of this name is
/// replaced.
///
/// # Errors
///
/// Fails when the file cannot be written.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), ProjectError> {
    let failed = ProjectError::file(path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unfinished = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&unfinished)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        fs::remove_file(&unfinished).ok();
    }
    written.map_err(failed)
}
