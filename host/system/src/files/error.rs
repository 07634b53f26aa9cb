//! Errors for files of a served directory. Each error names the file, the cause and the remedy.

use std::io;

/// Maximum bytes of a path or value that a text for people quotes.
const QUOTED_MAX: usize = 200;

/// Whether a text for people may quote a path or a value of a configuration. A long text, a text of several lines and a
/// PEM block may be a key that was written in place of a path.
pub fn is_quotable(text: &str) -> bool {
    text.len() <= QUOTED_MAX && !text.chars().any(char::is_control) && !text.contains("-----BEGIN")
}

/// A path or value for a text for people: itself, or `…` if it must not be quoted.
pub fn quoted(text: &str) -> &str {
    if is_quotable(text) { text } else { "…" }
}

/// Why a file of a served directory cannot be used. The error never contains the content of the file, nor a path that
/// looks like a key.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error(
        "`{path}` leaves the served directory; use a relative path without `..`",
        path = quoted(.0)
    )]
    Outside(String),
    #[error(
        "`{path}` is a link that leads out of the served directory; replace the link with the file",
        path = quoted(.0)
    )]
    Escapes(String),
    #[error("`{path}` cannot be read: {1}", path = quoted(.0))]
    Read(String, io::Error),
    #[error("`{path}` is not a regular file; specify a regular file", path = quoted(.0))]
    Irregular(String),
    #[error("`{path}` is longer than {1} bytes; is this the right file?", path = quoted(.0))]
    Long(String, u64),
    #[error(
        "`{path}` has more than {max} files; remove files that are not needed",
        max = super::NAMES_MAX,
        path = quoted(.0)
    )]
    Many(String),
    #[error("`{path}` is not UTF-8; is this the right file?", path = quoted(.0))]
    NotText(String),
    #[error(
        "every user can write `{path}` (mode {1:04o}); run `chmod o-w {path}`",
        path = quoted(.0)
    )]
    Writable(String, u32),
    #[error(
        "other users can write `{path}` (mode {1:04o}), which contains a private file; run `chmod go-w {path}`",
        path = quoted(.0)
    )]
    Folder(String, u32),
    #[error(
        "other users can read `{path}` (mode {1:04o}); run `chmod 600 {path}`",
        path = quoted(.0)
    )]
    Open(String, u32),
    #[error(
        "`{path}` belongs to user {1}, who can read and change it; change its owner to the user that runs the host",
        path = quoted(.0)
    )]
    Owner(String, u32),
    #[error(
        "`{path}` is a link, and the host writes only inside the served directory; remove the link",
        path = quoted(.0)
    )]
    Link(String),
    #[error("`{path}` is not a folder; remove it", path = quoted(.0))]
    NoFolder(String),
    #[error(
        "other users can enter `{path}` (mode {1:04o}); run `chmod 700 {path}`",
        path = quoted(.0)
    )]
    Entered(String, u32),
    #[error("`{path}` belongs to user {1}, who can replace what is in it", path = quoted(.0))]
    Foreign(String, u32),
    #[error(
        "other users can replace what is in `{path}` (mode {1:04o}); run `chmod go-w {path}`",
        path = quoted(.0)
    )]
    Replaced(String, u32),
    #[error("other users could have written `{path}` (mode {1:04o}); remove it", path = quoted(.0))]
    Planted(String, u32),
    #[error("`{path}` exists already, and the host replaces no file there; move it away", path = quoted(.0))]
    Exists(String),
    #[error("`{path}` cannot be created: {1}", path = quoted(.0))]
    Make(String, io::Error),
    #[error("`{path}` cannot be removed: {1}", path = quoted(.0))]
    Remove(String, io::Error),
    #[error("`{path}` cannot be locked: {1}", path = quoted(.0))]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_place_of_a_path_is_not_quoted() {
        let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIE\n-----END PRIVATE KEY-----\n";
        let long = "x".repeat(QUOTED_MAX + 1);
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        for path in [key, "a\nb", "a\u{1b}b", &long] {
            for error in [
                FileError::Outside(path.to_owned()),
                FileError::Read(path.to_owned(), missing()),
                FileError::Long(path.to_owned(), 7),
                FileError::Open(path.to_owned(), 0o644),
            ] {
                let said = error.to_string();
                assert!(said.contains("`…`") || said.contains("`chmod 600 …`"), "{said}");
                assert!(!said.contains(path), "{said}");
            }
        }
        let said = FileError::Open("secrets/idp".to_owned(), 0o644).to_string();
        assert_eq!(
            said,
            "other users can read `secrets/idp` (mode 0644); run `chmod 600 secrets/idp`"
        );
    }
}
