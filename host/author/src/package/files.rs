//! Local files: bounded reads, and writes that follow no link below the folder that the caller named.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::error::PackageError;

/// A file to write.
#[derive(Debug)]
pub struct NewFile {
    pub path: PathBuf,
    pub bytes: Vec<u8>,
}

/// Reads a regular file of at most `max` bytes.
///
/// # Errors
///
/// Fails when the file is not regular, is larger, or cannot be read.
pub fn read(path: &Path, max: u64) -> Result<Vec<u8>, PackageError> {
    read_if_there(path, max)?.ok_or_else(|| PackageError::file(path, "there is no such file"))
}

/// Like [`read`], but `None` if there is no such file.
pub(super) fn read_if_there(path: &Path, max: u64) -> Result<Option<Vec<u8>>, PackageError> {
    let failed = |error: std::io::Error| PackageError::file(path, error);
    // Opening a named pipe would block, so the kind of the file is checked first.
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
        Ok(meta) if !meta.is_file() => {
            return Err(PackageError::file(path, "this is not a regular file"));
        }
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > max {
        return Err(PackageError::file(path, format!("the file has more than {max} bytes")));
    }
    Ok(Some(bytes))
}

/// Writes files below the folder `root`. Without `replace`, no file is written if one of them exists with another
/// content.
///
/// # Errors
///
/// Fails when a file exists, when a folder between `root` and a file is a link, or when a file cannot be written.
pub fn write(root: &Path, files: &[NewFile], replace: bool) -> Result<(), PackageError> {
    let mut missing = Vec::new();
    for file in files {
        refuse_links(root, &file.path)?;
        match state(file)? {
            Existing::Same => {}
            Existing::Other if !replace => {
                let why = "the file exists with another content; remove it, or use --replace";
                return Err(PackageError::file(&file.path, why));
            }
            Existing::Other | Existing::None => missing.push(file),
        }
    }
    for file in missing {
        if let Some(folder) = file.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|error| PackageError::file(folder, error))?;
        }
        if replace { put(&file.path, &file.bytes)? } else { create(&file.path, &file.bytes)? }
    }
    Ok(())
}

/// Refuses a path on which a folder below `root` is a link. The caller named `root`, which may be a link itself.
pub(super) fn refuse_links(root: &Path, path: &Path) -> Result<(), PackageError> {
    let inner = path.strip_prefix(root).unwrap_or(path);
    let mut folder = root.to_owned();
    for part in inner.parent().into_iter().flat_map(Path::components) {
        folder.push(part);
        if fs::symlink_metadata(&folder).is_ok_and(|meta| meta.is_symlink()) {
            let why = "this folder is a link, and nothing is written through links; replace the link by a folder";
            return Err(PackageError::file(&folder, why));
        }
    }
    Ok(())
}

enum Existing {
    None,
    Same,
    Other,
}

fn state(file: &NewFile) -> Result<Existing, PackageError> {
    match fs::symlink_metadata(&file.path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Existing::None),
        Err(error) => Err(PackageError::file(&file.path, error)),
        Ok(meta) if meta.is_file() && meta.len() == file.bytes.len() as u64 => {
            let same = read(&file.path, meta.len())? == file.bytes;
            Ok(if same { Existing::Same } else { Existing::Other })
        }
        Ok(_) => Ok(Existing::Other),
    }
}

/// Writes a file that must not exist.
fn create(path: &Path, bytes: &[u8]) -> Result<(), PackageError> {
    let failed = |error: std::io::Error| PackageError::file(path, error);
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)
}

/// Replaces a file as a whole: a reader sees the old content or the new one.
pub(super) fn put(path: &Path, bytes: &[u8]) -> Result<(), PackageError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let part = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let moved = create(&part, bytes)
        .and_then(|()| fs::rename(&part, path).map_err(|error| PackageError::file(path, error)));
    if moved.is_err() {
        // The error of the write is the one to report.
        fs::remove_file(&part).unwrap_or_default();
    }
    moved
}
