//! The language of a project, by the files in its folder, and how its adapter sends requests.

use std::path::Path;

use serde::Serialize;

use super::ProjectError;

/// A language for which there is a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    Rust,
    JavaScript,
    Python,
}

impl Language {
    pub const ALL: [Self; 3] = [Self::Rust, Self::JavaScript, Self::Python];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::JavaScript => "JavaScript",
            Self::Python => "Python",
        }
    }

    /// The files by which a project of this language is recognized.
    const fn markers(self) -> &'static [&'static str] {
        match self {
            Self::Rust => &["Cargo.toml"],
            Self::JavaScript => &["package.json"],
            Self::Python => &["requirements.txt", "app.py"],
        }
    }

    /// The language of the project in this folder.
    ///
    /// # Errors
    ///
    /// Fails unless the folder has the files of exactly one language.
    pub fn detect(dir: &Path) -> Result<Self, ProjectError> {
        let is_here =
            |language: &Self| language.markers().iter().all(|marker| dir.join(marker).is_file());
        let found: Vec<Self> = Self::ALL.into_iter().filter(is_here).collect();
        match found.as_slice() {
            [one] => Ok(*one),
            [] => Err(ProjectError::NoLanguage(dir.to_owned())),
            several => {
                let names: Vec<&str> = several.iter().map(|one| one.name()).collect();
                let languages = names.join(", ");
                Err(ProjectError::Languages { path: dir.to_owned(), languages })
            }
        }
    }
}

/// How the adapter of a project sends requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// With the functions of `deed:adapter`.
    Adapter,
    /// With the HTTP client of the language, over WASI. The grant needs `wasi = true`.
    Wasi,
}

impl Client {
    /// The client of a new project.
    ///
    /// # Errors
    ///
    /// Fails for WASI in Rust, for which there is no template.
    pub fn of(language: Language, wasi: bool) -> Result<Self, ProjectError> {
        match (language, wasi) {
            (Language::Rust, true) => Err(ProjectError::NoWasi),
            (_, true) => Ok(Self::Wasi),
            (_, false) => Ok(Self::Adapter),
        }
    }
}
