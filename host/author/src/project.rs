//! Folders of adapter projects: templates, and how each language is built.
//!
//! A project holds the WIT files that it was made with, its contracts, and the source of one adapter in one language.
//! The name of the adapter is the `adapter` of the contracts.

pub mod build;
pub mod component;
pub mod contracts;
pub mod files;
mod flags;
pub mod imports;
mod installed;
pub mod language;
pub mod sources;
pub mod templates;
pub mod toolchain;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// Why a project cannot be made, read or built.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    #[error("`{path}`: {error}", path = .path.display())]
    File { path: PathBuf, error: io::Error },
    #[error(
        "`{path}` exists already; choose a directory that is empty or does not exist",
        path = .0.display()
    )]
    Exists(PathBuf),
    #[error("`{path}`: {why}", path = .path.display())]
    Toml { path: PathBuf, why: String },
    #[error(
        "`{name}` is not a name of an adapter; use lower-case letters, digits, `_` and `-`, and begin with a letter \
         or digit, at most 64 characters"
    )]
    Name { name: String },
    #[error("`declared` is the adapter that ships with the host; choose another name")]
    Reserved,
    #[error(
        "there is no template for Rust with WASI; leave out --wasi, because the SDK for Rust has functions for requests"
    )]
    NoWasi,
    #[error(
        "`{path}` is no adapter project: it has no Cargo.toml (Rust), no package.json (JavaScript), and no \
         requirements.txt with app.py (Python); make one with `deed adapter new`",
        path = .0.display()
    )]
    NoLanguage(PathBuf),
    #[error(
        "`{path}` has the files of several languages ({languages}); keep one project in a folder",
        path = .path.display()
    )]
    Languages { path: PathBuf, languages: String },
    #[error(
        "`{path}` has no contract, so the adapter has no name; write one with `adapter = \"NAME\"` under [action], or \
         name the component with --output",
        path = .0.display()
    )]
    NoContract(PathBuf),
    #[error(
        "the contracts in `{path}` name several adapters ({names}); a project has one, so keep one name",
        path = .path.display()
    )]
    Names { path: PathBuf, names: String },
    #[error("{0}")]
    Toolchain(String),
    #[error("{what} cannot be started: {error}")]
    Start { what: String, error: io::Error },
    #[error("{what} ended with {status}; see its own messages above")]
    Step { what: String, status: ExitStatus },
    #[error("`{path}` is no component: {why}", path = .path.display())]
    Encode { path: PathBuf, why: String },
    #[error(
        "`{path}` has more than {limit} source files; keep other files out of the project's folder",
        path = .path.display()
    )]
    Many { path: PathBuf, limit: usize },
}

impl ProjectError {
    pub(crate) fn file(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        move |error| Self::File { path: path.to_owned(), error }
    }
}

/// Checks that a text is the name of an adapter, as a contract spells it.
///
/// # Errors
///
/// Fails when the name is not valid, or is the name of the adapter that ships with the host.
pub fn check_name(name: &str) -> Result<(), ProjectError> {
    if !deed_record::action::id::is_name(name) {
        return Err(ProjectError::Name { name: name.to_owned() });
    }
    if name == "declared" { Err(ProjectError::Reserved) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_of_a_contract_is_a_name() {
        for name in ["tickets", "a", "7up", "it-desk_2"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        let long = "a".repeat(65);
        let wrong =
            ["", "Tickets", "-a", "a/b", "..", "a.b", "a b", "é", "declared", long.as_str()];
        for name in wrong {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
