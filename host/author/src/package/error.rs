//! Why a package cannot be published, fetched or accepted. Each error names the place, the cause and the remedy.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use super::short;

/// Why a package cannot be published, fetched or accepted. The text may contain untrusted parts. It is
/// shortened here, and whoever shows it escapes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackageError {
    /// The caller wrote a name that is not valid.
    #[error("`{text}`: {why}")]
    Name { text: String, why: String },
    /// The place did not answer, or refused the request.
    #[error("`{place}`: {why}")]
    Place { place: String, why: String },
    /// The place gave something else than what was asked for, or something that is not allowed.
    #[error("`{place}` is refused: {why}")]
    Refused { place: String, why: String },
    /// A local file.
    #[error("`{}`: {why}", .path.display())]
    File { path: PathBuf, why: String },
    /// The package is not signed by an author whose key is trusted.
    #[error("`{place}` is not signed by a trusted author: {why}")]
    Untrusted { place: String, why: String },
}

impl PackageError {
    pub(super) fn name(text: &str, why: impl Display) -> Self {
        Self::Name { text: text.to_owned(), why: short::text(&why.to_string()) }
    }

    pub(super) fn place(place: &str, why: impl Display) -> Self {
        Self::Place { place: place.to_owned(), why: short::text(&why.to_string()) }
    }

    pub(super) fn refused(place: &str, why: impl Display) -> Self {
        Self::Refused { place: place.to_owned(), why: short::text(&why.to_string()) }
    }

    pub(super) fn file(path: &Path, why: impl Display) -> Self {
        Self::File { path: path.to_owned(), why: short::text(&why.to_string()) }
    }

    pub(super) fn untrusted(place: &str, why: impl Display) -> Self {
        Self::Untrusted { place: place.to_owned(), why: short::text(&why.to_string()) }
    }

    /// The cause without the place.
    pub(super) fn why(&self) -> &str {
        match self {
            Self::Name { why, .. }
            | Self::Place { why, .. }
            | Self::Refused { why, .. }
            | Self::File { why, .. }
            | Self::Untrusted { why, .. } => why,
        }
    }
}
