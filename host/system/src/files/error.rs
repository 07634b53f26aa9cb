//! Errors for files of a served directory. Each error names the file, the cause and the remedy.

use std::io;

/// Why a file of a served directory cannot be used. The error never contains the content of the file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("`{0}` leaves the served directory; use a relative path without `..`")]
    Outside(String),
    #[error(
        "`{0}` is a link that leads out of the served directory; replace the link with the file"
    )]
    Escapes(String),
    #[error("`{0}` cannot be read: {1}")]
    Read(String, io::Error),
    #[error("`{0}` is not a regular file; specify a regular file")]
    Irregular(String),
    #[error("`{0}` is longer than {1} bytes; is this the right file?")]
    Long(String, u64),
    #[error("`{0}` has more than {max} files; remove files that are not needed", max = super::NAMES_MAX)]
    Many(String),
    #[error("`{0}` is not UTF-8; is this the right file?")]
    NotText(String),
    #[error("every user can write `{0}` (mode {1:04o}); run `chmod o-w {0}`")]
    Writable(String, u32),
    #[error(
        "other users can write `{0}` (mode {1:04o}), which contains a private file; run `chmod go-w {0}`"
    )]
    Folder(String, u32),
    #[error("other users can read `{0}` (mode {1:04o}); run `chmod 600 {0}`")]
    Open(String, u32),
    #[error(
        "`{0}` belongs to user {1}, who can read and change it; change its owner to the user that runs the host"
    )]
    Owner(String, u32),
    #[error(
        "`{0}` is a link, and the host writes only inside the served directory; remove the link"
    )]
    Link(String),
    #[error("`{0}` is not a folder; remove it")]
    NoFolder(String),
    #[error("other users can enter `{0}` (mode {1:04o}); run `chmod 700 {0}`")]
    Entered(String, u32),
    #[error("other users could have written `{0}` (mode {1:04o}); remove it")]
    Planted(String, u32),
    #[error("`{0}` cannot be created: {1}")]
    Make(String, io::Error),
    #[error("`{0}` cannot be removed: {1}")]
    Remove(String, io::Error),
    #[error("`{0}` cannot be locked: {1}")]
    Lock(String, io::Error),
}

impl FileError {
    /// The error kind of the operating system, if there is one.
    pub fn kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Read(_, error)
            | Self::Make(_, error)
            | Self::Remove(_, error)
            | Self::Lock(_, error) => Some(error.kind()),
            _ => None,
        }
    }

    /// Converts an I/O error. For a path that leads out of the directory, cap-std returns `PermissionDenied` without an
    /// OS error code.
    pub(super) fn of(path: &str, error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none() {
            return Self::Escapes(path.to_owned());
        }
        Self::Read(path.to_owned(), error)
    }
}
